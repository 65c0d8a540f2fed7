"""The audit is verified while the service runs: what is done to it meanwhile is found."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from app.alerts.watchdog import Lookout, Watchdog
from app.audit import portions
from app.audit.alerts import Alerts
from app.audit.checks import Checks
from app.audit.events import Events
from app.audit.leases import Leases
from app.audit.patrol import KINDS, Patrol
from app.audit.workers import Workers
from app.domain.alert import AlertKind, Condition
from app.models.database import Database
from tests.integration.audit.tampering import lift_guards, tamper
from tests.integration.audit.test_chain import live_through


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def lived(database: Database, execution_id: int) -> Database:
    await live_through(database, execution_id)
    return database


def patrol_of(database: Database, clock: Clock) -> Patrol:
    return Patrol(database, worker="w-1", all_seconds=3600, clock=clock)


async def said(patrol: Patrol) -> list[str] | None:
    """What a look finds, in words."""
    found = await patrol.look()
    if found is None:
        return None
    assert {condition.kind for condition in found} <= KINDS
    return [condition.statement for condition in found]


async def test_a_sound_audit_is_gone_over_once_and_then_followed(
    lived: Database, clock: Clock
) -> None:
    patrol = patrol_of(lived, clock)
    assert await said(patrol) == []
    first = await Checks(lived).standing()
    assert first.check is not None
    assert first.check.passed_at is not None
    assert (first.check.verified_to, first.check.wrong) == (first.entries, 0)
    assert first.check.passed.entries == first.entries
    assert first.check.passed.rows > 10
    assert first.guards_missing == ()
    await Events(lived).tell("kill-switch", {"on": True}, actor="ann")
    assert await said(patrol) == []
    later = await Checks(lived).standing()
    assert later.check is not None
    assert later.check.verified_to == later.entries == first.entries + 1
    assert later.check.passed_at == first.check.passed_at, "it was not gone over again"


async def test_a_pass_takes_portions_and_nothing_is_said_before_its_end(
    lived: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "PORTION", 7)
    monkeypatch.setattr("app.audit.patrol.LOOK_SECONDS", 0.0)
    patrol, looks = patrol_of(lived, clock), 1
    while await said(patrol) is None:
        looks += 1
    assert looks > 10
    check = (await Checks(lived).standing()).check
    assert check is not None
    assert check.wrong == 0


BROKEN = Condition(
    kind=AlertKind.AUDIT_BROKEN, subject="audit", statement="The audit does not hold: truncated."
)
TAMPERINGS = {
    "a row": ("UPDATE command_intent SET output = 'nothing'",),
    "a row removed": ("DELETE FROM sre_provenance",),
    "an entry": ("UPDATE audit_entry SET actor = 'mallory' WHERE seq = 3",),
    "an entry removed": ("DELETE FROM audit_entry WHERE seq = 5",),
    "the end": (
        "DELETE FROM audit_entry WHERE seq > 4",
        "DELETE FROM sre_provenance",
    ),
}


@pytest.mark.parametrize("done_to", TAMPERINGS)
async def test_what_is_done_while_it_runs_is_found_and_its_mending_is_seen(
    lived: Database, clock: Clock, done_to: str
) -> None:
    patrol = patrol_of(lived, clock)
    assert await said(patrol) == []
    await tamper(lived, *TAMPERINGS[done_to])
    clock.now += 3601
    (statement,) = await said(patrol) or [""]
    assert statement.startswith("The audit does not hold: ")
    check = (await Checks(lived).standing()).check
    assert check is not None
    assert check.wrong > 0
    assert check.fault
    assert check.sentence
    assert await said(patrol) == [statement], "it is told in the same words while it lasts"


async def test_what_was_mended_is_over_without_waiting_for_the_next_pass(
    lived: Database, clock: Clock
) -> None:
    patrol = patrol_of(lived, clock)
    await said(patrol)
    await tamper(lived, "UPDATE baseline SET reason = 'because'")
    clock.now += 3601
    at = await _entry_of_baseline(lived)
    assert await said(patrol) == [f"The audit does not hold: row-changed at entry {at}."]
    await tamper(lived, "UPDATE baseline SET reason = 'healed'")
    assert await said(patrol) == []


async def test_new_entries_are_verified_at_the_next_look(lived: Database, clock: Clock) -> None:
    patrol = patrol_of(lived, clock)
    await said(patrol)
    await tamper(
        lived,
        "INSERT INTO audit_entry SELECT seq + 1, hash, kind, about, row_id, content, NULL, NULL, "
        "at, 'mallory', key_id, '00' FROM audit_entry "
        "WHERE seq = (SELECT max(seq) FROM audit_entry)",
    )
    (statement,) = await said(patrol) or [""]
    assert statement.startswith("The audit does not hold: entry-forged")


async def test_an_end_that_was_cut_off_is_found_at_the_next_look_and_by_whoever_comes_later(
    lived: Database, clock: Clock
) -> None:
    """What is left is whole in itself, so the witness goes to the file outside."""
    for number in range(3):
        await Events(lived).tell("kill-switch", {"on": bool(number % 2)})
    patrol = patrol_of(lived, clock)
    assert await said(patrol) == []
    head = (await Checks(lived).standing()).entries
    await tamper(lived, f"DELETE FROM audit_entry WHERE seq > {head - 2}")
    lost = f"The audit does not hold: truncated at entry {head}."
    assert await said(patrol) == [lost]
    assert await said(patrol) == [lost]
    assert await said(patrol_of(lived, clock)) == [lost], "a process that starts later knows too"


async def test_guards_are_looked_at_each_time(lived: Database, clock: Clock) -> None:
    patrol = patrol_of(lived, clock)
    await said(patrol)
    async with lived.transaction() as session:
        await lift_guards(session)
    assert await said(patrol) == ["The audit's guards in the database were removed or altered."]
    assert len((await Checks(lived).standing()).guards_missing) > 20
    await lived.put_guards_back()
    assert await said(patrol) == []


async def test_without_the_key_it_says_so_and_stays_broken(lived: Database, clock: Clock) -> None:
    patrol = patrol_of(lived, clock)
    await said(patrol)
    lived.settings.audit_keys_at.chmod(0o644)
    assert await said(patrol) == ["The audit cannot be verified: audit-key-unusable."]
    check = (await Checks(lived).standing()).check
    assert check is not None
    assert (check.wrong, check.fault) == (1, "key-unknown")
    lived.settings.audit_keys_at.chmod(0o600)
    assert await said(patrol) == []


async def test_a_changed_key_is_followed(lived: Database, clock: Clock) -> None:
    patrol = patrol_of(lived, clock)
    await said(patrol)
    await Events(lived).change_key(actor="ann")
    await Events(lived).tell("kill-switch", {"on": True})
    assert await said(patrol) == []


async def test_checkpoints_that_were_altered_are_found(lived: Database, clock: Clock) -> None:
    path = lived.settings.audit_checkpoints_at
    path.write_text(path.read_text().replace('"seq":', '"seq":1'))
    assert await said(patrol_of(lived, clock)) == ["The audit does not hold: anchor-forged."]
    path.write_bytes(b"\xff\xfe")
    assert await said(patrol_of(lived, clock)) == ["The audit does not hold: anchor-forged."]


async def test_writers_go_on_while_a_portion_is_read(
    lived: Database, other_database: Database, clock: Clock
) -> None:
    """A look reads: what another process writes meanwhile neither waits nor disturbs it."""
    patrol = patrol_of(lived, clock)
    told = [Events(other_database).tell("kill-switch", {"on": True}) for _ in range(5)]
    _, *written = await asyncio.gather(patrol.look(), *told)
    assert written == [None] * 5
    assert await said(patrol) == []


async def test_an_alert_from_before_a_restart_lasts_until_all_was_verified(
    lived: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.audit.patrol.LOOK_SECONDS", -1.0)
    await Alerts(lived).note([BROKEN], looked_for=KINDS, destinations=(), repeat_seconds=60)
    patrol, open_after = patrol_of(lived, clock), list[bool]()
    dog = Watchdog(
        "w-1",
        lookouts=[Lookout(kinds=KINDS, look=patrol.look)],
        receivers=tuple,
        alerts=Alerts(lived),
        leases=Leases(lived),
        workers=Workers(lived),
        repeat_seconds=60,
    )
    while not open_after or open_after[-1]:
        await dog.watch()
        open_after.append(bool(await Alerts(lived).opened()))
    assert len(open_after) > 10, "each look was one portion"


async def _entry_of_baseline(database: Database) -> int:
    async with database.reading() as session:
        wanted = text("SELECT seq FROM audit_entry WHERE about = 'baseline'")
        return int((await session.execute(wanted)).scalar_one())
