"""Recorded cases: facts of one incident, and what failure modes must make of them.

    about: nginx was stopped and nothing starts it again      # one line, for people
    expect:
      cause: unit-stopped          # the mode that must lead; left out: no cause may stand out
      subject: nginx.service
      ends: repair                 # repair | ask | hand_over | no_fault
      absent: [unit-crashed]       # modes that may not even be likely
    facts:                         # every subject that was looked at, as conditions read it
      - {subject: unit, host: web01, name: nginx.service, nearness: 0, reads: {unit: {...}}}

A case is written by `sre-agent knowledge record` from what a real host told, or by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from app import strict_yaml
from app.domain.value import Value
from app.errors import KnowledgeError
from app.knowledge.failure_mode import Subject as Kind

SHIPPED_CASES = Path(__file__).parent / "cases"


class Ending(StrEnum):
    """What comes of a case."""

    REPAIR = "repair"  # without asking anybody, as far as knowledge goes; the policy decides
    ASK = "ask"  # a repair that a person must agree to
    HAND_OVER = "hand_over"  # nothing is changed; a person takes over
    NO_FAULT = "no_fault"  # users are served


class Expectation(Value):
    """What must come of a case."""

    cause: str | None = None
    subject: str = ""
    ends: Ending
    absent: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Expectation:
        if self.cause is None and self.ends in (Ending.REPAIR, Ending.ASK):
            raise ValueError(f"ends as {self.ends.value}, so it needs the cause that is repaired")
        if self.cause in self.absent:
            raise ValueError(f"{self.cause} is the cause, so it cannot be absent")
        return self


class SubjectFacts(Value):
    """One thing that may be at fault, with everything that conditions may read of it."""

    subject: Kind
    host: str
    name: str
    nearness: int = Field(default=0, ge=0)  # hops from the first failing one
    reads: dict[str, Any]


class RecordedCase(Value):
    """One case."""

    about: str = Field(min_length=1)
    expect: Expectation
    facts: tuple[SubjectFacts, ...] = Field(min_length=1)

    @property
    def suffering(self) -> bool:
        """Whether anything that users, or the host itself, are asked fails."""
        return any(one.reads.get("suffering") is True for one in self.facts)


def read_case(path: Path) -> RecordedCase:
    """A case from its file; KnowledgeError says what is wrong with it."""
    try:
        raw = strict_yaml.read(path.read_text(encoding="utf-8"))
    except strict_yaml.YamlError as error:
        raise KnowledgeError(f"{path} is not YAML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{path} cannot be read: {error}") from error
    try:
        return RecordedCase.model_validate(raw)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)[:3]
        )
        raise KnowledgeError(f"{path} is no recorded case: {told}.") from error


def yaml_files(places: Iterable[Path]) -> list[Path]:
    """The YAML files that places name: each itself, or all of a folder."""
    found: list[Path] = []
    for place in places:
        if not place.exists():
            raise KnowledgeError(f"{place} is not there.", hint="Name a file or a folder.")
        found += sorted(place.glob("*.yaml")) if place.is_dir() else [place]
    if not found:
        raise KnowledgeError("There is no YAML file.", hint="Name a file, or a folder with some.")
    return found
