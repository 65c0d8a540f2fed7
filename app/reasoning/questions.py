"""What has been asked already, and how much is asked at once."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.reasoning.port import Case

ASKS_A_ROUND = 24
"""Diagnostics asked at most in one round; they run in parallel over one connection."""


def not_asked(case: Case, calls: Iterable[ActionCall]) -> Iterable[ActionCall]:
    """Of some questions those that are still open, each once."""
    asked = {(e.host, e.action, tuple(sorted(e.params.items()))) for e in case.evidence}
    unique = {call.label(): call for call in calls}.values()
    return (c for c in unique if (c.host, c.action, tuple(sorted(c.params.items()))) not in asked)
