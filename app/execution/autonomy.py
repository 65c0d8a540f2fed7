"""How much may be done alone: the effective level, and what each level allows of each risk."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from app.domain.action import Risk
from app.settings import AutonomyLevel


class People(IntEnum):
    """How many people must say yes; FORBIDDEN: no number of them is enough."""

    NONE = 0
    ONE = 1
    TWO = 2
    FORBIDDEN = 99


_L1, _L2, _L3, _L4 = AutonomyLevel.L1, AutonomyLevel.L2, AutonomyLevel.L3, AutonomyLevel.L4

ALLOWED: dict[Risk, dict[AutonomyLevel, People]] = {
    Risk.READ: {_L1: People.NONE, _L2: People.NONE, _L3: People.NONE, _L4: People.NONE},
    Risk.SENSITIVE_READ: {_L1: People.ONE, _L2: People.NONE, _L3: People.NONE, _L4: People.NONE},
    Risk.REVERSIBLE: {_L2: People.ONE, _L3: People.NONE, _L4: People.NONE},
    Risk.DISRUPTIVE: {_L2: People.ONE, _L3: People.ONE, _L4: People.NONE},
    Risk.EXPENDABLE: {_L2: People.ONE, _L3: People.ONE, _L4: People.NONE},
    Risk.IRREVERSIBLE: {_L2: People.TWO, _L3: People.TWO, _L4: People.TWO},
    Risk.FORBIDDEN: {},
}
"""The table of docs/reference/policy.md: what does not stand in it is forbidden."""

SEVERITY = list(ALLOWED)
"""Risks, mildest first."""


def people_needed(risk: Risk, level: AutonomyLevel) -> People:
    """How many people must agree to an action of this risk at this level."""
    return ALLOWED[risk].get(level, People.FORBIDDEN)


def lowest(levels: Iterable[AutonomyLevel]) -> AutonomyLevel:
    """The effective level is the lowest of all that apply."""
    return min(levels, key=lambda level: level.rank)


def riskiest(risks: Iterable[Risk]) -> Risk:
    return max(risks, key=SEVERITY.index)
