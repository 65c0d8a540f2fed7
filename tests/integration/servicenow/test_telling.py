"""What the ticket is told, and what is left to a person who took it over."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.domain.execution import Outcome
from app.domain.ticket import OutboxState
from app.servicenow.fake.control import Control
from app.servicenow.fake.faults import Fault, FaultKind
from app.servicenow.fake.users import May
from tests.integration.servicenow.conftest import NewSite, Site


async def done(site: Site, number: str, outcome: Outcome = Outcome.RESOLVED) -> int:
    """Taken on and told so, then ended and told so."""
    execution_id = await site.begin(number)
    await site.settled()
    await site.end(execution_id, outcome)
    await site.settled()
    return execution_id


async def test_taken_on_proven_and_resolved(site: Site, fake: Control) -> None:
    number = site.ticket()
    execution_id = await site.begin(number)
    await site.settled()
    assert fake.row(number)["state"] == "2"
    await site.end(execution_id)
    rows = await site.settled()
    ticket = fake.row(number)
    assert ticket["state"] == "6"
    assert ticket["close_code"] == "Solution provided"
    assert ticket["close_notes"].startswith("It was started again.")
    assert fake.notes(number) == [row.note for row in rows]
    patches = [r for r in fake.requests() if r["method"] == "PATCH"]
    assert len(patches) == 2  # the note and the change of state that belongs to it are one


@pytest.mark.parametrize("outcome", [Outcome.NO_FAULT, Outcome.ESCALATED, Outcome.FAILED])
async def test_what_is_not_healed_is_noted_and_stays_open(
    site: Site, fake: Control, outcome: Outcome
) -> None:
    number = site.ticket()
    await done(site, number, outcome)
    assert fake.row(number)["state"] == "2"
    assert len(fake.notes(number)) == 2


async def test_an_escalation_goes_to_its_group(
    new_site: NewSite, sqlite_url: str, fake: Control
) -> None:
    site = new_site(sqlite_url, servicenow_escalation_group="Service Desk")
    number = site.ticket()
    await done(site, number, Outcome.ESCALATED)
    group = next(g for g in fake.state()["sys_user_group"] if g["name"] == "Service Desk")
    assert fake.row(number)["assignment_group"] == group["sys_id"]


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("servicenow_client", {"servicenow_client_id": "?", "servicenow_client_secret": "?"}),
        ("servicenow_api_key", {"servicenow_api_key": "?"}),
    ],
)
async def test_every_way_to_log_in(
    new_site: NewSite, sqlite_url: str, fake: Control, way: str, value: dict[str, str]
) -> None:
    known = fake.credentials
    given: dict[str, Any] = {
        "servicenow_client_id": known.client_id,
        "servicenow_client_secret": known.client_secret,
        "servicenow_api_key": known.api_key,
    }
    used = {name: given[name] for name in value}
    nobody = {"servicenow_username": None, "servicenow_password": None}
    site = new_site(sqlite_url, **nobody, **used)
    number = site.ticket()
    await done(site, number)
    assert fake.row(number)["state"] == "6"


@pytest.mark.parametrize(
    ("by_person", "why"),
    [
        ({"assigned_to": "Alice Ito"}, "it was assigned to Alice Ito."),
        ({"assignment_group": "Service Desk"}, "it was given to the group Service Desk."),
        ({"state": "3", "hold_reason": "5"}, "it was put on hold (last changed by alice)."),
        ({"work_notes": "I am on it."}, "alice wrote a work note"),
        (
            {"state": "6", "close_code": "User error", "close_notes": "Cable."},
            "it is Resolved (last changed by alice).",
        ),
    ],
)
async def test_a_persons_ticket_is_not_resolved_and_the_note_says_why(
    site: Site, fake: Control, by_person: dict[str, str], why: str
) -> None:
    number = site.ticket()
    execution_id = await site.begin(number)
    await site.settled()
    before = fake.edit(number, by="alice", **by_person)
    await site.end(execution_id)
    rows = await site.settled()
    after = fake.row(number)
    unchanged = ("state", "close_code", "close_notes", "assigned_to", "assignment_group")
    assert {k: after[k] for k in unchanged} == {k: before[k] for k in unchanged}
    assert f"The ticket was not resolved by the agent: {why}" in fake.notes(number)[-1]
    assert fake.notes(number)[-1].endswith(rows[-1].marker)
    assert rows[-1].state is OutboxState.SENT


NAMELESS = {"servicenow_username": None, "servicenow_password": None}


@pytest.mark.parametrize("known", [True, False])
async def test_a_person_who_copies_our_note_is_a_person(
    new_site: NewSite, sqlite_url: str, fake: Control, known: bool
) -> None:
    """With an API key nothing says who we are but our first note."""
    key = NAMELESS | {"servicenow_api_key": fake.credentials.api_key}
    site = new_site(sqlite_url, **({} if known else key))
    number = site.ticket()
    execution_id = await site.begin(number)
    await site.settled()
    (ours,) = fake.notes(number)
    fake.edit(number, by="alice", work_notes=f"Mine now. It said:\n{ours}")
    await site.end(execution_id)
    rows = await site.settled()
    assert fake.row(number)["state"] == "2"
    # the journal counts in seconds: who was first of two in one second it does not say
    who = "alice" if known else "(alice|sre.agent)"
    said = f"not resolved by the agent: {who} wrote a work note"
    assert re.search(said, fake.notes(number)[-1])
    assert rows[-1].state is OutboxState.SENT


async def test_a_note_that_somebody_else_wrote_with_our_marker_is_not_taken_for_told(
    site: Site, fake: Control
) -> None:
    """Whoever reads the outbox can copy a note before it is told."""
    number = site.ticket()
    fake.arm(Fault(kind=FaultKind.SERVER_ERROR, method="PATCH", path="/api/now"))
    await site.begin(number)
    (waiting,) = await site.outbox.listed()
    fake.edit(number, by="alice", work_notes=waiting.note)
    (row,) = await site.settled()
    assert (row.attempts, row.result["note"]) == (2, "written")
    assert fake.notes(number) == [row.note, row.note]


async def test_who_is_not_whom_the_settings_say_resolves_nothing(
    new_site: NewSite, sqlite_url: str, fake: Control
) -> None:
    """Notes that may be ours or not are no ground to resolve a ticket."""
    own = {"servicenow_username": "somebody.else", "servicenow_password": None}
    site = new_site(sqlite_url, **own, servicenow_api_key=fake.credentials.api_key)
    number = site.ticket()
    await done(site, number)
    assert fake.row(number)["state"] == "2"
    assert "SERVICENOW_USERNAME says that it is somebody.else" in fake.notes(number)[-1]


async def test_a_ticket_that_somebody_had_from_the_start_is_resolved(
    site: Site, fake: Control
) -> None:
    number = site.ticket(assigned_to="Alice Ito")
    await done(site, number)
    assert fake.row(number)["state"] == "6"


@pytest.mark.parametrize("state", ["7", "8"])
async def test_what_is_closed_is_left_alone(site: Site, fake: Control, state: str) -> None:
    number = site.ticket()
    execution_id = await site.begin(number)
    await site.settled()
    fake.edit(number, by="admin", state=state, close_code="User error", close_notes="Closed.")
    await site.end(execution_id)
    rows = await site.settled()
    assert rows[-1].state is OutboxState.DROPPED
    assert len(fake.notes(number)) == 1


async def test_nothing_is_written_of_a_simulation(site: Site, fake: Control) -> None:
    number = site.ticket()
    fake.forget_requests()
    execution_id = await site.begin(number, simulated=True)
    await site.end(execution_id)
    assert await site.settled() == ()
    assert fake.requests() == []


async def test_a_simulation_that_is_told_changes_no_state(
    new_site: NewSite, sqlite_url: str, fake: Control
) -> None:
    site = new_site(sqlite_url, servicenow_write_simulated=True)
    number = site.ticket()
    execution_id = await site.begin(number, simulated=True)
    await site.end(execution_id)
    await site.settled()
    assert fake.row(number)["state"] == "1"
    assert [note.split(":")[0] for note in fake.notes(number)] == ["SIMULATED"] * 2


async def test_switched_off_again_what_was_queued_of_a_simulation_is_not_sent(
    new_site: NewSite, sqlite_url: str, fake: Control
) -> None:
    number = new_site(sqlite_url).ticket()
    await new_site(sqlite_url, servicenow_write_simulated=True).begin(number, simulated=True)
    (row,) = await new_site(sqlite_url).settled()
    assert row.state is OutboxState.DROPPED
    assert fake.notes(number) == []


async def test_what_servicenow_refuses_is_parked_with_its_words_until_it_is_mended(
    site: Site, fake: Control
) -> None:
    number = site.ticket()
    execution_id = await site.begin(number)
    await site.settled()
    fake.take_right(fake.credentials.user_name, "incident", May.READ)
    await site.end(execution_id)
    parked = (await site.settled())[-1]
    assert (parked.state, parked.stuck) == (OutboxState.PARKED, True)
    assert "ACL Exception" in parked.last_error
    assert len(fake.notes(number)) == 1


async def test_a_close_code_that_the_instance_does_not_have(
    new_site: NewSite, sqlite_url: str, fake: Control
) -> None:
    wrong = new_site(sqlite_url, servicenow_close_code="Solved by magic")
    number = wrong.ticket()
    await done(wrong, number)
    parked = (await wrong.outbox.listed())[-1]
    assert "SERVICENOW_CLOSE_CODE" in parked.last_error
    assert fake.row(number)["state"] == "2"
    assert "could not be changed" in fake.notes(number)[-1]
    mended = new_site(sqlite_url)
    await mended.outbox.retry(parked.id)
    await mended.settled()
    assert fake.row(number)["state"] == "6"
    assert len(fake.notes(number)) == 2


async def test_an_incident_that_is_not_there(site: Site) -> None:
    await site.begin("INC9999999")
    (row,) = await site.settled()
    assert row.state is OutboxState.PARKED
    assert "no incidents with the number INC9999999" in row.last_error
