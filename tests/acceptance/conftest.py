"""The real thing: the server as a process of its own, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.audit.keys import Keys
from app.commands.demo import running, stop
from app.commands.server import Server
from app.domain.permission import Role
from app.models.database import Database
from tests.conftest import settings_of

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bare_environment() -> dict[str, str]:
    """The environment of a child process: nothing of this machine's own settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A simulated server with a database of its own."""
    folder = tmp_path_factory.mktemp("server")
    environment = {
        "ENABLE_REAL_SSH": "false",
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/sre-agent.sqlite",
        "LOG_LEVEL": "WARNING",
    }
    with running(environment, folder) as server:
        yield server


@dataclass(frozen=True)
class Keyed:
    """A server with a key for each role."""

    url: str
    tokens: dict[Role, str]


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    url = f"sqlite+aiosqlite:///{folder}/sre-agent.sqlite"
    environment = {
        "ENABLE_REAL_SSH": "false",
        "DATABASE_URL": url,
        "LOG_LEVEL": "ERROR",
        "RATE_LIMIT_PER_MINUTE": "1000000",
        "REFUSALS_PER_MINUTE": "1000000",
    }
    with running(environment, folder) as server:
        # made once and kept: schemathesis waits ten seconds for it, which a busy machine may need
        httpx.get(f"{server.url}/openapi.json", trust_env=False, timeout=60).raise_for_status()
        yield Keyed(server.url, asyncio.run(_keys(url)))


async def _keys(url: str) -> dict[Role, str]:
    database = Database(settings_of(url))
    try:
        return {role: (await Keys(database).create(role, role.value)).token for role in Role}
    finally:
        await database.close()


@contextmanager
def uvicorn_server(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """`uvicorn app.main:app` as one starts it by hand: nothing is migrated. Yields its address."""
    with started(["-m", "uvicorn", "app.main:app"], environment, folder) as (address, _):
        yield address


@contextmanager
def started(
    command: list[str], environment: Mapping[str, str], folder: Path, *, port: int = 0
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server by a Python command that takes --port, once it answers; and its process.

    On `port`, which is free; 0: on any.
    """
    with socket.create_server(("127.0.0.1", port)) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, *command, "--port", str(port)],
            cwd=PROJECT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_it_answers(address, child)
        yield address, child
    finally:
        if child.poll() is None:
            stop(child)


def _wait_until_it_answers(address: str, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline:
            assert child.poll() is None, "the server ended by itself"
            try:
                client.get(f"{address}/healthz")
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
    raise TimeoutError(address)
