"""What is looked at after a green watch: whatever the repair was, and whatever the ticket says."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.action import ActionCall, Plan
from app.execution.catalog import Catalog
from app.reasoning.port import Case
from app.services import relief
from app.services.progress import Applied, Progress
from tests.unit.reasoning.cases import (
    ENV,
    HEALTHY_LISTENERS,
    UNIT_FILE,
    case,
    facts_of,
    file,
    manifest_now,
    nginx,
    tickets,
    unit,
)
from tests.unit.services.world import HOST, World

GROUP = "5" * 64


class WithSessions(World):
    """A database whose one user keeps so many idle sessions."""

    def __init__(self, idle: int) -> None:
        super().__init__()
        self.idle = idle

    def _facts(self, call: ActionCall) -> dict[str, Any] | None:
        if call.action != "postgres.state":
            return super()._facts(call)
        group = {"id": GROUP, "user": "till", "sessions": self.idle, "idle": self.idle}
        shape = {"port": 5432, "status": "ready", "reachable": True, "max_connections": 40}
        return {"clusters": [shape | {"used": 3, "groups": [group]}]}


def plan_of(step: ActionCall, *evidence_ids: int) -> Plan:
    return Plan(
        execution_id=1,
        host=HOST.name,
        cause="a-mode:x",
        cause_text="Something",
        confidence=0.9,
        steps=(step,),
        evidence_ids=evidence_ids,
        red_probes=(),
        green_probes=(),
    )


async def looked(world: World, told: str, step: ActionCall) -> tuple[str, ...]:
    """What is left amiss after a plan of this one step was proven."""
    given = world.given()
    incident = given.incident.model_copy(update={"short_description": told})
    state = world._evidence(ActionCall(action="postgres.state", host=HOST.name))
    known = Case(
        incident=incident,
        host=HOST,
        hosts=(HOST,),
        evidence=(state,),
        probes=(),
    )
    plan = plan_of(step, state.id)
    at = Progress(given=given, case=known)
    found = await relief.left(at, world, "verify-1", Applied(plan, ()), ())
    return tuple(one.text for one in found)


def _examples() -> list[ActionCall]:
    """One call of every change in the catalog, with parameters that it allows."""
    changes = [entry for entry in Catalog.load().actions.values() if entry.changes]
    return [
        ActionCall(action=entry.id, host=HOST.name, params=entry.examples.match[0])
        for entry in changes
    ]


@pytest.mark.parametrize("step", _examples(), ids=lambda call: call.action)
async def test_any_change_can_be_followed_by_the_question_what_is_left(step: ActionCall) -> None:
    assert await looked(WithSessions(idle=0), "the pages hang for seconds", step) == ()


@pytest.mark.parametrize(("idle", "back"), [(15, True), (1, False)])
async def test_sessions_that_come_back_are_told(idle: int, back: bool) -> None:
    params: dict[str, str | int] = {"port": 5432, "group": GROUP, "idle_seconds": 1, "count": 20}
    step = ActionCall(action="postgres.terminate_idle", host=HOST.name, params=params)
    found = await looked(WithSessions(idle=idle), "no connections left", step)
    assert bool(found) is back
    assert all("till" in text for text in found)


def test_other_changes_of_what_was_mended_are_told() -> None:
    """Users are served without their going back: good work, or half of a fault."""
    facts = facts_of([nginx(), tickets()], HEALTHY_LISTENERS)
    facts["baseline.manifest"] = manifest_now(
        file(ENV, "b" * 64), file(UNIT_FILE, "c" * 64), file("/etc/hosts", "d" * 64)
    )
    given = case(facts, status=200)
    params: dict[str, str | int] = {"path": ENV, "sha256": "a" * 64}
    step = ActionCall(action="file.restore", host="alpha", params=params)
    at = Progress(given=World().given(), case=given)
    (told,) = relief.left_as_they_are(at, Applied(plan_of(step), ()))
    assert UNIT_FILE in told
    other = ActionCall(action="service.restart", host="alpha", params={"unit": "tickets.service"})
    assert relief.left_as_they_are(at, Applied(plan_of(other), ())) == ()


class WithJob(World):
    """A job that is in some state after it was started."""

    def __init__(self, active: str, result: str) -> None:
        super().__init__()
        self.job = unit("tolls.service", active, "start", type="oneshot", result=result)

    def _facts(self, call: ActionCall) -> dict[str, Any] | None:
        return self.job if call.action == "unit.show" else super()._facts(call)


@pytest.mark.parametrize(
    ("active", "result", "told"),
    [
        ("inactive", "success", ""),
        ("activating", "success", "is still at work"),
        ("failed", "exit-code", "has failed (exit-code)"),
    ],
)
async def test_a_job_that_was_started_has_to_end_well(active: str, result: str, told: str) -> None:
    step = ActionCall(action="job.run", host=HOST.name, params={"unit": "tolls.service"})
    found = await looked(WithJob(active, result), "tolls are not booked", step)
    assert [told in text for text in found] == ([True] if told else [])


def test_what_was_put_back_in_vain_and_taken_back_is_told_in_the_end() -> None:
    """With two faults at once it may have been half of the cure."""
    facts = facts_of([nginx(), tickets()], HEALTHY_LISTENERS)
    facts["baseline.manifest"] = manifest_now(file(ENV, "b" * 64), file(UNIT_FILE, "c" * 64))
    given = case(facts, status=200, refuted=(f"changed-since-healthy@alpha:{ENV}", "x@alpha:/no"))
    (told,) = relief.tried_in_vain(Progress(given=World().given(), case=given))
    assert ENV in told
