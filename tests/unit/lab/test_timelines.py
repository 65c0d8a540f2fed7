"""What the agent did is kept beside the rows, and found there again."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab import batch, requirements, timelines
from app.lab.agents import ServiceAgent
from app.lab.rivals import SaysResolved
from tests.unit.lab.rows import row
from tests.unit.lab.test_batch import TEXT

ENTRY = {
    "step_number": 1,
    "action_type": "analyze",
    "title": "Users suffer",
    "status": "completed",
    "duration_seconds": 5.1,
    "detail": {"probes": []},
    "created_at": "2026-01-01T10:00:01Z",
}


def service(**last: object) -> ServiceAgent:
    agent = ServiceAgent()
    agent.last = {"started_at": "2026-01-01T10:00:00Z", "timeline": [ENTRY], **last}
    return agent


def test_a_story_comes_back_whole(tmp_path: Path) -> None:
    rows = tmp_path / "today.jsonl"
    timelines.keep(rows, "nginx-stopped", service(root_cause="nginx was stopped"))
    assert (tmp_path / "today.timelines.jsonl").exists()
    kept = timelines.read_beside(rows)["nginx-stopped"]
    assert kept.root_cause == "nginx was stopped"
    assert kept.timeline[0].title == "Users suffer"
    assert kept.timeline[0].model_extra == {"step_number": 1, "detail": {"probes": []}}


def test_who_tells_nothing_leaves_nothing(tmp_path: Path) -> None:
    timelines.keep(tmp_path / "rows.jsonl", "nginx-stopped", SaysResolved())
    timelines.keep(tmp_path / "rows.jsonl", "nginx-stopped", ServiceAgent())
    assert list(tmp_path.iterdir()) == []


def test_a_run_keeps_them_beside_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good-one.yaml").write_text(TEXT.format(id="good-one"))
    monkeypatch.setattr(batch, "run_scenario", lambda scenario, *_, **__: row(scenario.id))
    monkeypatch.setattr(batch, "agent_named", lambda *_: service())
    monkeypatch.setattr(batch, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(requirements, "ensure", lambda: None)
    out = tmp_path / "rows.jsonl"
    options = batch.RunOptions(scenarios=tmp_path, out=out, trust=True)
    for _ in range(2):  # the second run begins both files anew
        assert batch.run(options) == 0
    assert list(timelines.read_beside(out)) == ["good-one"]
    assert len(timelines.beside(out).read_text().splitlines()) == 1


def test_a_line_that_was_cut_off_costs_only_itself(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    timelines.keep(rows, "a", service())
    with timelines.beside(rows).open("a") as file:
        file.write('{"id": "b", "timel')
    assert list(timelines.read_beside(rows)) == ["a"]


def test_rows_from_elsewhere_have_none(tmp_path: Path) -> None:
    assert timelines.read_beside(tmp_path / "rows.jsonl") == {}
