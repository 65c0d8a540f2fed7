"""What is said of a leading cause, and where none stands out."""

from __future__ import annotations

import re

from app.domain.hypothesis import Hypothesis
from app.host.hops import Hop
from app.reasoning.host_case import HostCase
from app.reasoning.matching import Candidate
from app.reasoning.missing import what_was_missing
from app.reasoning.odds import SURE_ENOUGH
from app.reasoning.port import Advice, Assessment

MOST_SAID = 300
"""Characters of a log's line in a statement."""

_CLOSED = re.compile(
    r"[^\n<>]{0,80}(?:(?:closed|down|offline|unavailable) (?:for|during) (?:\w+ ){0,2}maintenance"
    r"|(?:planned|scheduled) (?:maintenance|downtime|outage)|under maintenance"
    r"|maintenance (?:window|mode|until|in progress))[^\n<>]{0,80}",
    re.IGNORECASE,
)
"""How a page tells its users that it is closed on purpose."""

_COMPLAINS = re.compile(
    r"error|fatal|panic|exception|cannot|can't|denied|refused|invalid|no such|not found|failed"
    r"|unrecognized|timed? ?out|recovery|terminated|killed|too (?:many|quickly)",
    re.IGNORECASE,
)


def on_leader(
    leader: Candidate, hypotheses: tuple[Hypothesis, ...], *, tied: bool = False
) -> Assessment:
    if leader.handovers or leader.repair is None:
        reasons = leader.handovers or ("there is no safe automatic repair for it",)
        return Assessment(
            advice=Advice.HAND_OVER,
            statement=f"{leader.text}. Left alone: {'; '.join(reasons)}",
            hypotheses=hypotheses,
            recommended=_recommended(leader),
        )
    return Assessment(
        advice=Advice.REMEDIATE,
        statement=f"{leader.text} ({hypotheses[0].confidence:.0%})",
        hypotheses=hypotheses,
        repair=leader.repair,
        tied=tied,
        recommended=_recommended(leader),
    )


def _recommended(candidate: Candidate) -> tuple[str, ...]:
    lines = [candidate.recommend] if candidate.recommend else []
    if candidate.repair is not None:
        steps = ", then ".join(step.label() for step in candidate.repair.steps)
        lines.append(f"{candidate.repair.title}: {steps}")
    return tuple(lines)


def unseparated(
    hosts: tuple[HostCase, ...], found: list[Candidate], hypotheses: tuple[Hypothesis, ...]
) -> Assessment:
    """Everything was asked and no cause stands out: say where the path breaks, hand over."""
    where = where_it_breaks(hosts) or "Users are not served, and the path shows no failing hop"
    likely = f". Most likely, but not proven: {found[0].text}" if found else ""
    return Assessment(
        advice=Advice.HAND_OVER,
        settled=False,
        statement=f"{where}{likely}{_said_of_itself(hosts)}",
        hypotheses=hypotheses,
        missing=what_was_missing(hosts, hypotheses, SURE_ENOUGH),
        recommended=tuple(line for c in found[:2] for line in _recommended(c)),
    )


def _said_of_itself(hosts: tuple[HostCase, ...]) -> str:
    """That a failing page tells users of maintenance, for who takes over; it decides nothing."""
    for host in hosts:
        for failing in host.red:
            if found := _CLOSED.search(failing.body):
                return (
                    f". {failing.probe.name} itself tells users of maintenance: {found[0].strip()}"
                )
    return ""


def where_it_breaks(hosts: tuple[HostCase, ...]) -> str:
    hop = first_failed(hosts)
    if hop is None:
        return ""
    return f"The path breaks at the {hop.layer.value}: {hop.statement}{_complaint(hosts, hop)}"


def _complaint(hosts: tuple[HostCase, ...], hop: Hop) -> str:
    """What the failing hop's own log says last of a failure: a person starts reading there."""
    for host in hosts:
        said = host.view.log(hop.subject) if hop.subject in host.view.units else None
        lines = [x.example for x in said[0].lines if _COMPLAINS.search(x.example)] if said else []
        if lines:
            return f". {hop.subject} says: {lines[-1][:MOST_SAID]}"
    return ""


def first_failed(hosts: tuple[HostCase, ...]) -> Hop | None:
    """The first failing hop over all hosts, the incident's own host first."""
    hops = (walk.first_failed for host in hosts for walk in host.walks)
    return next((hop for hop in hops if hop is not None), None)
