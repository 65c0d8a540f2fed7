"""Runs set beside each other: the same numbers of each, and where their verdicts part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.lab.judge import Row
from app.lab.rowfile import RowFile
from app.lab.tally import Spread, Tally, tally

Figure = tuple[str, list[str]]  # what it is, and its value in each run


def figures(runs: Sequence[Sequence[Row]]) -> list[Figure]:
    """Every number worth comparing."""
    every = [_named(tally(rows)) for rows in runs]
    return [(name, [numbers[name] for numbers in every]) for name in every[0]]


def changed(files: Sequence[RowFile]) -> Iterator[tuple[str, list[Row | None]]]:
    """Each scenario that does not have the same verdict in all runs, with its row in each."""
    for name in scenarios(files):
        rows = [file.rows.get(name) for file in files]
        if len({row and row.passed for row in rows}) > 1:
            yield name, rows


def scenarios(files: Sequence[RowFile]) -> list[str]:
    """Every scenario of any run, in the order of the first."""
    return list(dict.fromkeys(name for file in files for name in file.rows))


def turns(first: RowFile, later: RowFile) -> tuple[list[str], list[str]]:
    """What passed in the first only, and what in the later only, of what both ran."""
    both = [name for name in first.rows if name in later.rows]
    lost = [name for name in both if first.rows[name].passed and not later.rows[name].passed]
    won = [name for name in both if later.rows[name].passed and not first.rows[name].passed]
    return lost, won


def _named(numbers: Tally) -> dict[str, str]:
    commands = numbers.commands
    return {
        "passed": str(numbers.passed),
        "falsely resolved": str(numbers.false_resolved),
        "with collateral damage": str(numbers.collateral),
        "well left, whatever the cause": str(numbers.well_left),
        "not judged": str(numbers.unjudged),
        "s until healthy, median (p10 to p90)": _told(numbers.to_healthy),
        "s until the end, median (p10 to p90)": _told(numbers.to_end),
        "commands, median": "-" if commands is None else f"{commands:g}",
        "changes, all together": str(numbers.changes),
    }


def _told(seconds: Spread | None) -> str:
    return "-" if seconds is None else f"{seconds}, of {seconds.count}"
