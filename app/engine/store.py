"""Where the durable engine keeps its tables, derived from DATABASE_URL.

SQLite: a sibling file, so that the engine's many small commits and the audit's do not wait for
each other. PostgreSQL: the schema `dbos` of the same database.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from app.errors import ConfigurationError, DatabaseNotReady
from app.models.database import reason_of
from app.settings import Settings

SCHEMA = "dbos"
_BUSY_MS = 30_000
_TRY_SECONDS = 0.1
_ONE_AT_A_TIME = 7_365_240  # any number that is no other lock's: the key on PostgreSQL


def store_url(settings: Settings) -> str:
    """The engine's database URL. Creates the folder of a SQLite file that has none yet."""
    path = settings.sqlite_path
    if path is None:
        return settings.database_url
    if str(path).startswith(":") or not path.name:
        raise ConfigurationError(
            f"DATABASE_URL names no file ({settings.database_url!r}); an execution must survive "
            "a restart.",
            hint="Use sqlite+aiosqlite:///FILE or a PostgreSQL URL.",
        )
    sibling = sibling_file(path)
    sibling.parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{sibling}"


def sibling_file(path: Path) -> Path:
    """`var/sre-agent.sqlite` -> `var/sre-agent.dbos.sqlite`."""
    return path.with_name(f"{path.stem}.dbos{path.suffix or '.sqlite'}")


@contextmanager
def alone(url: str) -> Iterator[None]:
    """While this lasts no other process does the same. Blocking: for threads only.

    SQLite has one process that works, and needs no such thing. On PostgreSQL the lock is tried for
    again and again: who waited for it within a statement, or held it within a transaction, would
    keep an index that is made concurrently waiting for ever.
    """
    if url.startswith("sqlite"):
        yield
        return
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            mine = sa.text(f"SELECT pg_try_advisory_lock({_ONE_AT_A_TIME})")
            while not connection.execute(mine).scalar_one():
                time.sleep(_TRY_SECONDS)
            yield  # the lock goes with the connection
    finally:
        engine.dispose()


def run_on_postgres(url: str, *statements: str) -> list[int | None]:
    """Run statements, each on its own; the number that each answers, None where it answers nothing.

    Raises DatabaseNotReady.
    """
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            answers = [connection.execute(sa.text(statement)) for statement in statements]
            return [answer.scalar() if answer.returns_rows else None for answer in answers]
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseNotReady(f"The database cannot be used: {reason_of(error)}.") from error
    finally:
        engine.dispose()


def sqlite_engine(url: str) -> sa.Engine:
    """WAL, synced on every commit, and every transaction BEGIN IMMEDIATE.

    With pysqlite's own lazy BEGIN the engine's counting SELECTs run unlocked, and two processes
    may both pass a queue's limit (docs/discussions/durable-engine.md).
    """
    engine = sa.create_engine(
        url, connect_args={"timeout": _BUSY_MS / 1000, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's begin event below opens transactions
        for pragma in (
            f"busy_timeout={_BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
