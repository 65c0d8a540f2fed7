"""Of several workers the one that is at work is killed, once, and not started again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.audit.intents import Intent
from app.domain.action import ActionCall
from app.domain.intent import IntentState
from app.domain.verdict import Verdict
from app.lab import cluster as processes
from app.lab import interruption
from app.lab.agents import ServiceAgent
from app.lab.cluster import Cluster
from app.lab.inventory import Policy
from app.lab.judge import Said
from app.lab.running import Estate
from app.lab.scenario import Scenario
from app.lab.service import Service
from app.lab.worker_loss import LosesAWorker
from tests.conftest import settings_of
from tests.integration.engine.world import Says, plan

SCENARIO = Scenario.model_validate(
    {
        "id": "edge-stopped",
        "title": "A fault",
        "family": "faults",
        "target": "web01",
        "hosts": ["web01"],
        "ticket": {"short_description": "Something is wrong"},
        "inject": "true",
        "healthy": "true",
        "fix": "true",
        "expect": {"outcome": "resolved"},
    }
)
WORKS: dict[str, Any] = {
    "execution_id": 7,
    "status": "running",
    "current_step": "remediate",
    "timeline": [{"action_type": "remediate"}],
    "actions_taken": [{}],
}
ENDED = WORKS | {"status": "completed", "outcome": "resolved", "current_step": "finalize"}


class Workers:
    """Stands for a cluster: nobody works on anything at the first `idle` looks."""

    def __init__(self, idle: int, ledger: Sequence[Intent] = ()) -> None:
        self._idle = idle
        self._ledger = ledger
        self.asked: list[int] = []
        self.told_of: list[int] = []

    def lose_who_works_on(self, execution_id: int) -> bool:
        self.asked.append(execution_id)
        return len(self.asked) > self._idle

    def intents(self, execution_ids: Sequence[int]) -> list[Intent]:
        self.told_of = list(execution_ids)
        return list(self._ledger)


async def changed(state: IntentState) -> Intent:
    """A change of the service's ledger."""
    decision = await Says(Verdict.ALLOW).decide(plan(7))
    return Intent(
        id="exe-7-1.remediate-1.0",
        execution_id=7,
        workflow_id="exe-7-1",
        host="web01",
        call=ActionCall(action="service.start", host="web01", params={"unit": "edge.service"}),
        before={},
        decision=decision,
        plan_hash=decision.plan_hash,
        fence=1,
        simulated=False,
        state=state,
    )


def healed(
    workers: Workers, looks: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> interruption.Interruption:
    """What is recorded of an execution that looks like this, one look after the other."""
    monkeypatch.setattr(interruption, "ANY_MOMENT", 0.0)
    monkeypatch.setattr(interruption, "AFTER_A_CHANGE", 0.0)

    def heal(self: ServiceAgent, _scenario: Scenario) -> Said:
        for self.last in looks:
            if self.last["status"] == "running":
                self.between_looks()
        return Said("resolved")

    monkeypatch.setattr(ServiceAgent, "heal", heal)
    agent = LosesAWorker(seed=1)
    agent.estate, agent.asides = Estate("0abcde"), [8]
    monkeypatch.setattr(agent, "cluster", workers)
    agent.heal(SCENARIO)
    assert agent.interruption is not None
    return agent.interruption


async def test_it_is_killed_once_somebody_works_and_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers(idle=2, ledger=[await changed(IntentState.DONE)])
    told = healed(workers, [WORKS] * 5 + [ENDED], monkeypatch)
    assert workers.asked == [7, 7, 7]
    assert workers.told_of == [7, 8]
    assert (told.kind, told.step, told.changes_begun) == ("worker", "remediate", 1)
    assert (told.intents, told.undecided, told.violations) == (1, 0, ())


async def test_what_nobody_went_on_with_is_lost_and_what_nobody_can_tell_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers(idle=0, ledger=[await changed(IntentState.UNKNOWN)])
    told = healed(workers, [WORKS, WORKS], monkeypatch)
    assert told.undecided == 1
    assert told.violations == ("the execution has not ended: it was lost",)


def test_where_nobody_was_caught_at_work_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    told = healed(Workers(idle=9), [WORKS, ENDED], monkeypatch)
    assert (told.at_seconds, told.step, told.violations) == (None, "", ())


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes that would go on for ever."""
    sleeping = [
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2)
    ]
    yield list(sleeping)
    for process in sleeping:
        process.kill()
        process.communicate()


def test_only_the_process_that_works_is_killed(
    sleepers: list[subprocess.Popen[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sleepers
    at_work: list[int | None] = [None, second.pid, second.pid]

    async def who_works_on(_settings: object, _execution_id: int) -> int | None:
        return at_work.pop(0)

    monkeypatch.setattr(processes, "who_works_on", who_works_on)
    policy = Policy(tmp_path / "policy.yaml", {})
    service = Service(first, "http://127.0.0.1:1", "none", policy, tmp_path / "service.log")
    cluster = Cluster(service, settings_of(f"sqlite:///{tmp_path}/none.sqlite"), list(sleepers))
    assert not cluster.lose_who_works_on(7)
    assert cluster.lose_who_works_on(7)
    assert second.returncode == -9
    assert cluster.workers == [first]
    assert first.poll() is None
    assert not cluster.lose_who_works_on(7)  # it is no worker of ours any more
