"""A private PostgreSQL for the tests: its own folder, its own port, gone afterwards.

Uses the server binaries that Debian's `postgresql` package installs; nothing of the machine's own
clusters is touched. As root the server runs as another user, since it refuses to run as root.

As a command, it runs another command with DATABASE_URL set to a fresh database:

    python -m tests.postgres alembic upgrade head
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

SERVER_USER = "nobody"  # who runs the server where we are root
LEFT_OUT = "no PostgreSQL server here; `apt-get install postgresql` gives one"


def server_binaries() -> Path | None:
    """The folder with initdb and pg_ctl, newest version first; None where there is none."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for home in homes:
        if (home / "initdb").exists() and (home / "pg_ctl").exists():
            return home
    return None


@dataclass(frozen=True)
class Server:
    """A running server of our own."""

    url: str  # SQLAlchemy's, of its maintenance database
    _binaries: Path
    _data: Path
    _options: str

    def restart(self, mode: str = "fast") -> None:
        """As an update or a crash (`immediate`) does it: every connection is cut."""
        where = ("-D", self._data, "-w", "-l", self._data.parent / "log")
        _run(self._binaries / "pg_ctl", *where, "-m", mode, "-o", self._options, "restart")


@contextmanager
def cluster() -> Iterator[str]:
    """A running server; yields the SQLAlchemy URL of its maintenance database."""
    with server() as running:
        yield running.url


@contextmanager
def server() -> Iterator[Server]:
    """A running server that can be restarted; gone afterwards."""
    binaries = server_binaries()
    if binaries is None:
        raise RuntimeError(LEFT_OUT)
    with tempfile.TemporaryDirectory(prefix="sre-agent-pg-", dir=_quick_folder()) as folder:
        data, port = Path(folder) / "data", _free_port()
        if os.geteuid() == 0:
            shutil.chown(folder, SERVER_USER)
        _run(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync")  # fmt: skip
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off "
            "-c max_connections=300"
        )
        _run(binaries / "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        try:
            yield Server(url, binaries, data, options)
        finally:
            _run(binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


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


def _run(*argv: object) -> None:
    """Run a server command, as another user where we are root; its words only if it fails."""
    command = [str(part) for part in argv]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={SERVER_USER}", f"--regid={_group()}", "--clear-groups",
                   "--", *command]  # fmt: skip
    done = subprocess.run(
        command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _group() -> str:
    return grp.getgrgid(pwd.getpwnam(SERVER_USER).pw_gid).gr_name


def _quick_folder() -> str | None:
    """Memory where there is enough: a database is 300 files, and each test has its own."""
    memory = Path("/dev/shm")
    enough = memory.is_dir() and shutil.disk_usage(memory).free > 2 * 1024**3
    return str(memory) if enough else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _version(home: Path) -> int:
    name = home.parent.name
    return int(name) if name.isdigit() else 0


def main(command: list[str]) -> int:
    """Run `command` with a fresh database; its exit code is ours."""
    with cluster() as server, database(server) as url:
        return subprocess.run(
            command, env=os.environ | {"DATABASE_URL": url}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
