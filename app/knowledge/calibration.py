"""What judged runs taught of how sure to be: corrections of failure modes, and of confidence.

Kept as data in `calibration.yaml`, made by `sre-agent lab calibrate ROWS --write FILE`; without the
file nothing is corrected. Both corrections change how sure of a cause is stated, not which is tried
first, and neither lets anything be done that could not be done without it
(app/reasoning/leading.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from app import strict_yaml
from app.domain.value import Value
from app.errors import KnowledgeError

CALIBRATION = Path(__file__).parent / "calibration.yaml"

MOST_SHIFT = 0.5
"""How far a mode, or the unknown cause, is moved at most, in log odds."""

LEAST_SLOPE, MOST_SLOPE = 0.5, 1.25
"""How flat, and how steep, confidence may be made."""


class LearnedMode(Value):
    """What runs taught of one failure mode."""

    shift: float = Field(ge=-MOST_SHIFT, le=MOST_SHIFT)  # added to its log odds
    runs: int = Field(ge=0)  # in which it was among the causes that fitted
    right: int = Field(ge=0)  # in which it was the cause
    expected: float = Field(ge=0)  # in how many it should have been, by the confidence it had


class Scaling(Value):
    """How stated confidence is made to keep its word: log odds times `slope`."""

    slope: float = Field(default=1.0, ge=LEAST_SLOPE, le=MOST_SLOPE)
    unknown: float = Field(default=0.0, ge=-MOST_SHIFT, le=MOST_SHIFT)  # added to the unknown cause


class Calibration(Value):
    """All that was learned."""

    causes: int = Field(default=0, ge=0)  # stated and judged, that it was learned from
    modes: dict[str, LearnedMode] = Field(default_factory=dict)
    scaling: Scaling = Scaling()

    def shift(self, mode: str) -> float:
        """What is added to the log odds of a mode."""
        learned = self.modes.get(mode)
        return 0.0 if learned is None else learned.shift

    def scaled(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Log odds of rivals, the unknown cause (key "") among them, as they should be stated."""
        return {
            key: self.scaling.slope * score + (0.0 if key else self.scaling.unknown)
            for key, score in scores.items()
        }


NOTHING_LEARNED = Calibration()


def shares(scores: Mapping[str, float]) -> dict[str, float]:
    """Probabilities of rivals, from their log odds."""
    top = max(scores.values())
    parts = {key: math.exp(value - top) for key, value in scores.items()}
    total = sum(parts.values())
    return {key: part / total for key, part in parts.items()}


def read_calibration(text: str, file: Path) -> Calibration:
    """What a file says; KnowledgeError, naming file and field, where it is not right."""
    try:
        return Calibration.model_validate(strict_yaml.read(text) or {})
    except (strict_yaml.YamlError, ValidationError) as error:
        problems = error.errors()[:3] if isinstance(error, ValidationError) else ()
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems)
        raise KnowledgeError(
            f"{file}: {told or error}.",
            hint="Make it anew: `sre-agent lab calibrate ROWS.jsonl --write FILE`.",
        ) from error
