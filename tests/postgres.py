"""A private PostgreSQL for the tests: its own folder, its own port, gone afterwards.

As a command, it runs another command with DATABASE_URL set to a fresh database:

    python -m tests.postgres alembic upgrade head
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from app.lab.postgres import LEFT_OUT, Server, quick_folder, server_binaries, start

__all__ = ["LEFT_OUT", "Server", "cluster", "database", "server", "server_binaries"]


@contextmanager
def cluster() -> Iterator[str]:
    """A running server; yields the SQLAlchemy URL of its maintenance database."""
    with server() as running:
        yield running.url


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """A running server that can be restarted; gone afterwards.

    `durable`: on the disk and waiting for it at each commit, as one in production; for measuring.
    """
    where = None if durable else quick_folder()
    with tempfile.TemporaryDirectory(prefix="sre-agent-pg-", dir=where) as folder:
        running = start(Path(folder), port=_free_port(), durable=durable)
        try:
            yield running
        finally:
            running.stop()


@contextmanager
def database(cluster_url: str, template: str = "template1") -> Iterator[str]:
    """A fresh database of a cluster, a copy of `template` (empty); yields its SQLAlchemy URL."""
    name = f"t_{uuid4().hex[:12]}"
    with _maintenance(cluster_url) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    try:
        yield cluster_url.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with _maintenance(cluster_url) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _maintenance(cluster_url: str) -> psycopg.Connection:
    return psycopg.connect(cluster_url.replace("+psycopg", ""), autocommit=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(command: list[str]) -> int:
    """Run `command` with a fresh database; its exit code is ours."""
    with cluster() as server, database(server) as url:
        return subprocess.run(
            command, env=os.environ | {"DATABASE_URL": url}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
