"""Whether stated confidence keeps its word: of what is 80 % sure, four in five are right.

A row has the confidence with which its cause was stated, and the judge's word on whether that was
the cause. Runs that state no cause (nothing was wrong) say nothing about it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from app.knowledge.library import Library
from app.lab.judge import Row

BINS = 10
_SURE = 1.96
"""Standard deviations of a 95 % interval."""

_AS_IF = 5.0
"""Runs of the mode that went just as stated, added to what was seen: few runs teach little."""

_MOST = 0.5
"""How far a prior is moved at most, in log odds."""

_LEAST_RUNS = 3


@dataclass(frozen=True)
class Stated:
    """A cause as a run stated it."""

    mode: str
    confidence: float  # 0..1
    right: bool


@dataclass(frozen=True)
class Bin:
    """Causes that were stated with about the same confidence."""

    low: float
    high: float
    count: int
    confidence: float  # the mean that was stated
    right: float  # the share that was right
    between: tuple[float, float]  # the share's 95 % interval, after Wilson


@dataclass(frozen=True)
class Calibration:
    """How stated confidence and truth go together."""

    bins: tuple[Bin, ...]
    count: int
    ece: float  # expected calibration error: the mean gap between stated and true, by bin
    brier: float  # the mean square of what was stated less what was so


@dataclass(frozen=True)
class LearnedPrior:
    """What runs say of how common a failure mode is."""

    mode: str
    runs: int
    right: int
    prior: float


def stated(rows: Iterable[Row]) -> list[Stated]:
    """What the rows state; those without a confidence are left out."""
    return [
        Stated(row.mode, row.confidence / 100, row.cause_ok)
        for row in rows
        if row.confidence is not None
    ]


def calibration(given: Sequence[Stated]) -> Calibration:
    """The reliability table of what was stated. `given` is not empty."""
    found = []
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        those = [
            one for one in given if low <= one.confidence < high or one.confidence == high == 1
        ]
        if those:
            right = sum(one.right for one in those)
            found.append(
                Bin(
                    low=low,
                    high=high,
                    count=len(those),
                    confidence=sum(one.confidence for one in those) / len(those),
                    right=right / len(those),
                    between=wilson(right, len(those)),
                )
            )
    gaps = (one.count * abs(one.confidence - one.right) for one in found)
    squares = ((one.confidence - one.right) ** 2 for one in given)
    return Calibration(
        tuple(found), len(given), ece=sum(gaps) / len(given), brier=sum(squares) / len(given)
    )


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The 95 % interval of a share.

    >>> tuple(round(edge, 2) for edge in wilson(9, 10))
    (0.6, 0.98)
    """
    share, square = part / whole, _SURE**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    spread = _SURE * math.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    wide = spread / (1 + square / whole)
    return max(0.0, middle - wide), min(1.0, middle + wide)


def learned(given: Sequence[Stated], library: Library) -> list[LearnedPrior]:
    """Priors moved by how often each mode was right against how sure it was, and not far."""
    found = []
    for mode in library.modes:
        own = [one for one in given if one.mode == mode.id]
        if len(own) < _LEAST_RUNS:
            continue
        right, expected = sum(one.right for one in own), sum(one.confidence for one in own)
        shift = math.log((right + _AS_IF) / (expected + _AS_IF))
        moved = library.declared[mode.id] * math.exp(max(-_MOST, min(_MOST, shift)))
        found.append(LearnedPrior(mode.id, len(own), right, round(min(moved, 0.99), 4)))
    return found


def write(path: Path, priors: Sequence[LearnedPrior]) -> None:
    """Write what was learned as the library reads it."""
    told = {one.mode: {"prior": one.prior, "runs": one.runs, "right": one.right} for one in priors}
    head = "# Priors that lab runs taught. Made by `sre-agent lab calibrate ROWS --write FILE`.\n"
    path.write_text(head + yaml.safe_dump({"priors": told}, sort_keys=True), encoding="utf-8")
