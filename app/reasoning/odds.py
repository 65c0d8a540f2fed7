"""Confidence as arithmetic: prior odds times the weight of each fact, the unknown cause included.

Weights are natural logarithms of likelihood ratios: 0.7 doubles the odds, 2.3 makes them tenfold.
The unknown cause has a prior of its own and no facts for or against: when nothing speaks clearly,
it wins, and the incident goes to a person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from app.domain.hypothesis import Hypothesis
from app.knowledge.calibration import NOTHING_LEARNED, Calibration, shares

UNKNOWN_PRIOR = 0.1
"""How often the cause is one that no mode describes. Deliberately high: it keeps us modest."""

SURE_ENOUGH = 0.75
"""Confidence from which the leading cause counts as separated from its rivals."""

WORTH_TRYING = 0.6
"""Confidence from which it is tried to put a change back: that is proven, or undone."""


def score(prior: float, weights: tuple[float, ...]) -> float:
    """Log odds of a cause: its prior's logarithm plus the weights of what was seen."""
    return math.log(prior) + sum(weights)


def confidences(
    scores: Mapping[str, float], calibration: Calibration = NOTHING_LEARNED
) -> dict[str, float]:
    """Probabilities of rival causes, the unknown one (key "") taking its share.

    >>> round(confidences({"a": score(0.1, (2.3,))})["a"], 2)
    0.91
    """
    return shares(calibration.scaled({**scores, "": math.log(UNKNOWN_PRIOR)}))


def unknown(confidence: float) -> Hypothesis:
    """The cause that is always among the candidates."""
    return Hypothesis(
        key="unknown",
        text="A cause that no known failure mode describes",
        mode="unknown",
        host="",
        confidence=confidence,
    )
