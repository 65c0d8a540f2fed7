"""Charts as SVG, drawn here: they print, need no script, and take their colours from style.css.

Every chart is values first (a bar's place in per cent) and markup last, by a template.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from app.audit.views import ExecutionView, LogView
from app.dashboard.times import in_words, now
from app.domain.event import EntryStatus
from app.domain.execution import Step
from app.domain.value import JsonObject

LEFT, RIGHT, ROW, TOP = 104, 690, 26, 8
"""The chart's inner edges and the height of a row, in the units of its view box."""

NARROWEST = 3.0
TICKS = 5


class Bar(NamedTuple):
    """Something that took a while."""

    x: float
    y: float
    width: float
    kind: str  # of the style sheet
    title: str


class Mark(NamedTuple):
    """One command, probe or change within a row."""

    x: float
    y: float
    kind: str
    title: str
    line: int  # its number in the log


class Tick(NamedTuple):
    """A place on the axis of time."""

    x: float
    words: str


class Gantt(NamedTuple):
    """When each of the six steps was at work, and what ran in it."""

    width: int
    height: int
    rows: tuple[tuple[str, float], ...]  # a step's name and its base line
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]


class Scale(NamedTuple):
    """From moments to places."""

    began: datetime
    seconds: float

    def x(self, at: datetime) -> float:
        share = (at - self.began).total_seconds() / self.seconds
        return round(LEFT + min(1.0, max(0.0, share)) * (RIGHT - LEFT), 1)


def gantt(execution: ExecutionView, log: Sequence[LogView]) -> Gantt:
    """The execution over time, up to its end or to now."""
    began, ended = execution.started_at, execution.ended_at or _last_sign(execution, log)
    scale = Scale(began, max(1.0, (ended - began).total_seconds()))
    steps = list(Step)
    y_of = {step: TOP + ROW * place for place, step in enumerate(steps)}
    return Gantt(
        width=RIGHT + 10,
        height=TOP + ROW * len(steps) + 22,
        rows=tuple((str(step), y_of[step] + 14.0) for step in steps),
        bars=tuple(_bars(execution, scale, y_of)),
        marks=tuple(
            Mark(
                x=scale.x(line.created_at),
                y=y_of[line.state] + 9.0,
                kind=str(line.action_type),
                title=f"{line.action}, {in_words(line.duration_seconds)}: {line.status}",
                line=line.step,
            )
            for line in log
        ),
        ticks=tuple(_ticks(scale)),
    )


def _last_sign(execution: ExecutionView, log: Sequence[LogView]) -> datetime:
    """What is at work goes on until now; drawn until its last sign, the rest is not known yet."""
    signs = [entry.created_at for entry in execution.timeline] + [line.created_at for line in log]
    if any(entry.status is EntryStatus.RUNNING for entry in execution.timeline):
        signs.append(now())
    return max(signs, default=execution.started_at)


def _bars(execution: ExecutionView, scale: Scale, y_of: dict[Step, int]) -> list[Bar]:
    bars = []
    for entry in execution.timeline:
        start = scale.x(entry.created_at)
        end = scale.x(entry.created_at + timedelta(seconds=entry.duration_seconds))
        if entry.status is EntryStatus.RUNNING:
            end = scale.x(scale.began + timedelta(seconds=scale.seconds))
        bars.append(
            Bar(
                x=min(start, RIGHT - NARROWEST),
                y=y_of[entry.action_type] + 4.0,
                width=round(max(NARROWEST, end - start), 1),
                kind=str(entry.status),
                title=f"{entry.title} ({in_words(entry.duration_seconds)})",
            )
        )
    return bars


def _ticks(scale: Scale) -> list[Tick]:
    width = (RIGHT - LEFT) / (TICKS - 1)
    return [
        Tick(round(LEFT + width * place, 1), in_words(scale.seconds * place / (TICKS - 1)))
        for place in range(TICKS)
    ]


def sparkline(history: Sequence[JsonObject], *, width: int = 80, height: int = 20) -> str:
    """The points of a line of confidences (0..1), for an SVG `polyline`; one moment is level."""
    values = [float(moment["confidence"]) for moment in history]
    values = values * 2 if len(values) == 1 else values
    if not values:
        return ""
    apart = width / (len(values) - 1)
    return " ".join(
        f"{place * apart:.1f},{(1 - value) * (height - 4) + 2:.1f}"
        for place, value in enumerate(values)
    )
