"""Stopping everything: durable, for every process, and no plan is allowed while it lasts."""

from __future__ import annotations

from app.audit.pauses import Pauses
from app.domain.verdict import Verdict
from app.models.database import Database
from tests.integration.api.conftest import Api
from tests.integration.api.scene import waiting_execution
from tests.integration.audit.values import plan


async def test_turning_it_is_seen_by_every_process_and_kept(
    database: Database, other_database: Database
) -> None:
    here, there = Pauses(database), Pauses(other_database)
    assert not (await there.current()).paused
    await here.turn(paused=False, by="ann", reason="it was never on")
    assert (await here.current()).since is None
    first = await here.turn(paused=True, by="ann", reason="the array moves")
    assert await there.current() == first
    second = await there.turn(paused=True, by="bob", reason="me too")
    assert (second.by, second.reason) == ("ann", "the array moves")  # the first word stands
    assert not (await there.turn(paused=False, by="bob", reason="moved")).paused
    assert (await here.current()).by == "bob"


async def test_while_it_is_on_the_policy_denies_every_plan(api: Api) -> None:
    question = await waiting_execution(api.database)
    judge = api.app.state.service.parts.hands.judge
    asked = plan(question.execution_id)
    assert (await judge.decide(asked)).rule != "kill-switch"
    answer = await api.post("/api/v1/pause", {"reason": "the array moves", "by": "ann"})
    assert answer.json() | {"since": None} == {
        "paused": True, "by": "ann", "reason": "the array moves", "since": None,
    }  # fmt: skip
    denied = await judge.decide(asked)
    assert (denied.verdict, denied.rule) == (Verdict.DENY, "kill-switch")
    assert (await api.get("/api/v1/pause")).json() == answer.json()
    await api.post("/api/v1/resume", {"reason": "moved"})
    assert (await judge.decide(asked)).rule != "kill-switch"


async def test_it_takes_a_reason(api: Api) -> None:
    for body in ({}, {"reason": ""}):
        assert (await api.post("/api/v1/pause", body)).status_code == 422
    assert not (await api.get("/api/v1/pause")).json()["paused"]
