"""The timelines in the page: what the agent did on each scenario, and when."""

from __future__ import annotations

from datetime import datetime

from app.lab.judge import Row
from app.lab.markup import Markup, tag
from app.lab.rowfile import RowFile
from app.lab.sheet import sheet
from app.lab.timelines import Entry, Timeline

MOST = 200  # entries of one timeline; a story that long is not read to the end


def storylines(file: RowFile) -> Markup:
    """Each folded, so that the page stays readable; they open without any script."""
    told = [
        _folded(anchor(file, row.id), row, file.timelines[row.id])
        for row in file.rows.values()
        if row.id in file.timelines
    ]
    return tag("div", *told) if told else tag("p", "No timelines were kept with these rows.")


def anchor(file: RowFile, scenario: str) -> str:
    """Where a scenario's timeline is in the page; a number, since the id is untrusted."""
    return f"timeline-{list(file.rows).index(scenario)}"


def _folded(name: str, row: Row, timeline: Timeline) -> Markup:
    verdict = "passed" if row.passed else "failed"
    summary = tag("summary", tag("b", row.id), f" {row.outcome}, {verdict}")
    cause = tag("p", "Cause as stated: ", timeline.root_cause or "none")
    return tag("details", summary, cause, _steps(row, timeline), id=name)


def _steps(row: Row, timeline: Timeline) -> Markup:
    entries = timeline.timeline[:MOST]
    start = timeline.started_at or entries[0].created_at
    length = max([1.0, *(_since(start, entry) + entry.duration_seconds for entry in entries)])
    lines = [
        [
            f"{_since(start, entry):.1f} s",
            entry.action_type,
            entry.title,
            entry.status,
            f"{entry.duration_seconds:.1f} s",
            _bar(_since(start, entry) / length, entry.duration_seconds / length),
        ]
        for entry in entries
    ]
    headings = ["after", "step", "what", "status", "took", "when"]
    return sheet(f"Timeline of {row.id}", headings, lines, ("", "text", "", "number", "when"))


def _since(start: datetime, entry: Entry) -> float:
    return max(0.0, (entry.created_at - start).total_seconds())


def _bar(begins: float, lasts: float) -> Markup:
    """Only repeats the numbers beside it, so it is hidden from those who cannot see it."""
    place = f"margin-left:{begins:.1%};width:{lasts:.1%}"
    return tag("div", class_="bar", style=place, aria_hidden="true")
