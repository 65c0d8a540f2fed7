"""Locks that a job's ended run left behind: taken away where it is certain whose they were."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import asked_of
from app.domain.probe import ProbeResult
from app.host import checks, locks
from app.host.view import HostView
from app.reasoning.port import Advice, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, HOST, NOW, case, facts_of
from tests.unit.reasoning.test_builtin import UP, judge, steps

LOCK = "/srv/ledger/run.lock"


def lock(**more: Any) -> dict[str, Any]:
    shape = {"path": LOCK, "script": "/srv/ledger/close.sh", "job": "/etc/cron.d/ledger",
             "kind": "file", "pid": 4711, "ended": True, "age_seconds": 90_000}  # fmt: skip
    return shape | more


def left(now: dict[str, Any], **persons: Any) -> Case:
    facts = facts_of(UP, HEALTHY_LISTENERS, persons__list=persons, jobs__locks={"locks": [now]})
    probe = asked_of(HOST, locks.CHECK, LOCK)
    red = ProbeResult(probe=probe, ok=False, error="check", taken_at=NOW, simulated=False)
    return case(facts, status=200).model_copy(update={"probes": (red,)})


def view(now: dict[str, Any]) -> HostView:
    return HostView(HOST, cases.evidence({"jobs.locks": {"locks": [now]}}))


async def test_a_lock_of_a_dead_process_is_taken_away() -> None:
    judged = await judge(left(lock()))
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged) == [f"lock.remove path={LOCK}"]
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert "4711" in judged.hypotheses[0].text


async def test_one_that_names_nobody_is_for_a_person_to_decide() -> None:
    judged = await judge(left(lock(pid=None, before_boot=True)))
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


@pytest.mark.parametrize("more", [{"running": True}, {"open": True}, {"ended": False}])
async def test_one_that_may_be_somebodys_is_left(more: dict[str, Any]) -> None:
    judged = await judge(left(lock(**more)))
    assert judged.repair is None


async def test_a_note_on_the_host_is_heeded() -> None:
    given = left(lock(), notes={"/etc/motd": f"do not touch {LOCK}"})
    judged = await judge(given)
    assert judged.advice is Advice.HAND_OVER


def test_only_a_lock_that_was_free_while_healthy_is_asked_for() -> None:
    assert [p.subject for p in checks.learned(view(lock(kind="missing", ended=False)))] == [LOCK]
    assert [p.subject for p in checks.learned(view(lock()))] == []
    assert [p.subject for p in checks.declared(view(lock()))] == [LOCK]
    assert [p.subject for p in checks.declared(view(lock(pid=None)))] == []


def test_whether_it_is_free() -> None:
    assert locks.is_free(HostView(HOST, ()), LOCK) is None
    free = locks.is_free(view(lock(kind="missing")), LOCK)
    assert free is not None
    assert free[0] is True
    said = locks.is_free(view(lock()), LOCK)
    assert said is not None
    assert said[0] is False
    assert "4711" in said[1]
