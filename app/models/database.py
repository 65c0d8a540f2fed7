"""The connection to the database: one `Database` for each event loop that works with it.

    database = Database(settings)
    await database.check_schema()
    async with database.transaction() as session: ...   # writes: all or nothing
    async with database.reading() as session: ...        # one consistent look
    await database.close()

Connections belong to the event loop that opened them. A process with two loops (the HTTP server's
and the durable engine's) constructs two; using one from another loop is an error at once, not a
hang at night.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, inspect, select
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.errors import ConfigurationError, DatabaseNotReady
from app.models import (  # noqa: F401  the metadata needs every table
    access,
    alert,
    archive,
    audit_check,
    chain,
    guards,
    model_call,
    operations,
    sre_execution,
    tickets,
)
from app.models.base import Base, DatabaseNow
from app.models.migrate import current_revision, head_revision
from app.settings import Settings

BUSY_SECONDS = 30
"""How long a writer waits for another process's transaction on SQLite."""

ENDING_SECONDS = 5.0
"""How long a cancelled transaction may take to end."""

UPGRADE_HINT = "Run: alembic upgrade head   (python start_server.py does it by itself)"


def reason_of(error: SQLAlchemyError) -> str:
    """The driver's own first line: what went wrong without the statement or any value in it."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__


def is_away(error: SQLAlchemyError) -> bool:
    """Whether it is the database that could not do it now: down, restarted, full, or locked."""
    return isinstance(error, OperationalError | InterfaceError)


def open_engine(settings: Settings) -> AsyncEngine:
    """An engine with the manners that this service relies on. Opens no connection yet."""
    if not settings.uses_sqlite:
        return create_async_engine(settings.database_url, pool_pre_ping=True, hide_parameters=True)
    path = settings.sqlite_path
    if path is None or str(path) in ("", ".", ":memory:"):
        raise ConfigurationError(
            "DATABASE_URL names no file; the server and the engine each open the database, so it "
            "cannot live in memory.",
            hint="Set DATABASE_URL=sqlite+aiosqlite:///./var/sre-agent.sqlite",
        )
    _make_folder(path.parent)
    engine = create_async_engine(
        settings.database_url,
        connect_args={"timeout": BUSY_SECONDS, "factory": _Connection},
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseNotReady(
            f"The database's folder {folder} cannot be made: {error.strerror}.",
            hint="Make it, or point DATABASE_URL at a file that this user may write.",
        ) from error


class _Connection(sqlite3.Connection):
    """A connection that lets go of its transaction when it is closed.

    SQLite keeps a closed connection's transaction, and with it the lock, for as long as one of its
    statements lives. After a cancellation that is until the garbage collector comes by: the
    statement hangs on the traceback.
    """

    def close(self) -> None:
        try:
            with suppress(sqlite3.ProgrammingError):  # it is closed already, which is no error
                self.rollback()
        finally:
            super().close()


def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    # None: the driver begins nothing by itself; `_begin_sqlite` says how a transaction begins
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",  # an intent that was committed survives the loss of power
        "foreign_keys=ON",
        "recursive_triggers=ON",  # rows that a REPLACE pushes out are deletions that guards see
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock before it reads: what it decides on cannot change under it.
    reads = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")


class Database:
    """One event loop's way to the database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engine = open_engine(settings)
        self._reading = self._engine.execution_options(**_reading_options(settings))
        self._loop: asyncio.AbstractEventLoop | None = None
        # SQLite has one writer: wait in line here instead of polling for the lock
        self._one_writer = asyncio.Lock() if settings.uses_sqlite else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A transaction that writes: committed at the end, rolled back on any error.

        A commit that has begun ends, whatever is cancelled meanwhile. Never open one inside
        another: on SQLite the inner one would wait for the outer for ever.
        """
        self._stay_on_one_loop()
        async with self._turn(), _ended_whole(self._engine) as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads: every query in it sees the same moment."""
        self._stay_on_one_loop()
        try:
            async with _ended_whole(self._reading) as session:
                yield session
        except SQLAlchemyError as error:
            raise self._not_usable(error) from error

    async def check_schema(self) -> None:
        """Raise DatabaseNotReady, with what to run, unless the tables are this version's."""
        head = head_revision()
        try:
            async with self._reading.connect() as connection:
                current, missing = await connection.run_sync(_look_at_schema)
                unguarded = [] if missing else await connection.run_sync(guards.missing)
        except SQLAlchemyError as error:
            raise self._not_usable(error) from error
        if current is None:
            raise DatabaseNotReady("The database has no tables yet.", hint=UPGRADE_HINT)
        if current != head:
            raise DatabaseNotReady(
                f"The database is at revision {current}; this version needs {head}.",
                hint=UPGRADE_HINT,
            )
        if missing:
            raise DatabaseNotReady(
                f"The database is at revision {head} but lacks {', '.join(missing)}.",
                hint="Restore it from a backup; migrations will not make single tables again.",
            )
        if unguarded:
            raise DatabaseNotReady(
                f"The database lacks guards of the audit: {', '.join(unguarded)}.",
                hint="Find out who removed them (sre-agent audit verify), then: sre-agent audit "
                "guard",
            )

    async def put_guards_back(self) -> list[str]:
        """Make the audit's guards anew where one is missing; the names of those that were."""
        async with self._engine.begin() as connection:
            gone = await connection.run_sync(guards.missing)
            if gone:
                await connection.run_sync(guards.install)
        return gone

    async def close(self) -> None:
        """Close every connection. The last thing a loop does with it."""
        await self._engine.dispose()

    def _not_usable(self, error: SQLAlchemyError) -> DatabaseNotReady:
        return DatabaseNotReady(
            f"The database {self.settings.database_url_shown} cannot be used: {reason_of(error)}.",
            hint="Check DATABASE_URL and that the database runs.",
            may_pass=is_away(error),
        )

    def _turn(self) -> AbstractAsyncContextManager[object]:
        return self._one_writer or nullcontext()

    def _stay_on_one_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError(
                "this Database belongs to another event loop: each loop constructs its own"
            )


@asynccontextmanager
async def _ended_whole(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A session in a transaction whose end no cancellation cuts in two.

    Cut in the middle of a commit nobody knew whether it holds; cut in the middle of a rollback the
    connection would be thrown away, with a traceback in the log of an ordinary stop.
    """
    session = AsyncSession(engine, expire_on_commit=False)
    try:
        await session.begin()
        yield session
        await _to_its_end(session.commit())
    finally:
        await _to_its_end(session.close())  # rolls back what was not committed


async def _to_its_end(ending: Coroutine[Any, Any, None]) -> None:
    """Wait for `ending` though this task be cancelled; then the cancellation goes on.

    For ENDING_SECONDS at most, once it is cancelled: a database that no longer answers must not
    keep a process from stopping.
    """
    task = asyncio.create_task(ending)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=None if cancelled is None else ENDING_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
            continue
        task.cancel()  # without effect where it is done
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    task.result()


async def database_now(session: AsyncSession) -> datetime:
    """The database's clock."""
    return (await session.execute(select(DatabaseNow()))).scalar_one()


def _reading_options(settings: Settings) -> dict[str, Any]:
    if settings.uses_sqlite:
        return {"reads_only": True}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def _look_at_schema(connection: Connection) -> tuple[str | None, list[str]]:
    """The revision of the database, and which tables it lacks."""
    present = set(inspect(connection).get_table_names())
    return current_revision(connection), sorted(set(Base.metadata.tables) - present)
