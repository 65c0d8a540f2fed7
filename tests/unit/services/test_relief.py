"""What is looked at after a green watch: whatever the repair was, and whatever the ticket says."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.action import ActionCall, Plan
from app.execution.catalog import Catalog
from app.reasoning.port import Case
from app.services import relief
from app.services.progress import Applied, Progress
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


async def looked(world: World, told: str, step: ActionCall) -> tuple[str, ...]:
    """What is left amiss after a plan of this one step was proven."""
    given = world.given()
    incident = given.incident.model_copy(update={"short_description": told})
    state = world._evidence(ActionCall(action="postgres.state", host=HOST.name))
    case = Case(
        incident=incident,
        host=HOST,
        hosts=(HOST,),
        evidence=(state,),
        probes=(),
    )
    plan = Plan(
        execution_id=1,
        host=HOST.name,
        cause="a-mode:x",
        cause_text="Something",
        confidence=0.9,
        steps=(step,),
        evidence_ids=(state.id,),
        red_probes=(),
        green_probes=(),
    )
    at = Progress(given=given, case=case)
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
