"""Whether stated confidence keeps its word: of what is 80 % sure, four in five are right.

What is learned from it is cautious: every correction begins at none, few runs move it little, and
none goes further than app/knowledge/calibration.py allows. Whether it would have helped is measured
on runs that it was not learned from.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from app.knowledge.calibration import (
    LEAST_SLOPE,
    MOST_SHIFT,
    MOST_SLOPE,
    Calibration,
    LearnedMode,
    Scaling,
    shares,
)
from app.lab.claims import UNKNOWN, Claim, mode_of

BINS = 10
FOLDS = 5
_SURE = 1.96
"""Standard deviations of a 95 % interval."""

_AS_IF = 5.0
"""Runs of the mode that went just as stated, added to what was seen: few runs teach little."""

_LEAST_RUNS = 3

_SLOPE_SPREAD, _UNKNOWN_SPREAD = 0.2, 0.25
"""How far the scaling is thought to be from none before anything was seen: standard deviations."""

_STEP = 0.05


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
class Reliability:
    """How stated confidence and truth go together."""

    bins: tuple[Bin, ...]
    count: int
    scenarios: int  # that the causes were stated in: runs of the same one are no two witnesses
    ece: float  # expected calibration error: the mean gap between stated and true, by bin
    brier: float  # the mean square of what was stated less what was so


def reliability(given: Sequence[Claim]) -> Reliability:
    """The reliability table of what was stated. `given` is not empty."""
    by_bin: dict[int, list[Claim]] = defaultdict(list)
    for one in given:
        by_bin[min(BINS - 1, int(one.confidence * BINS))].append(one)
    bins = tuple(_bin(number, by_bin[number]) for number in sorted(by_bin))
    gaps = (one.count * abs(one.confidence - one.right) for one in bins)
    squares = ((one.confidence - one.right) ** 2 for one in given)
    return Reliability(
        bins,
        len(given),
        len({one.scenario for one in given}),
        ece=sum(gaps) / len(given),
        brier=sum(squares) / len(given),
    )


def _bin(number: int, those: Sequence[Claim]) -> Bin:
    right = sum(one.right for one in those)
    return Bin(
        low=number / BINS,
        high=(number + 1) / BINS,
        count=len(those),
        confidence=sum(one.confidence for one in those) / len(those),
        right=right / len(those),
        between=wilson(right, len(those)),
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


def learn(given: Sequence[Claim]) -> Calibration:
    """What the claims teach: first of failure modes, then of confidence as a whole."""
    modes = _modes(given)
    draft = Calibration(causes=len(given), modes=modes)
    return draft.model_copy(update={"scaling": _scaling(given, draft)})


def _modes(given: Iterable[Claim]) -> dict[str, LearnedMode]:
    """Each mode moved by how often it was so against how often it should have been, not far."""
    runs: dict[str, int] = defaultdict(int)
    right: dict[str, int] = defaultdict(int)
    expected: dict[str, float] = defaultdict(float)
    for one in given:
        for key, share in one.rivals.items():
            if key != UNKNOWN:
                runs[mode_of(key)] += 1
                right[mode_of(key)] += key == one.truth
                expected[mode_of(key)] += share
    return {
        mode: LearnedMode(
            shift=_moved(right[mode], expected[mode]),
            runs=runs[mode],
            right=right[mode],
            expected=round(expected[mode], 2),
        )
        for mode in sorted(runs)
        if runs[mode] >= _LEAST_RUNS
    }


def _moved(right: int, expected: float) -> float:
    shift = math.log((right + _AS_IF) / (expected + _AS_IF))
    return round(max(-MOST_SHIFT, min(MOST_SHIFT, shift)), 3)


def _scaling(given: Sequence[Claim], draft: Calibration) -> Scaling:
    """The scaling under which what was so was likeliest, held near none by its own likelihood."""
    steps = round((MOST_SLOPE - LEAST_SLOPE) / _STEP)
    slopes = [round(LEAST_SLOPE + _STEP * n, 2) for n in range(steps + 1)]
    many = round(2 * MOST_SHIFT / _STEP)
    tried = [
        Scaling(slope=slope, unknown=round(-MOST_SHIFT + _STEP * n, 2))
        for slope in slopes
        for n in range(many + 1)
    ]

    def loss(scaling: Scaling) -> tuple[float, float]:
        taught = draft.model_copy(update={"scaling": scaling})
        misses = -sum(math.log(_stated(one, taught)[one.truth]) for one in given)
        slope, unknown = (scaling.slope - 1) / _SLOPE_SPREAD, scaling.unknown / _UNKNOWN_SPREAD
        # of two that are as good the one nearer to none, so that the same rows teach the same
        return round(misses + (slope**2 + unknown**2) / 2, 9), abs(slope) + abs(unknown)

    return min(tried, key=loss)


def _stated(one: Claim, calibration: Calibration) -> Mapping[str, float]:
    """The shares of a claim as they would have been stated."""
    scores = {
        key: math.log(share) + (calibration.shift(mode_of(key)) if key != UNKNOWN else 0.0)
        for key, share in one.rivals.items()
        if share > 0
    }
    return shares(calibration.scaled({UNKNOWN: math.log(1e-4), **scores}))


def restated(given: Iterable[Claim], calibration: Calibration) -> list[Claim]:
    """The claims with the confidence that they would have had."""
    return [
        replace(one, confidence=_stated(one, calibration)[one.key or one.mode]) for one in given
    ]


def unseen(given: Sequence[Claim]) -> list[Claim]:
    """The claims restated, each by what all scenarios but those of its own part teach."""
    parts: dict[int, list[Claim]] = defaultdict(list)
    for one in given:
        digest = hashlib.sha256(one.scenario.encode()).digest()
        parts[digest[0] % FOLDS].append(one)
    found: list[Claim] = []
    for number, part in sorted(parts.items()):
        others = [one for other, those in parts.items() if other != number for one in those]
        found += restated(part, learn(others))
    return found


def write(path: Path, calibration: Calibration) -> None:
    """Write what was learned as the library reads it."""
    head = (
        "# What judged runs taught of confidence. Made by\n"
        "# `sre-agent lab calibrate ROWS.jsonl --write FILE`; read at the next start.\n"
    )
    told = calibration.model_dump(mode="json")
    path.write_text(head + yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
