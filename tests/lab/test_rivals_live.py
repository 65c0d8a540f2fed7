"""The one rival whose script cannot be tried outside a host that is thrown away."""

from __future__ import annotations

from app.lab import requirements
from app.lab.places import PROJECT
from app.lab.rivals import CAUSE, agent_named
from app.lab.runner import run_scenario
from app.lab.scenario import load


def test_kills_and_empties_empties_a_full_log_folder() -> None:
    requirements.ensure()
    scenario = load(PROJECT / "scenarios/shop-log-full.yaml")
    row = run_scenario(scenario, agent_named("kills-and-empties"))
    assert row.outcome == "resolved", row.reason
    assert row.healthy_after
    assert row.cause == CAUSE
    assert row.commands_run == 3
    assert row.changes_made >= 1
    assert not row.passed  # no cause was found
