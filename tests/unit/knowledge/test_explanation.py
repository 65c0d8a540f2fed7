"""A failure mode in words: everything that decides stands in its explanation."""

from __future__ import annotations

import pytest

from app.knowledge.explanation import decision, explanation
from app.knowledge.failure_mode import FailureMode
from app.knowledge.library import Library

MODES = {mode.id: mode for mode in Library.load().modes}


@pytest.mark.parametrize("mode", MODES.values(), ids=lambda mode: mode.id)
def test_an_explanation_leaves_nothing_out_that_decides(mode: FailureMode) -> None:
    told = " ".join(explanation(mode).split())
    wanted = [
        mode.title,
        mode.candidate.text,
        *(s.says for s in mode.signs),
        *(f"{s.weight:+g}" for s in mode.signs),
        *(a.action for a in mode.asks),
        *(r.title for r in mode.remedies),
        *(r.person for r in mode.remedies if r.person),
        *(s.action for r in mode.remedies for s in r.steps if s.action),
        *(h.because for h in mode.handovers),
        mode.recommend,
    ]
    assert [part for part in wanted if " ".join(part.split()) not in told] == []


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("compromise", "nothing is changed at all"),
        ("config-broken", "a person is told"),
        ("account-missing", "repaired if a person agrees"),
        ("changed-since-healthy", "tried and proven; in some cases if a person agrees"),
    ],
)
def test_what_comes_of_a_mode_is_said_in_a_few_words(mode: str, said: str) -> None:
    assert decision(MODES[mode]) == said
