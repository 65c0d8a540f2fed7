"""The port of reasoning: a case goes in, an assessment comes out. Nothing else crosses.

A reasoner sees facts and ids of evidence; it touches no host, no database, no network. Whatever it
proposes is checked again by the policy against the catalog and fresh evidence.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from app.domain.action import ActionCall
from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.hypothesis import Hypothesis
from app.domain.incident import Incident
from app.domain.lesson import Lesson
from app.domain.probe import ProbeKind, ProbeResult
from app.domain.value import Value
from app.host import kept
from app.host.balancing import passed_on_to
from app.host.baseline import Baseline


class Case(Value):
    """Everything that is known of an incident at one moment."""

    incident: Incident
    host: Host  # the incident's
    hosts: tuple[Host, ...]  # it and what the inventory declares it depends on
    evidence: tuple[Evidence, ...]  # in the order it was gathered
    probes: tuple[ProbeResult, ...]  # the latest answers to what users ask
    baselines: tuple[Baseline, ...] = ()
    lessons: tuple[Lesson, ...] = ()  # of real, verified executions; newest first
    refuted: tuple[str, ...] = ()  # hypotheses whose repair did not heal
    round: int = 1
    agreed: bool = False  # a person said yes to a repair: its cause is checked again, not sought

    def host_named(self, name: str) -> Host:
        return next(h for h in self.hosts if h.name == name)

    def baseline_of(self, host: str) -> Baseline | None:
        return next((b for b in self.baselines if b.host == host), None)

    @property
    def red(self) -> tuple[ProbeResult, ...]:
        """What users are refused now, or a host does not hold any more."""
        return tuple(p for p in self.probes if not p.ok)

    @property
    def unserved(self) -> tuple[ProbeResult, ...]:
        """What users are refused, without what a host says of itself."""
        return tuple(p for p in self.red if p.probe.kind is not ProbeKind.HOST)

    @property
    def nothing_fails(self) -> bool:
        """Whether all that is amiss is that something changed of which no ticket speaks."""
        return all(p.probe.check == kept.ALONE for p in self.red)

    @property
    def needed(self) -> tuple[Host, ...]:
        """Hosts that the incident's depends on: declared, or those that it passes requests on to.

        The others are those that depend on it.
        """
        behind = passed_on_to(self.host, self.evidence)
        return tuple(
            h
            for h in self.hosts
            if h.name != self.host.name and (h.name in self.host.depends_on or h.address in behind)
        )

    @property
    def suffering(self) -> tuple[Host, ...]:
        """Hosts of which something is asked that they refuse now."""
        addresses = {p.probe.address for p in self.red}
        return tuple(host for host in self.hosts if host.address in addresses)


class Advice(StrEnum):
    """What the reasoner thinks should happen next."""

    DIAGNOSE = "diagnose"  # ask `wanted`, then assess again
    REMEDIATE = "remediate"  # the leading cause is separated and has a repair
    HAND_OVER = "hand_over"  # known or not, it is a person's
    NO_FAULT = "no_fault"  # users are served and nothing that serves them is down


class Repair(Value):
    """A repair of the leading cause, in catalogued actions."""

    cause: str  # Hypothesis.key
    title: str
    steps: tuple[ActionCall, ...]
    requires_person: str | None = None
    disruptive: bool = True
    puts_back: bool = False  # what stood there while the host was healthy stands there again


class Note(Value):
    """Something that the timeline is to say beside the statement: what a model said, or did not."""

    text: str
    ok: bool = True


class Assessment(Value):
    """One round's judgement."""

    advice: Advice
    statement: str  # one sentence for the timeline
    hypotheses: tuple[Hypothesis, ...]  # most likely first; the unknown cause always among them
    wanted: tuple[ActionCall, ...] = ()
    repair: Repair | None = None
    missing: tuple[str, ...] = ()  # what it would have taken to know more, as sentences
    recommended: tuple[str, ...] = ()  # for the person it is handed to
    drawn_by: str = "rule"
    settled: bool = True  # False: handed over because no cause stands out
    tied: bool = False  # the repair is one of two that facts cannot tell apart; both can be tried
    notes: tuple[Note, ...] = ()
    explanation: str = ""  # a model's words for the person it is handed to; proves nothing

    @property
    def leader(self) -> Hypothesis | None:
        """The likeliest named cause; what a model proposes never leads."""
        return next((h for h in self.hypotheses if h.mode not in ("unknown", "model")), None)


class Reasoner(Protocol):
    """The built-in one and any beside it."""

    async def assess(self, case: Case) -> Assessment:
        """Judge a case. Total: it answers for every case, if only that it does not know."""
        ...
