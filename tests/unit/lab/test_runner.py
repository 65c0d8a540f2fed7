"""The order of a run: what is beside the fault is there when the judge looks for the first time."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.lab import runner
from app.lab.agents import Agent
from app.lab.disturbance import Aside, Disturbance, Note
from app.lab.errors import LabError
from app.lab.judge import Moments, Said
from app.lab.naming import PLAIN
from app.lab.process import Finished
from app.lab.runner import Run
from app.lab.running import Estate
from app.lab.scenario import Scenario, Ticket

SCENARIO = Scenario.model_validate(
    {
        "id": "a-fault",
        "title": "A fault",
        "family": "faults",
        "target": "web01",
        "hosts": ["web01"],
        "ticket": {"short_description": "Down"},
        "setup": "setup",
        "inject": "inject",
        "healthy": "true",
        "expect": {"outcome": "resolved"},
    }
)
BESIDE = Disturbance(
    standing={"web01": "standing"},
    earlier={"web01": "earlier"},
    meanwhile={"web01": "meanwhile"},
    aside=Aside("ops01", Ticket(short_description="Another"), "INC0000002"),
    ends_by_itself=frozenset({"unit:busy.service"}),
    seconds=600,
    notes=(Note("web01", "logs", "7 lines"),),
)


class Stage:
    """One host and a monitor that write down what is asked of them, in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.healthy = True
        self.refuses: set[str] = set()
        self.machines = {"web01": self}
        self.specs: tuple[str, ...] = ()
        self.key = "key"
        self.naming = PLAIN

    def script(self, text: str) -> Finished:
        self.steps.append(text)
        self.healthy = self.healthy and text != "inject"
        return Finished(0, "", "")

    def look(self, *argv: str, stdin: str) -> Finished:
        text = stdin.removeprefix("set -e\n")
        self.steps.append(text)
        return Finished(1 if text in self.refuses else 0, "", "no")

    def on_monitor(self, script: str, timeout: float = 0) -> Finished:
        return Finished(0 if self.healthy else 1, "", "")


class Healer(Agent):
    """Notes its turns on the stage and heals."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    def take_baseline(self, hosts: tuple[str, ...]) -> None:
        self.stage.steps.append("baseline")

    def also(self, aside: Aside) -> None:
        self.stage.steps.append(f"ticket about {aside.host}")

    def heal(self, scenario: Scenario) -> Said:
        self.stage.steps.append("ticket")
        self.stage.healthy = True
        return Said("resolved")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()

    def take(machine: Stage) -> dict[str, str]:
        machine.steps.append("snapshot")
        return {"unit:busy.service": "active one"}

    monkeypatch.setattr(runner, "take", take)
    for pause in ("FLAP_LOOK", "SECOND_LOOK"):
        monkeypatch.setattr(runner, pause, 0)
    return made


def run_on(stage: Stage, beside: Disturbance = BESIDE) -> Run:
    return Run(SCENARIO, Healer(stage), cast(Estate, stage), beside)


def test_each_thing_has_its_moment(stage: Stage) -> None:
    assert run_on(stage).to_verdict().passed
    assert stage.steps == [
        "setup", "standing", "baseline", "earlier", "snapshot", "inject", "meanwhile", "snapshot",
        "snapshot", "ticket about ops01", "ticket", "snapshot",
    ]  # fmt: skip


def test_a_plain_run_has_nothing_beside_it(stage: Stage) -> None:
    assert run_on(stage, Disturbance()).to_verdict().passed
    assert "".join(stage.steps).replace("snapshot", "") == "setupbaselineinjectticket"


def test_on_a_broken_host_what_is_beside_may_fail(stage: Stage) -> None:
    stage.refuses = {"meanwhile"}
    assert run_on(stage).to_verdict().passed


@pytest.mark.parametrize("moment", ["standing", "earlier"])
def test_what_could_not_be_put_there_is_told(stage: Stage, moment: str) -> None:
    stage.refuses = {moment}
    with pytest.raises(LabError, match="web01: what is beside the fault failed: no"):
        run_on(stage).to_verdict()


def test_users_must_not_notice_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "HEALTHY_SECONDS", 0)
    run = run_on(stage)
    stage.healthy = False
    with pytest.raises(LabError, match="hurts users"):
        run.disturb()


def test_what_ended_by_itself_was_ended_by_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now, sleep=lambda seconds: None)
    monkeypatch.setattr(runner, "time", clock)
    run = run_on(stage)
    run.disturb()
    run.before = run.snapshots()
    run.break_it()
    assert _moments(run).flapping == frozenset()
    now += 590
    assert _moments(run).flapping == {"unit:busy.service"}


def _moments(run: Run) -> Moments:
    return run.look_after(None).hosts["web01"]


def test_traces_tell_what_was_there(tmp_path: Path) -> None:
    runner.keep_setting(SCENARIO, BESIDE, tmp_path / "new")
    told: dict[str, Any] = json.loads((tmp_path / "new/setting.json").read_text())
    assert told["ticket"]["short_description"] == "Down"
    assert told["aside"]["host"] == "ops01"
    assert told["beside"] == [{"host": "web01", "place": "logs", "text": "7 lines"}]
