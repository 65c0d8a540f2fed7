"""Tickets that people take back, and incidents whose call was lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.execution import ExecutionStatus
from app.errors import Busy, IncidentRejected
from app.servicenow import watching
from app.servicenow.fake.control import Control
from app.servicenow.records import raw_value
from tests.integration.servicenow.conftest import NewSite, Site


async def at_work(site: Site, **fields: str) -> tuple[str, int]:
    """A ticket that knows that we have taken it on."""
    number = site.ticket(**fields)
    execution_id = await site.begin(number)
    await site.settled()
    return number, execution_id


@pytest.mark.parametrize(
    ("by_person", "why"),
    [
        ({"state": "8", "close_code": "User error", "close_notes": "x"}, "it is Canceled"),
        ({"state": "6", "close_code": "User error", "close_notes": "x"}, "it is Resolved"),
        ({"assigned_to": "Alice Ito"}, "assigned to Alice Ito"),
        ({"assignment_group": "Service Desk"}, "the group Service Desk"),
    ],
)
async def test_a_ticket_that_people_took_back_stops_its_execution(
    site: Site, fake: Control, by_person: dict[str, str], why: str
) -> None:
    number, execution_id = await at_work(site)
    await site.watching().look()
    assert not (await site.reading.cancellation(execution_id)).cancelled
    fake.edit(number, by="alice", **by_person)
    await site.watching().look()
    asked = await site.reading.cancellation(execution_id)
    assert (asked.cancelled, asked.by) == (True, "servicenow")
    assert why in asked.reason
    # at its next safe boundary: what runs is not cut off here
    assert (await site.reading.execution(execution_id)).status is ExecutionStatus.RUNNING


@pytest.mark.parametrize(
    "by_person",
    [{"state": "3", "hold_reason": "5"}, {"urgency": "1"}, {"work_notes": "How is it?"}],
)
async def test_other_changes_stop_nothing(
    site: Site, fake: Control, by_person: dict[str, str]
) -> None:
    number, execution_id = await at_work(site)
    fake.edit(number, by="alice", **by_person)
    await site.watching().look()
    assert not (await site.reading.cancellation(execution_id)).cancelled


async def test_a_cancelled_ticket_is_seen_when_it_is_written_to(site: Site, fake: Control) -> None:
    number = site.ticket()
    fake.edit(number, by="admin", state="8", close_code="User error", close_notes="x")
    execution_id = await site.begin(number)
    await site.settled()
    assert (await site.reading.cancellation(execution_id)).cancelled


class Door:
    """What the webhook would do with a record."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.full = False
        self.refused: list[str] = []

    async def __call__(self, record: dict[str, Any]) -> None:
        if self.full:
            raise Busy("full", retry_after_seconds=1)
        number = raw_value(record, "number")
        if "unknown" in raw_value(record, "short_description"):
            self.refused.append(number)
            raise IncidentRejected("no such host")
        await self.site.begin(number)


async def test_incidents_whose_call_was_lost_are_found_once(
    new_site: NewSite, sqlite_url: str, fake: Control
) -> None:
    site = new_site(sqlite_url, servicenow_assignment_group="SRE Team")
    door = Door(site)
    known = site.ticket()
    await site.begin(known)
    lost = [site.ticket() for _ in range(3)]
    site.ticket(assignment_group="Service Desk")
    site.ticket(assigned_to="Alice Ito")
    site.ticket(state="8", close_code="User error", close_notes="x")
    unknown = site.ticket(short_description="on an unknown host")
    watching = site.watching(door)
    door.full = True
    with pytest.raises(Busy):
        await watching.look()
    door.full = False
    for _ in range(2):
        await watching.look()
    page = await site.reading.executions(limit=50)
    assert sorted(e.incident_number for e in page.executions) == sorted([known, *lost])
    assert door.refused == [unknown]


async def test_more_than_a_page_of_them(new_site: NewSite, sqlite_url: str, fake: Control) -> None:
    site = new_site(sqlite_url, servicenow_assignment_group="SRE Team")
    numbers = [site.ticket() for _ in range(51)]
    found: list[str] = []

    async def door(record: dict[str, Any]) -> None:
        number = raw_value(record, "number")
        found.append(number)
        await site.begin(number)

    await site.watching(door).look()
    assert sorted(found) == sorted(numbers)


async def test_one_that_changes_between_two_pages_hides_no_other(
    new_site: NewSite, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row moves to the end and the others up: by place, the next page would leave one out."""
    site = new_site(sqlite_url, servicenow_assignment_group="SRE Team")
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
    changed = {f"INC{n}": began + timedelta(minutes=n) for n in range(9)}
    found: list[str] = []

    async def page(
        _group: str, moment: datetime, *, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        later = sorted((at, number) for number, at in changed.items() if at >= moment)
        rows = [_row(number, at) for at, number in later[offset : offset + 3]]
        changed["INC0"] = began + timedelta(minutes=20)  # somebody works on it meanwhile
        return rows, len(rows)

    async def door(record: dict[str, Any]) -> None:
        found.append(raw_value(record, "number"))

    monkeypatch.setattr(site.records, "changed_since", page)
    await site.watching(door).look()
    assert set(found) == set(changed)


def _row(number: str, at: datetime) -> dict[str, Any]:
    told = {"number": number, "sys_id": number, "sys_updated_on": f"{at:%Y-%m-%d %H:%M:%S}"}
    return {name: {"value": value, "display_value": value} for name, value in told.items()}


async def test_refused_incidents_are_remembered_within_bounds(
    new_site: NewSite, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "REFUSED_MAX", 2)
    looking = new_site(sqlite_url, servicenow_assignment_group="SRE Team").watching()
    for number in ("a", "b", "a", "c"):
        looking._remember_refused(number, number)
    assert looking._refused == {"a": "a", "c": "c"}
