"""Failure modes against subjects: which fit, what speaks for and against, what is unknown."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.domain.hypothesis import Support
from app.domain.value import Value
from app.knowledge.expressions import Expression
from app.knowledge.failure_mode import FailureMode, fill, parameters
from app.reasoning.odds import score
from app.reasoning.port import Repair
from app.reasoning.remedies import repair_for
from app.reasoning.subjects import Subject

NEARNESS_WEIGHT = -0.35
"""A hop further down the path is that much less likely to be the first cause."""


class Candidate(Value):
    """One mode for one subject: a cause that may be."""

    key: str
    mode: str
    host: str
    subject: str
    text: str
    score: float  # log odds by this incident's evidence
    supports: tuple[Support, ...]
    asks: tuple[ActionCall, ...]  # diagnostics not yet run that its signs want
    repair: Repair | None
    handovers: tuple[str, ...]  # reasons to leave it to a person
    recommend: str
    halts: bool  # nothing may be changed where this is so
    trial: bool  # its repair may be tried among rivals of its kind
    learned: float = 0.0  # what history adds to its rank; never to its confidence
    shift: float = 0.0  # what judged runs taught of its confidence; never of its rank

    @property
    def calibrated(self) -> float:
        """Log odds as they are stated."""
        return self.score + self.shift

    @property
    def rank(self) -> float:
        return self.score + self.learned


def candidates(modes: Iterable[FailureMode], subjects: Iterable[Subject]) -> list[Candidate]:
    """Every mode on every subject it fits, best first."""
    pairs = [(mode, subject) for subject in subjects for mode in modes]
    fitting = (_candidate(m, s) for m, s in pairs if m.subject == s.kind)
    return sorted((c for c in fitting if c is not None), key=lambda c: -c.score)


def _candidate(mode: FailureMode, subject: Subject) -> Candidate | None:
    facts = mode.bind(subject.facts)
    if mode.candidate.holds(facts) is not True:
        return None
    key = f"{mode.id}@{subject.host}:{subject.name}"
    supports = tuple(_supports(mode, subject, facts))
    weights = (*(s.weight for s in supports), NEARNESS_WEIGHT * subject.nearness)
    return Candidate(
        key=key,
        mode=mode.id,
        host=subject.host,
        subject=subject.name,
        text=fill(mode.cause, facts),
        score=score(mode.prior, weights),
        supports=supports,
        asks=_asks(mode, subject, facts),
        repair=repair_for(mode, key, subject.host, facts),
        handovers=tuple(
            fill(h.because, facts) for h in mode.handovers if h.condition.holds(facts) is True
        ),
        recommend=fill(mode.recommend, facts),
        halts=mode.halts,
        trial=mode.trial,
    )


def _supports(mode: FailureMode, subject: Subject, facts: dict[str, object]) -> Iterable[Support]:
    yield from _support(mode, subject, facts, mode.candidate, 0.0, mode.cause)
    for sign in mode.signs:
        holds = sign.condition.holds(facts)
        if holds is True:
            yield from _support(mode, subject, facts, sign.condition, sign.weight, sign.says)
        elif holds is False and sign.otherwise:
            says = f"not so: {sign.says}"
            yield from _support(mode, subject, facts, sign.condition, sign.otherwise, says)


def _support(
    mode: FailureMode,
    subject: Subject,
    facts: dict[str, object],
    condition: Expression,
    weight: float,
    says: str,
) -> Iterable[Support]:
    found = [subject.evidence_for(name) for name in sorted(condition.names, key=len, reverse=True)]
    known = [ident for ident in found if ident is not None]
    fallback = subject.sources.get(subject.kind)
    ident = known[0] if known else fallback
    if ident is not None:
        rule = f"{mode.id}: {condition.text}"
        yield Support(
            evidence_id=ident, weight=weight, statement=fill(says, facts), rule=rule[:400]
        )


def _asks(mode: FailureMode, subject: Subject, facts: dict[str, object]) -> tuple[ActionCall, ...]:
    calls = []
    for ask in mode.asks:
        if ask.condition is not None and ask.condition.holds(facts) is not True:
            continue
        params = parameters(ask.params, facts)
        if params is not None:
            calls.append(ActionCall(action=ask.action, host=subject.host, params=params))
    return tuple(calls)
