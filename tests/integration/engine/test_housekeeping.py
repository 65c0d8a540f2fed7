"""What ended long ago goes into files; neither the audit nor what was learned loses by it."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.audit import archive_file, archiving
from app.audit.archive_file import manifest_of
from app.audit.events import Events
from app.audit.figures import Measuring
from app.audit.findings import Fault
from app.audit.intents import Intents
from app.audit.key_file import Key
from app.audit.patrol import Patrol
from app.audit.reading import Reading
from app.audit.tickets import Tickets
from app.audit.verifying import verify
from app.audit.verifying_archive import verify_archive
from app.audit.workers import Workers
from app.domain.execution import ExecutionStatus
from app.domain.verdict import Verdict
from app.engine.durable_tables import WorkflowTables
from app.engine.engine import Engine
from app.engine.housekeeping import Housekeeping
from app.engine.vacuum import vacuum
from app.errors import AuditWriteFailed, NotFound
from app.models.database import Database
from tests.conftest import settings_of
from tests.integration.audit.tampering import tamper
from tests.integration.audit.test_guards import refused
from tests.integration.audit.test_intents import intent
from tests.integration.audit.test_learning import Story
from tests.integration.audit.values import incident
from tests.integration.engine.conftest import Site
from tests.integration.engine.graph import repair
from tests.integration.engine.service import hands
from tests.integration.engine.world import Folder

AT_ONCE = timedelta(0)
SPAWNS = multiprocessing.get_context("spawn")


class Estate:
    """A database with its engine's tables, and a folder for archives."""

    def __init__(self, url: str, folder: Path) -> None:
        self.settings = settings_of(url).model_copy(update={"archive_dir": folder})
        self.folder = folder
        self.database = Database(self.settings)
        self.tables = WorkflowTables(self.settings)
        self.house = Housekeeping(self.database, self.tables)
        self.story = Story(self.database)

    async def open(self) -> None:
        await self.tables.open()

    async def close(self) -> None:
        await self.tables.close()
        await self.database.close()

    async def begun(self, number: str) -> int:
        """An execution at work."""
        accepted = await self.story.journal.accept(
            incident(number), {}, simulated=False, max_active=9
        )
        await self.story.journal.set_status(accepted.execution_id, ExecutionStatus.RUNNING)
        return accepted.execution_id

    async def rows(self) -> dict[str, int]:
        """How many rows there are of what belongs to executions."""
        tables = (
            "sre_incident_execution",
            "sre_hypothesis",
            "command_intent",
            "archived_execution",
        )
        async with self.database.reading() as session:
            return {
                table: (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
                for table in tables
            }

    async def whole(self) -> None:
        """The live chain verifies, and so does each archive."""
        report = await verify(self.database)
        assert report.sound, report.findings
        for path in self.files():
            found = verify_archive(path, keys_at=self.settings.audit_keys_at)
            assert found.sound, found.findings
            assert found.hashes_checked

    def files(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{archive_file.ENDING}"))

    def archived(self) -> set[int]:
        """The executions that the files hold."""
        return {one.id for path in self.files() for one in archive_file.read(path)[1].executions}


@pytest.fixture
async def estate(database_url: str, tmp_path: Path) -> AsyncIterator[Estate]:
    estate = Estate(database_url, tmp_path / "archive")
    await estate.open()
    yield estate
    await estate.close()


async def test_what_ended_goes_and_all_that_counts_of_it_stays(estate: Estate) -> None:
    ids = [await estate.story.told("INC0000001"), await estate.story.told("INC0000002")]
    lessons = await estate.story.lessons.all()
    figures = await Measuring(estate.database).figures()
    assert len(lessons) == 2
    assert figures.verifications
    done = await estate.house.archive(AT_ONCE)
    assert (done.executions, done.kept, len(done.files)) == (2, 0, 1)
    assert await estate.rows() == {
        "sre_incident_execution": 0, "sre_hypothesis": 0, "command_intent": 0,
        "archived_execution": 2,
    }  # fmt: skip
    await estate.whole()
    assert estate.archived() == set(ids)
    assert (await verify(estate.database)).archived == 2
    later = await estate.story.lessons.all()
    assert [one.model_copy(update={"age_days": 0}) for one in later] == [
        one.model_copy(update={"age_days": 0}) for one in lessons
    ]
    counted = await Measuring(estate.database).figures()
    for name in ("ended", "seconds_to_end", "seconds_to_healthy", "actions", "verifications"):
        assert getattr(counted, name) == getattr(figures, name), name
    with pytest.raises(NotFound, match=r"was archived.*audit verify --archive"):
        await Reading(estate.database).execution(ids[0])
    with pytest.raises(NotFound, match="was archived"):
        await verify(estate.database, execution_id=ids[0])
    assert await refused(estate.database, "DELETE FROM archived_execution")
    assert await refused(estate.database, "DELETE FROM archive")
    assert (await estate.house.archive(AT_ONCE)).executions == 0


async def test_what_is_open_stays_and_the_chain_is_bridged_around_it(estate: Estate) -> None:
    """Entries of an open execution stand between those of ended ones."""
    before, at_work = await estate.story.told("INC0000001"), await estate.begun("INC0000002")
    unsettled = await estate.begun("INC0000003")
    asked = Intents(estate.database)
    await asked.open(intent(unsettled).model_copy(update={"id": "exe-3-1.change-1"}))
    await estate.story.journal.set_status(unsettled, ExecutionStatus.FAILED)
    after = await estate.story.told("INC0000004")
    await Events(estate.database).tell("kill-switch", {"on": True}, actor="ann")
    assert [one.id for one in await estate.house.due(AT_ONCE)] == [before, after]
    assert (await estate.house.archive(AT_ONCE)).executions == 2
    assert estate.archived() == {before, after}
    await estate.whole()
    assert (await Reading(estate.database).execution(at_work)).status is ExecutionStatus.RUNNING
    assert (await Reading(estate.database).execution(unsettled)).status is ExecutionStatus.FAILED
    statement = f"DELETE FROM sre_incident_execution WHERE id = {at_work}"
    assert await refused(estate.database, statement)
    assert await refused(estate.database, f"DELETE FROM audit_entry WHERE execution_id = {at_work}")
    assert await refused(estate.database, "DELETE FROM audit_entry WHERE seq = 1")


async def test_what_young_executions_are_is_for_the_age_to_say(estate: Estate) -> None:
    await estate.story.told("INC0000001")
    assert await estate.house.due(timedelta(hours=1)) == ()
    assert (await estate.house.archive(timedelta(hours=1))).files == ()


async def test_of_a_database_that_is_older_than_the_chain_the_chain_begins_first(
    estate: Estate, database_url: str
) -> None:
    execution_id = await estate.story.told("INC0000001")
    await tamper(estate.database, "DELETE FROM audit_entry")
    later = Estate(database_url, estate.folder)  # as a process that has just started
    await later.open()
    try:
        assert (await later.house.archive(AT_ONCE)).executions == 1
        assert later.archived() == {execution_id}
        await later.whole()
    finally:
        await later.close()


async def test_a_late_delivery_finds_what_was_archived(estate: Estate) -> None:
    first = await estate.story.told("INC0000001")
    await estate.house.archive(AT_ONCE)
    closed = await estate.story.journal.accept(
        incident("INC0000001", state="7"), {}, simulated=False, max_active=9
    )
    assert (closed.execution_id, closed.created) == (first, False)
    tickets = Tickets(estate.database)
    assert await tickets.without_execution(("INC0000001", "INC0000009")) == ("INC0000009",)
    again = await estate.story.journal.accept(
        incident("INC0000001"), {}, simulated=False, max_active=9
    )
    assert again.created
    assert (await Reading(estate.database).execution(again.execution_id)).episode == 2
    await estate.whole()


async def test_the_patrol_believes_the_chain_and_nothing_else(estate: Estate) -> None:
    """It had verified up to an entry that was archived since; a row that nobody entered is none."""
    await estate.story.told("INC0000001")
    # its clock stands still: no look is cut short where the machine is slow
    patrol = Patrol(estate.database, worker="w-1", all_seconds=3600, clock=lambda: 0.0)
    assert await patrol.look() == ()
    await estate.house.archive(AT_ONCE)
    assert await patrol.look() == ()
    await Events(estate.database).tell("kill-switch", {"on": True}, actor="ann")
    await Events(estate.database).tell("kill-switch", {"on": False}, actor="ann")
    lost = (await verify(estate.database)).head - 1
    async with estate.database.reading() as session:
        last = text(f"SELECT previous FROM audit_entry WHERE seq = {lost + 1}")
        excuse = {"first": lost, "last": lost, "hash": (await session.execute(last)).scalar_one()}
    rest = "sha256, executions, entries, rows, head_seq, head_hash, figures, archived_at"
    await tamper(
        estate.database,
        f"INSERT INTO archive (name, first_seq, last_seq, ranges, {rest}) "
        f"SELECT 'forged', {lost}, {lost}, CAST(:ranges AS JSON), {rest} FROM archive"
        if not estate.settings.uses_sqlite
        else f"INSERT INTO archive (name, first_seq, last_seq, ranges, {rest}) "
        f"SELECT 'forged', {lost}, {lost}, :ranges, {rest} FROM archive",
        f"DELETE FROM audit_entry WHERE seq = {lost}",
        ranges=json.dumps([excuse]),
    )
    found = await patrol.look()
    assert found is not None
    assert [one.statement for one in found] == [
        f"The audit does not hold: entries-missing at entry {lost}."
    ]
    faults = {finding.fault for finding in (await verify(estate.database)).findings}
    assert faults == {Fault.ENTRIES_MISSING, Fault.ROW_INSERTED}


async def test_an_excuse_that_was_widened_is_found(estate: Estate) -> None:
    await estate.story.told("INC0000001")
    await estate.house.archive(AT_ONCE)
    await estate.whole()
    await tamper(estate.database, "UPDATE archive SET last_seq = last_seq + 1")
    faults = {finding.fault for finding in (await verify(estate.database)).findings}
    assert faults == {Fault.ENTRIES_MISSING, Fault.ROW_CHANGED}


async def test_an_archive_that_was_altered_is_found(estate: Estate) -> None:
    await estate.story.told("INC0000001")
    await estate.house.archive(AT_ONCE)
    (path,) = estate.files()
    contents, manifest = archive_file.read(path)
    entry = contents.entries[3]
    contents.entries[3] = entry.model_copy(update={"actor": "mallory"})
    path.unlink()
    with_another_key = Key.new()
    archive_file.write(path, contents, manifest, with_another_key)
    archive_file.place(path)
    keys_at = estate.settings.audit_keys_at
    faults = [one.fault for one in verify_archive(path, keys_at=keys_at).findings]
    assert Fault.ANCHOR_FORGED in faults, "it names the key that it should be signed with"
    assert Fault.ENTRY_FORGED in faults or Fault.ENTRY_CHANGED in faults
    live = await verify(estate.database)
    assert [one.fault for one in live.findings] == [Fault.ARCHIVE_CHANGED]
    path.unlink()
    manifest_of(path).unlink()
    assert (await verify(estate.database)).sound, "it may have been put elsewhere"


async def test_what_was_altered_before_is_not_archived(estate: Estate) -> None:
    await estate.story.told("INC0000001")
    await tamper(estate.database, "UPDATE sre_hypothesis SET subject = 'another.service'")
    with pytest.raises(AuditWriteFailed, match=r"not archived.*sre_hypothesis was changed"):
        await estate.house.archive(AT_ONCE)
    assert (await estate.rows())["sre_hypothesis"] == 1
    assert list(estate.folder.iterdir()) == []


async def test_what_changes_while_it_is_archived_is_kept(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = await estate.story.told("INC0000001", sys_id="a" * 32)
    place = archive_file.place
    loop = asyncio.get_running_loop()

    def delivered_meanwhile(path: Path) -> None:
        again = estate.story.journal.accept(
            incident("INC0000001", sys_id="a" * 32, state="7"),
            {"sys_mod_count": 7},
            simulated=False,
            max_active=9,
        )
        asyncio.run_coroutine_threadsafe(again, loop).result(20)
        place(path)

    with monkeypatch.context() as patch:
        patch.setattr(archive_file, "place", delivered_meanwhile)
        done = await estate.house.archive(AT_ONCE)
    assert (done.executions, done.kept, done.files) == (0, 1, ())
    assert estate.files() == []
    await Reading(estate.database).execution(execution_id)
    assert (await estate.house.archive(AT_ONCE)).executions == 1
    await estate.whole()


MOMENTS = ("written", "entered", "removed")


@pytest.mark.parametrize("moment", MOMENTS)
async def test_killed_anywhere_it_loses_nothing(
    estate: Estate, database_url: str, moment: str
) -> None:
    ids = {await estate.story.told("INC0000001"), await estate.story.told("INC0000002")}
    await _workflows(estate, ids)
    process = SPAWNS.Process(target=_killed_at, args=(database_url, estate.folder, moment))
    process.start()
    await asyncio.to_thread(process.join, 60)
    assert process.exitcode == -signal.SIGKILL
    there = (await estate.rows())["sre_incident_execution"]
    assert there == (0 if moment == "removed" else 2)
    assert there == 2 or estate.archived() == ids
    await estate.whole()
    done = await estate.house.archive(AT_ONCE)
    assert done.executions == there
    assert estate.archived() == ids
    assert (await estate.rows())["archived_execution"] == 2
    assert [await estate.tables.recorded(execution_id) for execution_id in ids] == [(), ()]
    await estate.whole()


async def _workflows(estate: Estate, ids: set[int]) -> None:
    """A workflow for each that has ended, without a worker."""
    for execution_id in ids:
        await estate.tables.enqueue(execution_id, 1, due=1)
    done = await estate.house.archive(AT_ONCE)
    assert (done.executions, done.kept) == (0, 2), "they wait for a worker"
    for execution_id in ids:
        (one,) = await estate.tables.recorded(execution_id)
        await estate.tables.end(one.workflow)


def _killed_at(url: str, folder: Path, moment: str) -> None:
    """The whole life of a process that archives and is killed amid it."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    patch = pytest.MonkeyPatch()
    if moment == "written":
        patch.setattr(archive_file, "place", die)
    elif moment == "entered":
        patch.setattr(archiving, "_remove", die)
    else:
        patch.setattr(WorkflowTables, "remove", die)
    asyncio.run(_archive(url, folder))


async def _archive(url: str, folder: Path) -> None:
    estate = Estate(url, folder)
    await estate.open()
    await estate.house.archive(AT_ONCE)


async def test_the_engines_steps_go_into_the_archive_too(site: Site, tmp_path: Path) -> None:
    execution_id = await site.accept()
    agent = await site.agent()
    await site.ended(execution_id)
    await site.given_back()
    await agent.stop()
    estate = Estate(site.url, tmp_path / "archive")
    await estate.open()
    try:
        (recorded,) = await estate.tables.recorded(execution_id)
        assert len(recorded.content["steps"]) > 5
        assert (await estate.house.archive(AT_ONCE)).executions == 1
        assert await estate.tables.recorded(execution_id) == ()
        await estate.whole()
        (path,) = estate.files()
        contents, manifest = archive_file.read(path)
        assert contents.workflows == [recorded.content]
        assert manifest.workflows == 1
        before, after = await asyncio.to_thread(vacuum, estate.settings)
        assert after <= before or not estate.settings.uses_sqlite, "PostgreSQL keeps it for itself"
        assert after > 0
        await estate.whole()
    finally:
        await estate.close()


async def test_the_reaper_archives_beside_its_beat(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: asyncio.Queue[timedelta] = asyncio.Queue()
    ended = asyncio.Event()

    async def archive(_house: Housekeeping, older_than: timedelta) -> None:
        asked.put_nowait(older_than)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(Housekeeping, "archive", archive)
    settings = settings_of(database_url).model_copy(update={"retention_days": 400})
    database = Database(settings)
    beaten: asyncio.Queue[str] = asyncio.Queue()
    engine = Engine(
        settings, database, hands(Folder.broken(tmp_path / "alpha"), Verdict.ALLOW), repair
    )
    monkeypatch.setattr(Workers, "beat", _telling(Workers.beat, beaten))
    await engine.start()
    try:
        async with asyncio.timeout(30):
            assert await asked.get() == timedelta(days=400)
            while not beaten.empty():
                beaten.get_nowait()
            await beaten.get()
            await beaten.get()
        assert asked.empty(), "once a day"
    finally:
        await engine.stop()
        await database.close()
    assert ended.is_set()


def _telling(
    beat: Callable[..., Awaitable[bool]], beaten: asyncio.Queue[str]
) -> Callable[..., Any]:
    async def told(workers: Workers, worker_id: str, **about: Any) -> bool:
        beaten.put_nowait(worker_id)
        return await beat(workers, worker_id, **about)

    return told
