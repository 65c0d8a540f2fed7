"""What a run amounts to, in numbers."""

from __future__ import annotations

from typing import Any

import pytest

from app.lab.comparison import changed, figures, turns
from app.lab.judge import Row
from app.lab.rowfile import RowFile
from app.lab.tally import Share, Spread, spread, tally, well_left
from tests.unit.lab.rows import failed, row


def run(name: str, *rows: Row) -> RowFile:
    return RowFile(name, {each.id: each for each in rows})


def test_the_worst_is_counted_by_itself() -> None:
    totals = tally([row("a"), failed("b", false_resolved=True), failed("c", collateral=["x", "y"])])
    assert totals.passed == Share(1, 3)
    assert (totals.false_resolved, totals.collateral) == (1, 1)


def test_what_was_never_judged_is_no_ordinary_failure() -> None:
    totals = tally([row("a"), failed("b", healthy_after=None, outcome="not_run")])
    assert totals.unjudged == 1
    assert totals.commands == 28


def test_totals_by_right_outcome_and_by_family() -> None:
    rows = [
        row("a", family="down"),
        failed("b", family="down"),
        row("c", family="slow", expected_outcome="escalated", outcome="escalated"),
    ]
    totals = tally(rows)
    assert totals.by_expected == {"resolved": Share(1, 2), "escalated": Share(1, 1)}
    assert totals.by_family == {"down": Share(1, 2), "slow": Share(1, 1)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([None], None),
        ([5.0], Spread(1, 5.0, 5.0, 5.0)),
        ([None, *map(float, range(11))], Spread(11, 1.0, 5.0, 9.0)),
    ],
)
def test_the_spread_of_seconds(values: list[float | None], expected: Spread | None) -> None:
    assert spread(values) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cause_ok": False}, True),
        ({"outcome": "escalated"}, False),
        ({"healthy_after": False}, False),
        ({"collateral": ["web01 file:/etc/passwd (changed)"]}, False),
        ({"reason": "the guard failed: no output"}, False),
        ({"expected_outcome": "escalated", "outcome": "escalated", "healthy_after": False}, True),
    ],
)
def test_well_left_is_all_but_the_words(changes: dict[str, Any], expected: bool) -> None:
    assert well_left(failed(**changes)) is expected


def test_every_run_has_the_same_figures() -> None:
    table = dict(figures([[row("a")], [failed("a", seconds_to_healthy=None)]]))
    assert table["passed"] == ["1 of 1", "0 of 1"]
    assert table["s until healthy, median (p10 to p90)"] == ["8.0 (8.0 to 8.0), of 1", "-"]


def test_what_changed_between_runs() -> None:
    first = run("first", row("a"), row("b"), failed("c"), failed("d"))
    later = run("later", row("a"), failed("b"), row("c"), failed("d"), row("e"))
    assert turns(first, later) == (["b"], ["c"])
    assert [name for name, _ in changed([first, later])] == ["b", "c", "e"]
