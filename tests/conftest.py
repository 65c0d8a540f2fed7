"""Databases for tests: each test that asks for one runs on SQLite and on PostgreSQL.

`database_url` is fresh and migrated. Each kind is migrated once in a run and copied from then on.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from app.models.database import Database
from app.models.migrate import upgrade
from app.settings import Settings
from tests import postgres

# a busy machine draws and runs slowly: that says nothing of what is tested
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of what takes long is tested (two to four minutes by default), and pictures."""
    parser.addoption(
        "--deliveries", type=int, default=24, help="deliveries of test_tickets_under_fire"
    )
    parser.addoption(
        "--screenshots",
        action="store_true",
        help="test_everything_in_the_loop takes the manual's pictures anew, into docs/images",
    )


def pytest_collection_finish() -> None:
    """What is loaded by now stays: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()


def settings_of(url: str) -> Settings:
    """Settings with this database and nothing of the machine's own `.env`."""
    return Settings(database_url=url, _env_file=None)


def forget_audit_files(url: str) -> None:
    """Remove the audit's key and checkpoints; of a file's database they go with its folder."""
    settings = settings_of(url)
    settings.audit_keys_at.unlink(missing_ok=True)
    settings.audit_checkpoints_at.unlink(missing_ok=True)


class LeavesTheMachine(BaseException):
    """A test tried to speak to the world. No handler of ours may take it for a server's failure."""


@pytest.fixture(autouse=True, scope="session")
def _no_provider() -> Iterator[None]:
    """No test reaches a provider: no key is set, in children neither; the world is out of reach.

    An empty key goes before one in a `.env` of whoever runs the tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [
            n for n in os.environ if n.startswith(("OPENAI_", "LANGSMITH_", "LANGCHAIN_"))
        ]:
            patch.delenv(name)
        patch.setenv("OPENAI_API_KEY", "")
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def _guarded(connect: Any) -> Any:
    def guarded(own: socket.socket, address: Any) -> Any:
        if own.family in (socket.AF_INET, socket.AF_INET6) and _is_of_the_world(address[0]):
            raise LeavesTheMachine(f"a test tried to connect to {address}")
        return connect(own, address)

    return guarded


def _is_of_the_world(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_global
    except ValueError:
        return host != "localhost"  # a name would be looked up


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A private PostgreSQL server; yields the URL of its maintenance database."""
    if postgres.server_binaries() is None:
        pytest.skip(postgres.LEFT_OUT)
    with postgres.cluster() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[str]:
    """The name of a migrated database to copy."""
    with postgres.database(postgres_server) as url:
        upgrade(settings_of(url))
        yield url.rsplit("/", 1)[1]


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("migrated") / "template.sqlite"
    upgrade(settings_of(f"sqlite:///{path}"))
    return path


@pytest.fixture(params=KINDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/var/empty.sqlite"
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield url
        forget_audit_files(url)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database, this test's own."""
    if request.param == "sqlite":
        path = tmp_path / "sre-agent.sqlite"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_server")
    with postgres.database(server, request.getfixturevalue("migrated_postgres")) as url:
        yield url
        forget_audit_files(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open way to `database_url`."""
    database = Database(settings_of(database_url))
    yield database
    await database.close()


@pytest.fixture
async def other_database(database_url: str) -> AsyncIterator[Database]:
    """A second way to the same database, as another process has it."""
    database = Database(settings_of(database_url))
    yield database
    await database.close()
