"""The database: manners of its connections, readiness, migrations."""

from __future__ import annotations

import asyncio
import gc
import logging
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import AsyncAdaptedQueuePool, event, text

from app.errors import ConfigurationError, DatabaseNotReady
from app.models import database as database_module
from app.models.database import Database
from app.models.migrate import head_revision, upgrade
from tests.conftest import settings_of


async def test_a_migrated_database_is_ready(database: Database) -> None:
    await database.check_schema()


def check(url: str) -> None:
    async def look() -> None:
        database = Database(settings_of(url))
        try:
            await database.check_schema()
        finally:
            await database.close()

    asyncio.run(look())


def test_an_empty_database_says_what_to_run_and_is_ready_after_it(empty_database_url: str) -> None:
    with pytest.raises(DatabaseNotReady, match=r"no tables yet.*alembic upgrade head"):
        check(empty_database_url)
    upgrade(settings_of(empty_database_url))
    upgrade(settings_of(empty_database_url))  # again changes nothing
    check(empty_database_url)


async def test_another_revision_is_not_ready(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    with pytest.raises(DatabaseNotReady, match=rf"revision older; .* needs {head_revision()}"):
        await database.check_schema()


async def test_a_lost_table_is_named(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("DROP TABLE sre_provenance"))
    with pytest.raises(DatabaseNotReady, match="lacks sre_provenance"):
        await database.check_schema()


async def test_a_database_that_is_not_there_is_not_ready_and_no_password_is_shown() -> None:
    database = Database(settings_of("postgresql://ann:secret@127.0.0.1:9/none"))
    with pytest.raises(DatabaseNotReady, match="cannot be used") as caught:
        await database.check_schema()
    await database.close()
    assert "secret" not in str(caught.value)


def test_migrating_what_is_not_there_says_so() -> None:
    with pytest.raises(DatabaseNotReady, match="cannot be migrated"):
        upgrade(settings_of("postgresql://ann:secret@127.0.0.1:9/none"))


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot live in memory"):
        Database(settings_of("sqlite:///:memory:"))


async def test_sqlite_survives_power_loss_and_holds_references(tmp_path: Path) -> None:
    database = Database(settings_of(f"sqlite:///{tmp_path}/deep/er/x.sqlite"))
    async with database.transaction() as session:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        told = [(await session.execute(text(f"PRAGMA {name}"))).scalar_one() for name in asked]
    await database.close()
    assert told == ["wal", 2, 1, 30_000]


async def test_an_error_leaves_nothing_behind(database: Database) -> None:
    lease = text("INSERT INTO host_lease (host, owner, fence) VALUES ('alpha', '', 0)")

    async def half_done() -> None:
        async with database.transaction() as session:
            await session.execute(lease)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await half_done()
    async with database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM host_lease"))).scalar_one() == 0


async def test_readers_do_not_wait_for_a_writer(
    database: Database, other_database: Database
) -> None:
    lease = text("INSERT INTO host_lease (host, owner, fence) VALUES ('alpha', '', 0)")
    async with database.transaction() as session:
        await session.execute(lease)
        async with asyncio.timeout(5), other_database.reading() as reader:
            count = (await reader.execute(text("SELECT count(*) FROM host_lease"))).scalar_one()
    assert count == 0


async def test_a_cancelled_writer_frees_the_database(
    database: Database, other_database: Database
) -> None:
    lease = "INSERT INTO host_lease (host, owner, fence) VALUES ('{}', '', 0)"
    writing = asyncio.Event()

    async def never_ends() -> None:
        async with database.transaction() as session:
            await session.execute(text(lease.format("alpha")))
            writing.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(never_ends())
    await writing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        for way in (database, other_database):
            async with way.transaction() as session:
                await session.execute(text(lease.format(f"beta-{id(way)}")))
    async with database.reading() as session:
        hosts = (await session.execute(text("SELECT host FROM host_lease"))).scalars().all()
    assert len(hosts) == 2
    assert "alpha" not in hosts


async def test_cut_off_in_a_statement_it_keeps_no_lock(
    database: Database, other_database: Database
) -> None:
    """However long what was cancelled is remembered: its traceback holds the statement."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)"
    lease = "INSERT INTO host_lease (host, owner, fence) VALUES ('alpha', '', 0)"

    async def write() -> None:
        async with database.transaction() as session:
            await session.execute(text(f"{numbers} SELECT count(*) FROM n"))

    gc.disable()  # it frees the lock some day, by chance
    try:
        task = asyncio.create_task(write())
        await asyncio.wait({task}, timeout=0.1)  # the driver's thread has the statement
        task.cancel()
        await asyncio.wait({task})
        async with asyncio.timeout(10), other_database.transaction() as session:
            await session.execute(text(lease))
    finally:
        gc.enable()
    assert task.cancelled()


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_cancelled_at_any_moment_a_write_is_whole_or_absent(
    database: Database, turns: int
) -> None:
    both = "INSERT INTO host_lease (host, owner, fence) VALUES ('{}', '', 0)"

    async def write() -> None:
        async with database.transaction() as session:
            await session.execute(text(both.format("alpha")))
            await session.execute(text(both.format("beta")))

    task = asyncio.create_task(write())
    for _ in range(turns):
        await asyncio.sleep(0)  # let it run for a turn of the loop, then cut it off
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5), database.transaction() as session:
        count = (await session.execute(text("SELECT count(*) FROM host_lease"))).scalar_one()
    assert count in (0, 2)


@pytest.mark.parametrize("moment", ["commit", "reset"])
async def test_the_end_of_a_transaction_is_not_cut_in_two(
    database: Database, caplog: pytest.LogCaptureFixture, moment: str
) -> None:
    async def write() -> None:
        async with database.transaction() as session:
            lease = "INSERT INTO host_lease (host, owner, fence) VALUES ('alpha', '', 0)"
            await session.execute(text(lease))

    task = asyncio.create_task(write())
    engine = database._engine.sync_engine
    event.listen(engine, moment, lambda *_: task.cancel(), once=True)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    async with database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM host_lease"))).scalar_one() == 1


@pytest.mark.parametrize("way", ["reading", "transaction"])
@pytest.mark.parametrize("moment", ["checkout", "engine_connect", "begin"])
async def test_cut_off_while_it_begins_it_keeps_no_connection(
    database: Database, moment: str, way: Literal["reading", "transaction"]
) -> None:
    async def look() -> None:
        async with getattr(database, way)() as session:
            await session.execute(text("SELECT 1"))

    await look()  # the connection that is checked out below
    task = asyncio.create_task(look())
    event.listen(database._engine.sync_engine, moment, lambda *_: task.cancel(), once=True)
    with pytest.raises(asyncio.CancelledError):
        await task
    pool = database._engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    assert pool.checkedout() == 0


async def test_an_end_that_never_comes_keeps_nobody_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database_module, "ENDING_SECONDS", 0.05)
    begun = asyncio.Event()

    async def never() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(database_module._to_its_end(never()))
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task


def test_one_database_serves_one_event_loop(database_url: str) -> None:
    database = Database(settings_of(database_url))

    async def look() -> None:
        async with database.reading() as session:
            await session.execute(text("SELECT 1"))

    async def look_and_close() -> None:
        await look()
        await database.close()

    asyncio.run(look_and_close())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(look())
