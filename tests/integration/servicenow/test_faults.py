"""Each note exactly once and in order, whatever ServiceNow, the network or a kill does between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from app.domain.execution import Outcome
from app.domain.ticket import Delivery, OutboxState
from app.errors import EngineError, ServiceNowUnavailable
from app.servicenow.delivery import Delivered, Postman
from app.servicenow.fake.control import Control
from app.servicenow.fake.faults import Fault, FaultKind
from app.servicenow.sender import Circuit, Pace
from tests.integration.servicenow.conftest import NewSite, Site

FOR_EVER = None

EVERY_WAY = [
    FaultKind.UNAUTHORIZED,
    FaultKind.RATE_LIMITED,
    FaultKind.OVERLOADED,
    FaultKind.SERVER_ERROR,
    FaultKind.UNAVAILABLE,
    FaultKind.HIBERNATING,
    FaultKind.TRUNCATED,
    FaultKind.CUT_BEFORE,
    FaultKind.CUT_AFTER,
    FaultKind.CUT_LATE,
]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("kind", EVERY_WAY)
async def test_one_failure_of_each_kind(
    site: Site, fake: Control, kind: FaultKind, method: str
) -> None:
    number = site.ticket()
    # a late one arrives when it has been looked for in vain: the ticket, then its notes
    fake.arm(Fault(kind=kind, method=method, path="/api/now", seconds=0, behind=2))
    execution_id = await site.begin(number)
    await site.end(execution_id)
    rows = await site.settled()
    assert [row.state for row in rows] == [OutboxState.SENT] * 2
    assert max(row.attempts for row in rows) in {2, 3}
    assert fake.notes(number) == [row.note for row in rows]
    assert fake.row(number)["state"] == "6"


async def test_one_request_in_three_fails(site: Site, fake: Control) -> None:
    ways = [FaultKind.CUT_AFTER, FaultKind.SERVER_ERROR, FaultKind.OVERLOADED, FaultKind.TRUNCATED]
    for skip, kind in enumerate(ways):
        fake.arm(Fault(kind=kind, path="/api/now", skip=skip, every=9, times=FOR_EVER))
    numbers = [site.ticket() for _ in range(8)]
    for number in numbers:
        await site.end(await site.begin(number))
    rows = await site.settled()
    fake.disarm()
    for number in numbers:
        told = [row.note for row in rows if row.incident_number == number]
        assert fake.notes(number) == told
        assert fake.row(number)["state"] == "6"
    assert max(row.attempts for row in rows) > 1


async def seen(look: Callable[[], bool]) -> None:
    """Wait for what a sender brings about; it has no event for the tests."""
    while not look():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


class Killed(Postman):
    """Delivers, and dies before anybody hears of it."""

    async def deliver(self, delivery: Delivery) -> Delivered:
        await super().deliver(delivery)
        raise asyncio.CancelledError


async def test_killed_between_the_write_and_the_bookkeeping(site: Site, fake: Control) -> None:
    number = site.ticket()
    execution_id = await site.begin(number)
    await site.end(execution_id)
    dying = site.sender("w1", postman=Killed(site.settings, site.records, site.tickets))
    async with site.sending(dying), asyncio.timeout(30):
        await seen(lambda: bool(fake.notes(number)))
    left = (await site.outbox.listed())[0]
    assert (left.state, left.attempts) == (OutboxState.SENDING, 1)
    waited_out = await site.outbox.due(lambda _: True, late_seconds=Pace().late)
    assert waited_out == (False, frozenset({"w1"})), "what w1 sent may still arrive"
    rows = await site.settled(site.sender("w2", dead=("w1",)))
    assert rows[0].result["note"] == "found"
    assert fake.notes(number) == [row.note for row in rows]


@pytest.fixture
async def two_sites(database_url: str, new_site: NewSite) -> tuple[Site, Site]:
    """The same database, as two processes have it."""
    return new_site(database_url), new_site(database_url)


async def test_two_senders_at_once(two_sites: tuple[Site, Site], fake: Control) -> None:
    one, other = two_sites
    numbers = [one.ticket() for _ in range(6)]
    fake.arm(Fault(kind=FaultKind.CUT_AFTER, method="PATCH", every=3, times=FOR_EVER))
    for number in numbers:
        await one.end(await one.begin(number))
    rows = await one.settled(one.sender("w1"), other.sender("w2"))
    for number in numbers:
        assert fake.notes(number) == [r.note for r in rows if r.incident_number == number]


async def test_without_servicenow_nothing_is_lost_and_an_execution_does_not_wait(
    site: Site, fake: Control
) -> None:
    number = site.ticket()
    fake.arm(Fault(kind=FaultKind.HIBERNATING, times=FOR_EVER))
    sender = site.sender()
    async with site.sending(sender), asyncio.timeout(60):
        execution_id = await site.begin(number)
        await site.end(execution_id, Outcome.ESCALATED)
        await seen(lambda: sender.circuit.open)
        (stuck,) = await site.outbox.listed(stuck=True)
        assert "hibernating" in stuck.last_error
        fake.disarm()
        rows = await site.all_told()
    assert not sender.circuit.open
    assert fake.notes(number) == [row.note for row in rows]


def test_an_open_circuit_lets_one_trial_through_and_waits_as_asked() -> None:
    now = 0.0
    circuit = Circuit(Pace(closed_after=2, rest=10, longest=15), clock=lambda: now)
    assert circuit.room(0) == 2
    circuit.failed(ServiceNowUnavailable("429", retry_after_seconds=3))
    assert circuit.room(0) == 0
    now = 3.0
    assert (circuit.room(0), circuit.room(1), circuit.room(2)) == (2, 1, 0)
    circuit.failed(ServiceNowUnavailable("503"))
    now = 12.9
    assert circuit.room(0) == 0
    now = 13.0
    assert (circuit.room(0), circuit.room(1)) == (1, 0)
    circuit.failed(ServiceNowUnavailable("503"))
    now = 27.9  # twice as long, but no longer than the longest
    assert circuit.room(0) == 0
    now = 28.0
    circuit.worked()
    assert (circuit.room(0), circuit.open, circuit.reason) == (2, False, "")


async def test_what_keeps_an_execution_from_being_stopped_keeps_no_note_from_being_settled(
    site: Site, fake: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, sender = site.ticket(), site.sender()

    async def broken(_delivery: Delivery, _delivered: Delivered) -> None:
        raise EngineError("the engine is away")

    monkeypatch.setattr(sender, "_told", broken)
    await site.end(await site.begin(number))
    rows = await site.settled(sender)
    assert [(row.state, row.attempts) for row in rows] == [(OutboxState.SENT, 1)] * 2
    assert fake.notes(number) == [row.note for row in rows]


async def test_what_servicenow_was_not_asked_says_nothing_of_its_health(site: Site) -> None:
    """Dropped rows of simulations do not close an open circuit."""

    class Dropping(Postman):
        async def deliver(self, delivery: Delivery) -> Delivered:
            return Delivered(state=OutboxState.DROPPED, result={})

    postman = Dropping(site.settings, site.records, site.tickets)
    sender = site.sender(postman=postman)
    for _ in range(3):
        sender.circuit.failed(ServiceNowUnavailable("503"))
    reason = sender.circuit.reason
    await site.begin(site.ticket())
    rows = await site.settled(sender)
    assert [row.state for row in rows] == [OutboxState.DROPPED]
    assert sender.circuit.reason == reason != ""
