"""Causes that facts alone do not tell apart, and how far advice may order them.

Advice is a number of log odds for a cause, from whoever gives it. It decides what is looked at
first, never what is believed: no confidence has it in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain.action import ActionCall
from app.reasoning.matching import Candidate
from app.reasoning.port import Case

NUDGE_MOST = 0.7
"""How far advice may move a cause in the order of looking: a doubling of its odds."""

TIE = 0.05
"""Scores nearer than this are not told apart by facts."""

LOOKED_AT = 4
"""Causes whose own questions are asked in a round."""


def triable(candidate: Candidate) -> bool:
    """Whether a repair may be tried among rivals: it can be put back, and nobody is to be asked."""
    repair = candidate.repair
    given = repair is not None and not repair.requires_person
    return candidate.trial and given and not candidate.handovers


def puts_back(candidate: Candidate) -> bool:
    """Whether its repair makes something as it was while the host was healthy."""
    return candidate.repair is not None and candidate.repair.puts_back


def without_doubles(found: Sequence[Candidate]) -> list[Candidate]:
    """Without causes whose repair puts back just what a likelier one's puts back.

    They are the same change seen from two sides, and no rivals of each other. Reasons to leave it
    to a person are kept, whoever gives them.
    """
    kept: list[Candidate] = []
    for candidate in found:
        same = _put_back(candidate)
        alike = next((one for one in kept if same and _put_back(one) == same), None)
        if alike is None or candidate.handovers or (_asks(candidate) and not _asks(alike)):
            kept.append(candidate)
    return kept


def _asks(candidate: Candidate) -> bool:
    """Whether its repair is for a person to agree to."""
    return candidate.repair is not None and candidate.repair.requires_person is not None


def _put_back(candidate: Candidate) -> frozenset[str]:
    """The changes to files of a repair that puts something back."""
    repair = candidate.repair
    if repair is None or not repair.puts_back:
        return frozenset()
    return frozenset(step.label() for step in repair.steps if "path" in step.params)


def tied(case: Case, found: Sequence[Candidate]) -> bool:
    """Whether the first two are repairs that facts do not tell apart, and none was tried yet.

    Only the first trial may be advised on: so no cause comes to its turn more than one later.
    """
    if len(found) < 2 or case.refuted:
        return False
    first, second = found[:2]
    apart = max(abs(first.score - second.score), abs(first.rank - second.rank))
    return apart <= TIE and triable(first) and triable(second)


def tie_broken(case: Case, found: list[Candidate], nudges: Mapping[str, float]) -> list[Candidate]:
    """The candidates; of two that are tied first, the one that advice prefers stands first."""
    if not tied(case, found) or nudges.get(found[1].key, 0.0) <= nudges.get(found[0].key, 0.0):
        return found
    return [found[1], found[0], *found[2:]]


def brought_forward(
    found: Sequence[Candidate], nudges: Mapping[str, float]
) -> tuple[ActionCall, ...]:
    """The questions of the causes that stand first once advice has moved them; none without."""

    def advised(candidate: Candidate) -> float:
        nudge = nudges.get(candidate.key, 0.0)
        return candidate.rank + max(-NUDGE_MOST, min(NUDGE_MOST, nudge))

    first = sorted(found, key=advised, reverse=True)[:LOOKED_AT] if nudges else []
    return tuple(ask for candidate in first for ask in candidate.asks)
