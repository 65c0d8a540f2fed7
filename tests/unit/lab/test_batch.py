"""A set of scenarios: rows as they end, exit codes, going on after a stop."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.lab import batch, layers, postgres, requirements
from app.lab.agents import Agent, ReferenceFix
from app.lab.batch import RunOptions
from app.lab.disturbance import CALM, Disturbance
from app.lab.interruption import KINDS, InterruptedService
from app.lab.judge import Row, Said, Seen, judge, no_verdict
from app.lab.naming import PLAIN, Naming
from app.lab.scenario import Scenario
from app.lab.worker_loss import LosesAWorker

TEXT = """\
id: {id}
title: A fault
family: faults
target: web01
hosts: [web01]
ticket: {{short_description: Something is wrong}}
inject: "true"
healthy: "true"
fix: "true"
expect: {{outcome: resolved}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scenarios, and a lab in which those named `good...` pass."""
    place = tmp_path / "scenarios"
    place.mkdir()
    for name in ("bad-one", "good-one", "good-two"):
        (place / f"{name}.yaml").write_text(TEXT.format(id=name))

    def run_scenario(
        scenario: Scenario,
        agent: Agent,
        keep: Path | None = None,
        disturbance: Disturbance = CALM,
        naming: Naming = PLAIN,
    ) -> Row:
        assert isinstance(agent, ReferenceFix)
        assert keep is None
        assert scenario.target in naming.hosts
        if scenario.id.startswith("good"):
            return judge(scenario, Said("resolved"), Seen(healthy_after=True))
        return no_verdict(scenario, "broken_scenario", "nothing is broken")

    monkeypatch.setattr(batch, "run_scenario", run_scenario)
    monkeypatch.setattr(requirements, "ensure", lambda: None)
    monkeypatch.setattr(batch, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(layers, "layer_key", lambda spec, _naming: spec.name)
    return place


def rows(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_one_row_each_and_1_where_some_failed(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    assert batch.run(RunOptions(scenarios=folder, out=out, prove=True)) == 1
    assert [row["id"] for row in rows(out)] == ["bad-one", "good-one", "good-two"]
    assert [row["passed"] for row in rows(out)] == [False, True, True]


def test_0_where_all_passed(folder: Path, tmp_path: Path) -> None:
    only = ("good-one", "good-two")
    options = RunOptions(scenarios=folder, only=only, out=tmp_path / "rows.jsonl", prove=True)
    assert batch.run(options) == 0


def test_each_second_is_every_second_by_name(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    batch.run(RunOptions(scenarios=folder, every=2, out=out, prove=True))
    assert [row["id"] for row in rows(out)] == ["bad-one", "good-two"]


def test_2_where_it_could_not_run(tmp_path: Path) -> None:
    assert batch.run(RunOptions(scenarios=tmp_path / "absent", prove=True)) == 2


def test_rows_go_to_standard_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch.run(RunOptions(scenarios=folder, only=("good-one",), prove=True))
    row = json.loads(capsys.readouterr().out)
    assert set(row) == {
        "id", "family", "passed", "outcome", "expected_outcome", "healthy_after", "collateral",
        "guard_output", "cause", "cause_ok", "approval_asked", "false_resolved", "seconds_to_end",
        "seconds_to_healthy", "commands_run", "changes_made", "reason", "mode", "confidence",
    }  # fmt: skip


def test_a_stopped_run_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    batch.run(RunOptions(scenarios=folder, only=("good-one",), out=out, prove=True))
    batch.run(RunOptions(scenarios=folder, out=out, prove=True, resume=True))
    assert [row["id"] for row in rows(out)] == ["good-one", "bad-one", "good-two"]


def test_several_side_by_side_keep_their_order(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    batch.run(RunOptions(scenarios=folder, out=out, prove=True, jobs=3))
    assert [row["id"] for row in rows(out)] == ["bad-one", "good-one", "good-two"]


def test_what_is_about_speed_runs_alone_after_the_others(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = folder / "bad-one.yaml"
    slow.write_text(re.sub(r"family: .*", "family: page-slow", slow.read_text()))
    running: list[str] = []
    beside: dict[str, int] = {}
    prove = batch.prove

    def watched(scenario: Scenario, *more: Any) -> Any:
        running.append(scenario.id)
        beside[scenario.id] = len(running)
        try:
            return prove(scenario, *more)
        finally:
            running.remove(scenario.id)

    monkeypatch.setattr(batch, "prove", watched)
    out = tmp_path / "rows.jsonl"
    batch.run(RunOptions(scenarios=folder, out=out, prove=True, jobs=3))
    assert [row["id"] for row in rows(out)] == ["good-one", "good-two", "bad-one"]
    assert beside["bad-one"] == 1


def test_a_proof_is_kept_until_the_scenario_changes(folder: Path, tmp_path: Path) -> None:
    batch.run(RunOptions(scenarios=folder, only=("good-one",), prove=True))
    kept = list((tmp_path / "cache/proofs").iterdir())
    assert len(kept) == 1
    changed = (folder / "good-one.yaml").read_text().replace("A fault", "Another fault")
    (folder / "good-one.yaml").write_text(changed)
    batch.run(RunOptions(scenarios=folder, only=("good-one",), prove=True))
    assert len(list((tmp_path / "cache/proofs").iterdir())) == 2


def test_names_drawn_anew_are_proven_for_themselves(folder: Path, tmp_path: Path) -> None:
    for seed in (None, 1, 2, 1):
        batch.run(RunOptions(scenarios=folder, only=("good-one",), prove=True, redraw=seed))
    assert len(list((tmp_path / "cache/proofs").iterdir())) == 3


def test_an_unproven_scenario_is_no_pass(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    assert batch.run(RunOptions(scenarios=folder, only=("bad-one",), out=out)) == 1
    assert rows(out)[0]["outcome"] == "broken_scenario"
    assert rows(out)[0]["reason"] == "not proven: nothing is broken"


def test_a_proof_with_noise_is_another_proof(folder: Path, tmp_path: Path) -> None:
    batch.run(RunOptions(scenarios=folder, only=("good-one",), prove=True))
    batch.run(RunOptions(scenarios=folder, only=("good-one",), prove=True, noise=True))
    assert len(list((tmp_path / "cache/proofs").iterdir())) == 2


def test_rows_of_differently_optioned_runs_are_not_mixed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.jsonl"
    plain = RunOptions(scenarios=folder, only=("good-one",), out=out, prove=True)
    batch.run(plain)
    assert batch.run(replace(plain, only=("good-two",), resume=True, noise=True)) == 2
    assert "--resume would mix them" in capsys.readouterr().err
    assert [row["id"] for row in rows(out)] == ["good-one"]


def test_a_row_that_was_cut_off_is_made_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    options = RunOptions(scenarios=folder, out=out, prove=True)
    batch.run(options)
    whole = out.read_text()
    out.write_text(whole[:-20])  # the run was killed while it wrote the last row
    batch.run(replace(options, resume=True))
    assert out.read_text() == whole


def test_losing_a_worker_needs_a_postgresql(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgres, "server_binaries", lambda: None)
    assert batch.run(RunOptions(folder, interrupt="worker")) == batch.COULD_NOT_RUN
    assert "apt-get install postgresql" in capsys.readouterr().err


def test_each_interruption_has_its_agent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Agent] = []

    def run_scenario(_scenario: Scenario, agent: Agent, *_: object) -> Row:
        given.append(agent)
        return no_verdict(_scenario, "not_run", "only looked at")

    monkeypatch.setattr(batch, "run_scenario", run_scenario)
    monkeypatch.setattr(postgres, "server_binaries", lambda: folder)
    for kind in KINDS:
        options = RunOptions(folder, only=("good-one",), trust=True, interrupt=kind, seed=3)
        batch.run(options)
    assert [type(agent) for agent in given] == [
        InterruptedService,
        InterruptedService,
        LosesAWorker,
    ]
    assert [agent.kind for agent in given if isinstance(agent, InterruptedService)] == list(KINDS)
