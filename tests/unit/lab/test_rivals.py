"""Rivals act by rule and count what they do; their scripts run in a real shell here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from app.lab.__main__ import main
from app.lab.agents import ServiceAgent
from app.lab.judge import Said
from app.lab.machine import Machine
from app.lab.process import Finished
from app.lab.rivals import AGENTS, CAUSE, RIVALS, agent_named
from app.lab.running import Estate
from app.lab.scenario import Scenario
from tests.unit.lab.test_incident import SCENARIO

SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> "$CALLS"
case "$1 $3" in
  "restart absent") exit 5;;
  "list-units "*) echo "shop.service loaded failed failed The shop";
                  echo "backup.timer loaded failed failed Backup";;
esac
"""


class FakeMachine(Machine):
    """A host whose systemctl only writes down what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.calls = folder / "calls"
        self.calls.touch()
        self.path = f"{folder}:{os.environ['PATH']}"
        self.scripts: list[str] = []
        (folder / "systemctl").write_text(SYSTEMCTL)
        (folder / "systemctl").chmod(0o755)

    def script(self, text: str, timeout: float = 120) -> Finished:
        self.scripts.append(text)
        done = subprocess.run(
            ["/bin/bash", "-s"],
            input=text,
            capture_output=True,
            text=True,
            env={"PATH": self.path, "CALLS": str(self.calls)},
            check=False,
        )
        return Finished(done.returncode, done.stdout + done.stderr, "")

    @property
    def restarted(self) -> list[str]:
        lines = self.calls.read_text().splitlines()
        return [each.removeprefix("restart -- ") for each in lines if each.startswith("restart")]


class FakeEstate(Estate):
    """Two hosts; users are served at the second look."""

    looks = 0

    def on_monitor(self, script: str, timeout: float = 120) -> Finished:
        self.looks += 1
        return Finished(int(self.looks < 2), "", "")


@pytest.fixture
def machines(tmp_path: Path) -> dict[str, FakeMachine]:
    made = {}
    for name in ("web01", "ops01"):
        (tmp_path / name).mkdir()
        made[name] = FakeMachine(tmp_path / name)
    return made


def worked(name: str, machines: dict[str, FakeMachine], service: str | None = "nginx") -> Said:
    agent = agent_named(name)
    ticket = SCENARIO.ticket.model_copy(update={"service": service})
    with agent.at_work(FakeEstate("run", dict(machines))):
        said = agent.heal(SCENARIO.model_copy(update={"ticket": ticket}))
    assert (agent.seconds_to_healthy is not None) == (said.changes_made > 0)
    assert (said.outcome, said.cause) == ("resolved", CAUSE)
    return said


def deeds(said: Said) -> tuple[int, int]:
    return said.commands_run, said.changes_made


def test_says_resolved_touches_nothing(machines: dict[str, FakeMachine]) -> None:
    assert deeds(worked("says-resolved", machines)) == (0, 0)
    assert not [script for machine in machines.values() for script in machine.scripts]


def test_restarts_named_restarts_what_the_ticket_names(machines: dict[str, FakeMachine]) -> None:
    assert deeds(worked("restarts-named", machines)) == (1, 1)
    assert machines["web01"].restarted == ["nginx"]
    assert machines["ops01"].scripts == []


def test_what_is_not_there_was_not_changed(machines: dict[str, FakeMachine]) -> None:
    assert deeds(worked("restarts-named", machines, "absent")) == (1, 0)


def test_a_ticket_without_a_service_names_nothing(machines: dict[str, FakeMachine]) -> None:
    assert deeds(worked("restarts-named", machines, None)) == (0, 0)


def test_a_name_is_only_a_name(machines: dict[str, FakeMachine]) -> None:
    hostile = "nginx; echo lab-changed; $(touch /nowhere/x) 'quoted'"
    assert deeds(worked("restarts-named", machines, hostile)) == (1, 1)
    assert machines["web01"].restarted == [hostile]


def test_restarts_failed_looks_at_every_host(machines: dict[str, FakeMachine]) -> None:
    assert deeds(worked("restarts-failed", machines)) == (6, 4)
    for machine in machines.values():
        assert machine.restarted == ["shop.service", "backup.timer"]


def test_kills_and_empties_acts_on_the_target_only(
    machines: dict[str, FakeMachine], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "lab-ran\nlab-changed\nlab-ran\nlab-ran\nlab-changed\nlab-changed\n"
    monkeypatch.setattr(FakeMachine, "script", lambda *_: Finished(0, said, ""))
    assert deeds(worked("kills-and-empties", machines)) == (3, 3)
    orders = RIVALS["kills-and-empties"]().orders(SCENARIO)
    assert list(orders) == ["web01"]
    assert subprocess.run(["/bin/bash", "-n"], input=orders["web01"].encode(), check=True)


def test_where_nothing_was_wrong_nothing_became_healthy(machines: dict[str, FakeMachine]) -> None:
    expect = {
        "expect": {"outcome": "no_fault"},
        "ticket": {"short_description": "x", "service": "x"},
    }
    scenario = Scenario.model_validate({**SCENARIO.model_dump(), **expect})
    agent = agent_named("restarts-named")
    with agent.at_work(FakeEstate("run", dict(machines))):
        agent.heal(scenario)
    assert agent.seconds_to_healthy is None


def test_the_service_is_the_default_and_unknown_names_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert isinstance(agent_named("service"), ServiceAgent)
    with pytest.raises(SystemExit) as refused:
        main(["run", "--agent", "nobody"])
    assert refused.value.code == 2
    told = capsys.readouterr().err
    assert all(name in told for name in AGENTS)
