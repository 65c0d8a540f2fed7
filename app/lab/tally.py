"""Rows counted: what a run amounts to, in numbers that can be set beside those of another."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.lab.judge import GUARD_FAILED, Row
from app.lab.scenario import Outcome

#: In this order; what else there is comes after, by name.
OUTCOMES = tuple(outcome.value for outcome in Outcome)


@dataclass(frozen=True)
class Spread:
    """How a number of seconds is spread: the middle, and what all but a tenth stay within."""

    count: int
    p10: float
    median: float
    p90: float

    def __str__(self) -> str:
        return f"{self.median:.1f} ({self.p10:.1f} to {self.p90:.1f})"


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of the values that there are; None where there are none."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    # one value has no tenths: it is all of them
    tenths = statistics.quantiles(known, n=10, method="inclusive") if known[1:] else known
    return Spread(len(known), tenths[0], statistics.median(known), tenths[-1])


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    def __str__(self) -> str:
        return f"{self.part} of {self.whole}"


@dataclass(frozen=True)
class Tally:
    """What a run amounts to."""

    passed: Share
    false_resolved: int  # said resolved, and users were not served
    collateral: int  # scenarios in which something else was damaged
    well_left: Share  # the right outcome and no damage, whatever was said of the cause
    unjudged: int  # broken scenarios, and those that could not be run
    to_healthy: Spread | None
    to_end: Spread | None
    commands: float | None  # median
    changes: int
    by_expected: dict[str, Share]  # passed, by what should have come of it
    by_family: dict[str, Share]


def tally(rows: Iterable[Row]) -> Tally:
    """Count."""
    every = list(rows)
    judged = [row for row in every if row.healthy_after is not None]
    return Tally(
        passed=passed(every),
        false_resolved=sum(row.false_resolved for row in every),
        collateral=sum(bool(row.collateral) for row in every),
        well_left=share(map(well_left, every)),
        unjudged=len(every) - len(judged),
        to_healthy=spread(row.seconds_to_healthy for row in every),
        to_end=spread(row.seconds_to_end for row in every),
        commands=statistics.median(row.commands_run for row in judged) if judged else None,
        changes=sum(row.changes_made for row in every),
        by_expected={
            outcome: passed(row for row in every if row.expected_outcome == outcome)
            for outcome in in_order(row.expected_outcome for row in every)
        },
        by_family={
            family: passed(row for row in every if row.family == family)
            for family in sorted({row.family for row in every})
        },
    )


def passed(rows: Iterable[Row]) -> Share:
    """How many of them passed."""
    return share(row.passed for row in rows)


def share(verdicts: Iterable[bool]) -> Share:
    """How many of them are true."""
    every = list(verdicts)
    return Share(sum(every), len(every))


def well_left(row: Row) -> bool:
    """Whether the outcome is right and the hosts are as they should be, whatever the stated
    cause: an agent that looks for none can be compared by this."""
    served = row.healthy_after or row.expected_outcome == Outcome.ESCALATED
    undamaged = not row.collateral and GUARD_FAILED not in row.reason
    return row.outcome == row.expected_outcome and bool(served) and undamaged


def in_order(outcomes: Iterable[str]) -> list[str]:
    """Each outcome once: the right ends first, then the rest by name."""
    there = set(outcomes)
    return [*(each for each in OUTCOMES if each in there), *sorted(there - set(OUTCOMES))]


def matrix(rows: Sequence[Row]) -> Counter[tuple[str, str, bool]]:
    """How many rows there are of each family, outcome and verdict."""
    return Counter((row.family, row.outcome, row.passed) for row in rows)
