"""What runs taught of confidence: it is stated, it can hold back, and it opens nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.action import ActionCall
from app.errors import KnowledgeError
from app.knowledge.calibration import (
    MOST_SHIFT,
    NOTHING_LEARNED,
    Calibration,
    LearnedMode,
    Scaling,
    read_calibration,
)
from app.knowledge.library import Library
from app.reasoning.leading import hypotheses_of, leader_of
from app.reasoning.matching import Candidate
from app.reasoning.odds import SURE_ENOUGH, confidences
from app.reasoning.port import Repair


def taught(slope: float = 1.0, unknown: float = 0.0, /, **shifts: float) -> Calibration:
    modes = {
        mode: LearnedMode(shift=shift, runs=9, right=5, expected=5)
        for mode, shift in shifts.items()
    }
    return Calibration(modes=modes, scaling=Scaling(slope=slope, unknown=unknown))


def candidate(mode: str, score: float, *, trial: bool = False, **more: Any) -> Candidate:
    restore = ActionCall(action="file.restore", host="web01", params={"path": f"/{mode}"})
    repair = Repair(cause=mode, title="Put back", steps=(restore,), **more)
    return Candidate(
        key=mode, mode=mode, host="web01", subject="", text=mode, score=score, supports=(),
        asks=(), repair=repair, handovers=(), recommend="", halts=False, trial=trial,
    )  # fmt: skip


def judged(calibration: Calibration, *found: Candidate) -> tuple[str | None, float]:
    """Who is acted on, and the confidence of the first."""
    moved = [c.model_copy(update={"shift": calibration.shift(c.mode)}) for c in found]
    ordered = sorted(moved, key=lambda one: -one.rank)
    hypotheses = hypotheses_of(ordered, (), calibration)
    leader = leader_of(ordered, hypotheses)
    return None if leader is None else leader.mode, hypotheses[0].confidence


def test_a_mode_that_was_seldom_so_is_held_back() -> None:
    sure = candidate("a", -0.7)
    assert judged(NOTHING_LEARNED, sure)[0] == "a"
    assert judged(taught(a=-0.45), sure)[0] == "a", "a cause that is still sure enough"
    assert judged(taught(1.0, 0.1, a=-0.5), sure)[0] is None
    assert judged(taught(0.6), sure)[0] is None
    assert judged(taught(1.0, 0.5, a=-0.1), sure)[0] is None


def test_a_mode_that_was_often_so_is_stated_surer_and_opens_nothing() -> None:
    unsure = candidate("a", -1.3)
    plain, without = judged(NOTHING_LEARNED, unsure)
    lifted, with_it = judged(taught(a=0.5), unsure)
    assert without < SURE_ENOUGH < with_it, "it is stated as what runs say"
    assert (plain, lifted) == (None, None), "and acted on only where evidence alone would have it"


shift = st.floats(-MOST_SHIFT, MOST_SHIFT)
rivals = st.lists(
    st.tuples(st.floats(-6, 2), shift, st.booleans(), st.booleans(), st.booleans()),
    min_size=1,
    max_size=4,
)


@given(rivals, st.floats(0.5, 1.25), shift)
def test_nothing_is_acted_on_that_evidence_alone_would_not_let(
    given_rivals: list[tuple[float, float, bool, bool, bool]], slope: float, unknown: float
) -> None:
    found, shifts = [], {}
    for name, (score, moved, trial, back, left) in zip("abcd", given_rivals, strict=False):
        one = candidate(name, score, trial=trial, puts_back=back)
        found.append(one.model_copy(update={"handovers": ("left alone",) if left else ()}))
        shifts[name] = moved
    acted_on, _ = judged(taught(slope, unknown, **shifts), *found)
    assert acted_on in (None, judged(NOTHING_LEARNED, *found)[0])


@given(st.lists(st.floats(-6, 6), min_size=2, max_size=5), st.floats(0.5, 1.25))
def test_scaling_keeps_the_order(given_scores: list[float], slope: float) -> None:
    named = {str(n): score for n, score in enumerate(given_scores)}
    before, after = confidences(named), confidences(named, taught(slope, 0.3))
    assert sum(after.values()) == pytest.approx(1)
    order = sorted(named, key=lambda key: before[key])
    assert [after[key] for key in order] == pytest.approx(sorted(after[key] for key in named))


def test_which_cause_is_tried_first_is_not_changed() -> None:
    first, second = candidate("a", 1.0), candidate("b", 0.9)
    assert judged(taught(a=-0.5, b=0.5), second, first)[0] is None
    assert first.model_copy(update={"shift": -0.5}).rank == first.rank


def test_what_is_shipped_is_read() -> None:
    assert Library.load().calibration == NOTHING_LEARNED


@pytest.mark.parametrize(
    "text",
    ["modes: {x: {shift: 2, runs: 1, right: 1, expected: 1}}", "modes: [", "a: 1",
     "scaling: {slope: 9}"],
)  # fmt: skip
def test_a_file_that_is_not_right_is_refused_by_name(text: str) -> None:
    with pytest.raises(KnowledgeError, match=r"calibration\.yaml"):
        read_calibration(text, Path("calibration.yaml"))
