"""Two executions side by side: which commands both ran, and which answered otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from app.audit.views import LogView
from app.domain.value import canonical_json


class Pair(NamedTuple):
    """One row: the same thing in both, or something that only one of them did."""

    left: LogView | None
    right: LogView | None
    kind: str  # "same", "differs", "left" or "right"
    difference: str  # what differs, in words; "" where nothing does


def compared(left: Sequence[LogView], right: Sequence[LogView]) -> tuple[Pair, ...]:
    """The logs aligned by what was asked of which kind of place, in their order."""
    matcher = SequenceMatcher(
        a=[_asked(line) for line in left], b=[_asked(line) for line in right], autojunk=False
    )
    return tuple(
        pair
        for _, a, to_a, b, to_b in matcher.get_opcodes()
        for pair in _pairs(left[a:to_a], right[b:to_b])
    )


def _pairs(left: Sequence[LogView], right: Sequence[LogView]) -> Iterator[Pair]:
    if [_asked(line) for line in left] == [_asked(line) for line in right]:
        for one, other in zip(left, right, strict=True):
            what = _differs(one, other)
            yield Pair(one, other, "differs" if what else "same", what)
        return
    for one in left:
        yield Pair(one, None, "left", "")
    for other in right:
        yield Pair(None, other, "right", "")


def _asked(line: LogView) -> str:
    """What makes two lines the same question. Hashes and hosts differ between executions."""
    params = {
        name: value for name, value in line.params.items() if name not in ("sha256", "address")
    }
    return canonical_json([line.state, line.action_type, line.action, params])


def _differs(one: LogView, other: LogView) -> str:
    if one.status is not other.status:
        return f"{one.status}, then {other.status}"
    if one.exit_code != other.exit_code:
        return f"exit code {one.exit_code}, then {other.exit_code}"
    if one.command_executed != other.command_executed:
        return "other arguments"
    if (one.command_output, one.error_output) != (other.command_output, other.error_output):
        return "other output"
    return ""
