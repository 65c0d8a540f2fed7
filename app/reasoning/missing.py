"""Which evidence a case lacked that was handed over: for the person who gets it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.hypothesis import Hypothesis
from app.host.hops import HopState
from app.reasoning.host_case import HostCase

NAMED_FROM = 0.1
"""Confidence from which a cause is named among those that could not be separated."""


def what_was_missing(
    hosts: Iterable[HostCase], hypotheses: Sequence[Hypothesis], threshold: float
) -> tuple[str, ...]:
    """Hops of the path that stayed unknown, and causes that were not separated; sentences."""
    unknown = dict.fromkeys(
        f"Unknown on the path at the {hop.layer.value} of {hop.host}: {hop.statement}."
        for host in hosts
        for walk in host.walks
        for hop in walk.hops
        if hop.state is HopState.UNKNOWN
    )
    named = [h for h in hypotheses if h.mode != "unknown" and h.confidence >= NAMED_FROM]
    if not named:
        return (*unknown, "No known way of failing fits what was seen.")
    rivals = ", ".join(f"{h.text} ({h.confidence:.0%})" for h in named[:3])
    return (*unknown, f"No cause reached {threshold:.0%}: {rivals}.")
