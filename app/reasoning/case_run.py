"""Recorded cases run through failure modes: the judgement of the built-in reasoner, without a host.

Facts are taken as they were gathered; which cause leads and what comes of it is decided by the same
functions as in an incident. Questions that a cause would still ask are not waited for, and what was
learned of confidence is left out: a case tries the failure modes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.hypothesis import Hypothesis
from app.domain.value import Value
from app.knowledge.case_file import Ending, RecordedCase, SubjectFacts
from app.knowledge.failure_mode import FailureMode
from app.reasoning.leading import WORTH_A_TRIAL, hypotheses_of, leader_of
from app.reasoning.matching import Candidate, candidates
from app.reasoning.rivals import without_doubles
from app.reasoning.subjects import Subject

MOST_SIGNS = 4
"""Signs that explain a verdict, the heaviest."""


class CaseVerdict(Value):
    """What failure modes made of a case."""

    cause: str | None
    subject: str = ""
    confidence: float = 0.0
    ends: Ending
    hypotheses: tuple[Hypothesis, ...] = ()
    complaints: tuple[str, ...] = ()  # what is not as the case expects; none: it passed

    @property
    def passed(self) -> bool:
        return not self.complaints


def run_case(case: RecordedCase, modes: Sequence[FailureMode]) -> CaseVerdict:
    """Judge a case and hold it against what it expects."""
    verdict = judged(case, modes)
    complaints = tuple(_complaints(case, verdict, modes))
    return verdict.model_copy(update={"complaints": complaints})


def judged(case: RecordedCase, modes: Sequence[FailureMode]) -> CaseVerdict:
    """What an incident with these facts would come to."""
    subjects = [_subject(facts) for facts in case.facts]
    halting = candidates([mode for mode in modes if mode.halts], subjects)
    if halting:
        return _led_by(halting[0], hypotheses_of(halting[:1]))
    if not case.suffering:
        return CaseVerdict(cause=None, ends=Ending.NO_FAULT)
    found = without_doubles(candidates(modes, subjects))
    hypotheses = hypotheses_of(found)
    leader = leader_of(found, hypotheses)
    if leader is None:
        return CaseVerdict(cause=None, ends=Ending.HAND_OVER, hypotheses=hypotheses)
    return _led_by(leader, hypotheses)


def _led_by(leader: Candidate, hypotheses: tuple[Hypothesis, ...]) -> CaseVerdict:
    return CaseVerdict(
        cause=leader.mode,
        subject=leader.subject,
        confidence=next(h.confidence for h in hypotheses if h.key == leader.key),
        ends=_ending(leader),
        hypotheses=hypotheses,
    )


def _ending(leader: Candidate) -> Ending:
    if leader.handovers or leader.repair is None:
        return Ending.HAND_OVER
    return Ending.ASK if leader.repair.requires_person else Ending.REPAIR


def _subject(facts: SubjectFacts) -> Subject:
    # every fact counts: the evidence behind it was written down where it was recorded
    return Subject(
        kind=facts.subject,
        host=facts.host,
        name=facts.name,
        facts=facts.reads,
        sources={facts.subject: 1},
        nearness=facts.nearness,
    )


def _complaints(
    case: RecordedCase, verdict: CaseVerdict, modes: Sequence[FailureMode]
) -> Iterable[str]:
    expect = case.expect
    wanted = (expect.cause, expect.subject if expect.cause else "")
    if (verdict.cause, verdict.subject) != wanted:
        yield f"expected {_named(*wanted)}; found {_found(verdict)}"
        if expect.cause is not None:
            yield _why_not(case, verdict, modes)
    if verdict.ends is not expect.ends:
        yield f"expected that it ends as {expect.ends.value}; it ends as {verdict.ends.value}"
    known = {mode.id for mode in modes}
    for mode in expect.absent:
        if mode not in known:
            yield f"expected {mode} to be absent; there is no failure mode of that name"
        for one in verdict.hypotheses:
            if one.mode == mode and one.confidence >= WORTH_A_TRIAL:
                said = f"found it of {one.subject} ({one.confidence:.0%}: {_signs(one)})"
                yield f"expected {mode} to be unlikely, below {WORTH_A_TRIAL:.0%}; {said}"


def _named(cause: str | None, subject: str) -> str:
    return "no cause that stands out" if cause is None else f"{cause} of {subject}"


def _found(verdict: CaseVerdict) -> str:
    if verdict.cause is not None:
        leads = f"{_named(verdict.cause, verdict.subject)} ({verdict.confidence:.0%})"
        first = next(h for h in verdict.hypotheses if h.mode == verdict.cause)
        return f"{leads}: {_signs(first)}"
    likely = [h for h in verdict.hypotheses if h.mode != "unknown"][:2]
    told = ", ".join(f"{h.mode} of {h.subject} ({h.confidence:.0%})" for h in likely)
    return f"no cause that stands out{f', most likely {told}' if told else ''}"


def _why_not(case: RecordedCase, verdict: CaseVerdict, modes: Sequence[FailureMode]) -> str:
    """Why the expected cause does not lead."""
    expect = case.expect
    mode = next((one for one in modes if one.id == expect.cause), None)
    if mode is None:
        return f"there is no failure mode {expect.cause!r}"
    for one in verdict.hypotheses:
        if (one.mode, one.subject) == (mode.id, expect.subject):
            return f"{mode.id} has {one.confidence:.0%}: {_signs(one)}"
    for facts in case.facts:
        if (facts.subject, facts.name) == (mode.subject, expect.subject):
            holds = mode.candidate.holds(mode.bind(facts.reads))
            told = "unknown" if holds is None else str(holds).lower()
            return f"{mode.id} does not fit: {mode.candidate.text!r} is {told}"
    return f"{mode.id} does not fit: the case has no {mode.subject} {expect.subject!r}"


def _signs(hypothesis: Hypothesis) -> str:
    """The heaviest signs for and against, as people read them."""
    heavy = sorted((s for s in hypothesis.supports if s.weight), key=lambda s: -abs(s.weight))
    told = [f"{s.weight:+.1f} {s.statement}" for s in heavy[:MOST_SIGNS]]
    return "; ".join(told) or "no sign speaks for or against it"
