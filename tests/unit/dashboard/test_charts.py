"""Charts: everything within its edges, in its row, at its time."""

from __future__ import annotations

from app.dashboard import charts
from app.domain.event import EntryStatus
from app.domain.execution import ExecutionStatus, Outcome, Step
from tests.unit.dashboard.values import after, entry, execution, line


def ended(*entries: tuple[Step, float, float]) -> charts.Gantt:
    shown = execution(
        status=ExecutionStatus.COMPLETED,
        outcome=Outcome.RESOLVED,
        ended_at=after(100),
        timeline=tuple(entry(*told) for told in entries),
    )
    return charts.gantt(shown, [line(50)])


def test_bars_stand_where_their_time_is() -> None:
    chart = ended((Step.ANALYZE, 0, 50), (Step.VERIFY, 50, 50))
    first, second = chart.bars
    half = (charts.RIGHT - charts.LEFT) / 2
    assert (first.x, first.width) == (charts.LEFT, half)
    assert (second.x, second.width) == (charts.LEFT + half, half)
    assert second.y - first.y == charts.ROW * 4  # verify is the fifth of the six
    assert chart.marks[0].x == charts.LEFT + half


def test_what_took_no_time_can_still_be_seen_and_stays_inside() -> None:
    chart = ended((Step.FINALIZE, 100, 0))
    (bar,) = chart.bars
    assert bar.width == charts.NARROWEST
    assert bar.x + bar.width <= charts.RIGHT


def test_what_is_at_work_reaches_to_now() -> None:
    shown = execution(timeline=(entry(Step.DIAGNOSE, 5, 0, status=EntryStatus.RUNNING),))
    (bar,) = charts.gantt(shown, []).bars
    assert round(bar.x + bar.width) == charts.RIGHT


def test_nothing_yet_is_an_empty_chart() -> None:
    chart = charts.gantt(execution(running_at=None, current_step=None), [])
    assert chart.bars == ()
    assert [name for name, _ in chart.rows] == [str(step) for step in Step]


def test_a_line_of_confidences() -> None:
    assert charts.sparkline([]) == ""
    assert charts.sparkline([{"confidence": 0.5}]) == "0.0,10.0 80.0,10.0"
    assert charts.sparkline([{"confidence": 0.0}, {"confidence": 1.0}]) == "0.0,18.0 80.0,2.0"
