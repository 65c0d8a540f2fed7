"""Causes as runs stated them, each with the judge's word on whether it was so.

A row has the cause that a run ended with. The timeline beside it has more: the rivals of each
cause that was acted on, and those that were acted on in vain. Those were stated too, and wrong.
Runs that state no cause (nothing was wrong) say nothing about confidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.lab.judge import Row
from app.lab.rowfile import RowFile
from app.lab.timelines import Entry, Timeline

UNKNOWN = ""
"""The key of the unknown cause among shares, as in app/reasoning/odds.py."""

NAMED_FROM = 0.5
"""Confidence from which a run names a cause that it leaves to a person."""

_LEAST = 0.0005
"""Confidence is told in tenths of a per cent: what is told as 0 is taken for half of that."""


@dataclass(frozen=True)
class Claim:
    """A cause as a run stated it."""

    scenario: str
    mode: str
    confidence: float  # 0..1
    right: bool
    key: str = ""
    shares: Mapping[str, float] = field(default_factory=dict)  # of it, its rivals and the unknown

    @property
    def rivals(self) -> Mapping[str, float]:
        """The shares; of it and the unknown cause alone, where no more is known."""
        key = self.key or self.mode
        return self.shares or {key: self.confidence, UNKNOWN: 1 - self.confidence}

    @property
    def truth(self) -> str:
        """The key of what was so: itself, or something that was not named."""
        return (self.key or self.mode) if self.right else UNKNOWN


def claims_of(file: RowFile) -> list[Claim]:
    """Every cause that the rows of a file, and the timelines beside them, state."""
    found: list[Claim] = []
    for row in file.rows.values():
        timeline = file.timelines.get(row.id)
        told = list(_of_timeline(row, timeline)) if timeline is not None else []
        found += told or list(_of_row(row))
    return found


def mode_of(key: str) -> str:
    """The failure mode of a cause's key."""
    return key.partition("@")[0]


def _of_row(row: Row) -> Iterator[Claim]:
    if row.confidence is not None:
        yield Claim(row.id, row.mode, row.confidence / 100, row.cause_ok)


def _of_timeline(row: Row, timeline: Timeline) -> Iterator[Claim]:
    """Causes that were acted on, and the one that was left to a person."""
    stated: dict[str, Claim] = {}  # the latest word on each cause counts
    entries = timeline.timeline
    for index, entry in enumerate(entries):
        shares = _shares(entry)
        advice = _detail(entry).get("advice")
        key = next((one for one in shares if one != UNKNOWN), None)
        if advice not in ("remediate", "hand_over") or key is None:
            continue
        confidence = shares[key]
        if advice == "hand_over" and confidence < NAMED_FROM:
            continue
        right = _proven(entries[index + 1 :], row) if advice == "remediate" else _judged(row)
        if right is not None:
            stated[key] = Claim(row.id, mode_of(key), confidence, right, key, shares)
    yield from stated.values()


def _judged(row: Row) -> bool | None:
    """The judge's word; None where the run ended, or waits, before it named a cause."""
    return row.cause_ok if row.cause else None


def _proven(after: Iterable[Entry], row: Row) -> bool | None:
    """Whether what was done for a cause helped; one that nobody agreed to is judged by the row."""
    found: bool | None = None
    for entry in after:
        if entry.action_type == "hypothesize":
            break
        if _key(entry).endswith(".further"):
            return True  # it was one of several faults, and its repair was kept
        if entry.action_type == "verify" and "." not in _key(entry):
            found = entry.status == "completed"
    return False if found is False else _judged(row)


def _shares(entry: Entry) -> dict[str, float]:
    """Shares by key, in the order in which they were ranked; what was refuted is no rival."""
    if entry.action_type != "hypothesize":
        return {}
    found: dict[str, float] = {}
    for cause in _detail(entry).get("causes") or ():
        key = UNKNOWN if cause["key"] == "unknown" else str(cause["key"])
        if key == UNKNOWN or cause["confidence"] > 0:
            found[key] = max(_LEAST, cause["confidence"] / 100)
    return found


def _detail(entry: Entry) -> dict[str, Any]:
    detail = (entry.model_extra or {}).get("detail")
    return detail if isinstance(detail, dict) else {}


def _key(entry: Entry) -> str:
    return str((entry.model_extra or {}).get("key") or "")
