"""The built-in reasoner: path walk, drift and failure modes joined by odds. Deterministic.

Its order of questions is an expert's: do users suffer now? where on their path? what there is not
as it was? which known way of failing fits? If two causes are still rivals, ask what separates them;
if one stands out, say its repair; if nothing does, say what was seen and hand over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from app.domain.hypothesis import Hypothesis
from app.knowledge.library import Library
from app.reasoning.gathering import host_subject, subjects_of
from app.reasoning.host_case import HostCase, host_cases
from app.reasoning.leading import hypotheses_of, last_resort, leader_of
from app.reasoning.learned import with_history
from app.reasoning.matching import Candidate, candidates
from app.reasoning.port import Advice, Assessment, Case
from app.reasoning.rivals import brought_forward, tie_broken, tied, without_doubles
from app.reasoning.verdicts import on_leader, unseparated, where_it_breaks
from app.reasoning.wanted import next_questions, others_that_suffer, outstanding
from app.reasoning.without_suffering import without_suffering

ALONE = 0.9
"""Confidence of a cause beside which, after a first repair, nothing else is looked at again."""


class BuiltinReasoner:
    """Implements the port `Reasoner` with nothing but the case and the library."""

    def __init__(self, library: Library) -> None:
        self.library = library

    async def assess(self, case: Case, nudges: Mapping[str, float] | None = None) -> Assessment:
        """Judge a case; see the module's docstring. `nudges`: advice (app/reasoning/rivals.py).

        It is done apart from the loop, on which incidents come in meanwhile.
        """
        return await asyncio.to_thread(self._judged, case, nudges or {})

    def _judged(self, case: Case, nudges: Mapping[str, float]) -> Assessment:
        hosts = host_cases(case)
        stops = self._halting(hosts)
        if stops is not None:
            return on_leader(stops, hypotheses_of([stops], case.refuted))
        if not case.red:
            return without_suffering(case, hosts)
        found = tie_broken(case, self._candidates(case, hosts), nudges)
        hypotheses = hypotheses_of(found, case.refuted, self.library.calibration)
        leader = leader_of(found, hypotheses)
        further = brought_forward(found, nudges)
        wanted = next_questions(case, hosts, found, further, behind=leader is None)
        left = () if leader is None else outstanding(case, leader, found)
        if leader is not None and not left:
            first = sorted(hypotheses, key=lambda h: h.key != leader.key)  # what is acted on leads
            return on_leader(leader, tuple(first), tied=tied(case, found))
        if leader is not None and case.refuted and _stands_alone(leader, hypotheses):
            wanted = left  # the path was looked at before: a repair was tried since
        last = last_resort(found, hypotheses)
        likeliest = max(hypotheses, key=lambda h: h.confidence).key
        if last is None or last.key != likeliest:
            wanted = wanted or tuple(others_that_suffer(case, hosts))
        if wanted:
            return Assessment(
                advice=Advice.DIAGNOSE,
                statement=where_it_breaks(hosts) or "Nothing stands out yet; looking further",
                hypotheses=hypotheses,
                wanted=wanted,
            )
        if last is not None:
            first = sorted(hypotheses, key=lambda h: h.key != last.key)
            return on_leader(last, tuple(first))
        return unseparated(hosts, found, hypotheses)

    def _halting(self, hosts: tuple[HostCase, ...]) -> Candidate | None:
        """What forbids any change, whether users suffer or not."""
        halting = [mode for mode in self.library.modes if mode.halts]
        found = candidates(halting, [host_subject(h) for h in hosts])
        return found[0] if found else None

    def _candidates(self, case: Case, hosts: tuple[HostCase, ...]) -> list[Candidate]:
        subjects = [s for h in hosts for s in subjects_of(h)]
        modes = self.library.modes
        if case.nothing_fails:  # what explains a failure has nothing to explain
            modes = tuple(mode for mode in modes if mode.subject == "difference")
        found = candidates(modes, subjects)
        standing = [self._as_learned(case, c) for c in found if c.key not in case.refuted]
        return without_doubles(sorted(standing, key=lambda candidate: -candidate.rank))

    def _as_learned(self, case: Case, candidate: Candidate) -> Candidate:
        """The candidate with what judged runs, and past repairs near it, taught."""
        shift = self.library.calibration.shift(candidate.mode)
        return with_history(case, candidate.model_copy(update={"shift": shift}))


def _stands_alone(leader: Candidate, hypotheses: Sequence[Hypothesis]) -> bool:
    return any(h.key == leader.key and h.confidence >= ALONE for h in hypotheses)
