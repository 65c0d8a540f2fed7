"""Every scenario of a run with all that its row says, and how it went in other runs."""

from __future__ import annotations

from collections.abc import Sequence

from app.lab.judge import Row
from app.lab.markup import Markup, joined, tag
from app.lab.rowfile import RowFile
from app.lab.sheet import sheet
from app.lab.storyline import anchor

BEFORE = ("scenario", "family", "expected", "got", "result")  # the other runs' results come next
AFTER = (
    "healthy", "s to healthy", "s to end", "commands", "changes", "collateral", "cause", "reason"
)  # fmt: skip
CLASSES = ("", "number", "number", "number", "number", "text", "text", "text")
MOST = 20  # damages told of one scenario


def listing(main: RowFile, others: Sequence[RowFile]) -> Markup:
    """Failures first: they are what one reads."""
    lines = [
        [
            *_verdict(main, row),
            *(result(other.rows.get(row.id)) for other in others),
            *_circumstances(row),
        ]
        for row in sorted(main.rows.values(), key=lambda row: row.passed)
    ]
    headings = [*BEFORE, *(other.name for other in others), *AFTER]
    plain = [""] * (len(BEFORE) - 1 + len(others))
    return sheet("All that the rows say", headings, lines, [*plain, *CLASSES])


def result(row: Row | None) -> Markup:
    """In words first; the colour only repeats them."""
    if row is None:
        return tag("span", "not run", class_="none")
    if row.passed:
        return tag("span", "passed", class_="good")
    if row.healthy_after is None:
        return tag("span", "not judged", class_="bad")
    return tag("span", "falsely resolved" if row.false_resolved else "failed", class_="bad")


def _verdict(main: RowFile, row: Row) -> list[str]:
    told = row.id in main.timelines
    name = tag("a", row.id, href=f"#{anchor(main, row.id)}") if told else row.id
    return [name, row.family, row.expected_outcome, row.outcome, result(row)]


def _circumstances(row: Row) -> list[str]:
    return [
        {True: "yes", False: "no", None: "-"}[row.healthy_after],
        _seconds(row.seconds_to_healthy),
        _seconds(row.seconds_to_end),
        str(row.commands_run),
        str(row.changes_made),
        _damage(row.collateral),
        joined(row.cause, "" if row.cause_ok or not row.cause else tag("b", " (not the cause)")),
        row.reason,
    ]


def _damage(collateral: Sequence[str]) -> Markup:
    more = len(collateral) - MOST
    named = (tag("div", each) for each in collateral[:MOST])
    return joined(*named, f"and {more} more" if more > 0 else "")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
