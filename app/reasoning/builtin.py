"""The built-in reasoner: path walk, drift and failure modes joined by odds. Deterministic.

Its order of questions is an expert's: do users suffer now? where on their path? what there is not
as it was? which known way of failing fits? If two causes are still rivals, ask what separates them;
if one stands out, say its repair; if nothing does, say what was seen and hand over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.domain.hypothesis import Hypothesis, HypothesisStatus
from app.knowledge.library import Library
from app.reasoning.gathering import host_subject, subjects_of
from app.reasoning.host_case import HostCase, host_cases
from app.reasoning.learned import with_history
from app.reasoning.matching import Candidate, candidates
from app.reasoning.odds import SURE_ENOUGH, WORTH_TRYING, confidences, unknown
from app.reasoning.port import Advice, Assessment, Case
from app.reasoning.rivals import (
    brought_forward,
    puts_back,
    tie_broken,
    tied,
    triable,
    without_doubles,
)
from app.reasoning.verdicts import on_leader, unseparated, where_it_breaks
from app.reasoning.wanted import next_questions, others_that_suffer, outstanding
from app.reasoning.without_suffering import without_suffering

WORTH_A_TRIAL = 0.2
"""Confidence from which a repair that can be taken back is tried beside a likelier cause."""


class BuiltinReasoner:
    """Implements the port `Reasoner` with nothing but the case and the library."""

    def __init__(self, library: Library) -> None:
        self.library = library

    async def assess(self, case: Case, nudges: Mapping[str, float] | None = None) -> Assessment:
        """Judge a case; see the module's docstring. `nudges`: advice (app/reasoning/rivals.py)."""
        hosts = host_cases(case)
        stops = self._halting(hosts)
        if stops is not None:
            return on_leader(stops, _hypotheses(case, [stops]))
        if not case.red:
            return without_suffering(case, hosts)
        nudges = nudges or {}
        found = tie_broken(case, self._candidates(case, hosts), nudges)
        hypotheses = _hypotheses(case, found)
        leader = _leader(found, hypotheses)
        further = brought_forward(found, nudges)
        wanted = next_questions(case, hosts, found, further, behind=leader is None)
        if leader is not None and not outstanding(case, leader, found):
            first = sorted(hypotheses, key=lambda h: h.key != leader.key)  # what is acted on leads
            return on_leader(leader, tuple(first), tied=tied(case, found))
        wanted = wanted or tuple(others_that_suffer(case, hosts))
        if wanted:
            return Assessment(
                advice=Advice.DIAGNOSE,
                statement=where_it_breaks(hosts) or "Nothing stands out yet; looking further",
                hypotheses=hypotheses,
                wanted=wanted,
            )
        return unseparated(hosts, found, hypotheses)

    def _halting(self, hosts: tuple[HostCase, ...]) -> Candidate | None:
        """What forbids any change, whether users suffer or not."""
        halting = [mode for mode in self.library.modes if mode.halts]
        found = candidates(halting, [host_subject(h) for h in hosts])
        return found[0] if found else None

    def _candidates(self, case: Case, hosts: tuple[HostCase, ...]) -> list[Candidate]:
        subjects = [s for h in hosts for s in subjects_of(h)]
        found = candidates(self.library.modes, subjects)
        standing = [with_history(case, c) for c in found if c.key not in case.refuted]
        return without_doubles(sorted(standing, key=lambda candidate: -candidate.rank))


def _hypotheses(case: Case, found: list[Candidate]) -> tuple[Hypothesis, ...]:
    shares = confidences({c.key: c.score for c in found})
    named = [
        Hypothesis(
            key=c.key,
            text=c.text,
            mode=c.mode,
            host=c.host,
            subject=c.subject,
            confidence=round(shares[c.key], 4),
            supports=c.supports,
        )
        for c in found
    ]
    return (*named, unknown(round(shares[""], 4)), *_refuted(case))


def _refuted(case: Case) -> Iterable[Hypothesis]:
    for key in case.refuted:
        mode, _, rest = key.partition("@")
        host, _, subject = rest.partition(":")
        yield Hypothesis(
            key=key,
            text=f"{mode} of {subject}: its repair did not heal",
            mode=mode,
            host=host,
            subject=subject,
            confidence=0.0,
            status=HypothesisStatus.REFUTED,
        )


def _leader(found: list[Candidate], hypotheses: tuple[Hypothesis, ...]) -> Candidate | None:
    """The cause to act on: one that stands out, or the first of rivals that can be tried.

    Where several things changed and each can be put back and taken back, the surest way to tell
    them apart is to try the likeliest and prove it; what does not heal is undone and refuted.
    """
    if not found:
        return None
    if hypotheses[0].confidence >= SURE_ENOUGH:
        return found[0]
    shares = {h.key: h.confidence for h in hypotheses}
    if not triable(max(found, key=lambda candidate: candidate.score)):
        # history may order what evidence lets be tried, and open no trial itself
        return _beside_what_needs_a_person(found, shares)
    if hypotheses[0].key != found[0].key or not triable(found[0]):
        return None
    together = sum(shares[c.key] for c in found if triable(c))
    restoring = sum(shares[c.key] for c in found if triable(c) and puts_back(c))
    tried = puts_back(found[0]) and restoring >= WORTH_TRYING
    return found[0] if tried or together >= SURE_ENOUGH else None


def _beside_what_needs_a_person(
    found: list[Candidate], shares: Mapping[str, float]
) -> Candidate | None:
    """Of several that are likely only together, the first that can be tried without asking.

    Both may be so: what can be put back and proven is done before a person is asked about the rest.
    """
    mendable = [c for c in found if c.repair is not None and not c.handovers]
    if found[0] not in mendable or sum(shares[c.key] for c in mendable) < SURE_ENOUGH:
        return None
    return next((c for c in mendable if triable(c) and shares[c.key] >= WORTH_A_TRIAL), None)
