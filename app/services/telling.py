"""What the states say: lines of the timeline, and the end that an assessment leads to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.action import ActionCall
from app.domain.event import EntryStatus, ProvenanceLink, TimelineEntry
from app.domain.execution import Outcome, Step
from app.domain.probe import ProbeKind, ProbeResult
from app.reasoning.port import Advice, Assessment, Case
from app.services.ports import Conclusion, Effects
from app.services.progress import Progress


def entry(
    key: str,
    step: Step,
    title: str,
    *,
    status: EntryStatus = EntryStatus.COMPLETED,
    detail: dict[str, object] | None = None,
) -> TimelineEntry:
    """One line of the timeline, as it is kept."""
    return TimelineEntry(key=key, step=step, title=title[:500], status=status, detail=detail or {})


async def say(
    effects: Effects,
    key: str,
    step: Step,
    title: str,
    *,
    running: bool = False,
    status: EntryStatus = EntryStatus.COMPLETED,
    detail: dict[str, object] | None = None,
) -> None:
    """One line of the timeline. A running one is completed by saying it again under its key."""
    shown = EntryStatus.RUNNING if running else status
    suffix = "running" if running else "ended"
    line = entry(key, step, title, status=shown, detail=detail)
    await effects.record(f"{key}.{suffix}", timeline=[line])


def concluded(at: Progress, outcome: Outcome, statement: str | None = None) -> Conclusion:
    """The end that the latest assessment leads to."""
    judged = at.assessment
    leader = judged.leader if judged is not None else None
    known = leader is not None and leader.confidence >= 0.5
    said = statement or (judged.statement if judged is not None else "")
    if at.kept:
        said = f"{said}. Users are served since {at.repaired}"
    cause = leader.text if leader is not None and known and outcome is not Outcome.NO_FAULT else ""
    handed_over = judged is not None and judged.advice is Advice.HAND_OVER
    if judged is not None and handed_over and cause and judged.statement.startswith(cause):
        cause = judged.statement  # with the reason why it is left alone
    explained = judged.explanation if judged is not None else ""
    return Conclusion(
        outcome=outcome,
        root_cause=cause or (judged.statement if judged is not None else said),
        summary=f"{said}\n\n{explained}" if explained else said,
        confidence=leader.confidence if leader is not None and known else 0.0,
        evidence_ids=_cited(at, judged),
        recommended=judged.recommended if judged is not None else (),
    )


def _cited(at: Progress, judged: Assessment | None) -> tuple[int, ...]:
    leader = judged.leader if judged is not None else None
    own = leader.evidence_ids if leader is not None else ()
    asked = tuple(p.evidence_id for p in at.known.probes if p.evidence_id is not None)
    return tuple(dict.fromkeys((*own, *asked)))[:20]


def out_of_reach(case: Case) -> Conclusion:
    """The end where the host itself could not be looked at."""
    reasons = sorted({e.error for e in case.evidence if e.error})
    seen = f"users see: {case.red[0].detail}" if case.red else "users are served or cannot be asked"
    said = f"{case.host.name} cannot be looked at over SSH ({'; '.join(reasons[:2])}); {seen}"
    return Conclusion(
        outcome=Outcome.ESCALATED,
        root_cause=said,
        summary=said,
        evidence_ids=tuple(e.id for e in case.evidence[:5]),
        recommended=(
            f"Check that {case.host.name} is up and lets the agent in: sre-agent doctor.",
        ),
    )


def what_is_seen(case: Case) -> str:
    """What users see, as a sentence."""
    if not case.probes:
        return f"{case.host.name} was looked at; no question that users would ask is known"
    if not case.red:
        return f"Users are served: {len(case.probes)} probes pass"
    if all(p.probe.kind is ProbeKind.HOST for p in case.red):
        return f"What held while it was healthy does not any more: {first_words(case.red)}"
    return f"Users suffer: {first_words(case.red)}"


def first_words(red: Sequence[ProbeResult]) -> str:
    """What the first that fails says."""
    return "; ".join(f"{p.probe.name}: {p.detail or p.error or p.status}" for p in red[:3])


def red_of(case: Case) -> dict[str, object]:
    """What fails, as the timeline keeps it."""
    return {
        "probes": [
            {"name": p.probe.name, "ok": p.ok, "status": p.status, "error": p.error}
            for p in case.probes
        ]
    }


def ranked(judged: Assessment) -> dict[str, object]:
    """The likeliest causes, as the timeline keeps them."""
    return {
        "advice": judged.advice.value,
        "missing": list(judged.missing),
        "causes": [
            {"key": h.key, "confidence": round(100 * h.confidence, 1)}
            for h in judged.hypotheses[:6]
        ],
    }


def noted(key: str, judged: Assessment) -> Iterable[TimelineEntry]:
    """What a language model said, or why it did not: a line each."""
    for number, note in enumerate(judged.notes, start=1):
        status = EntryStatus.COMPLETED if note.ok else EntryStatus.FAILED
        yield entry(f"{key}.note-{number}", Step.HYPOTHESIZE, note.text, status=status)


def provenance(judged: Assessment) -> Iterable[ProvenanceLink]:
    """Which evidence each hypothesis rests on."""
    proposed = [h for h in judged.hypotheses[6:] if h.mode == "model"]
    for hypothesis in (*judged.hypotheses[:6], *proposed):
        for support in hypothesis.supports:
            rule = f"{judged.drawn_by}:{hypothesis.mode}"
            yield ProvenanceLink(
                conclusion=f"hypothesis:{hypothesis.key}"[:200],
                evidence_id=support.evidence_id,
                drawn_by=support.rule if hypothesis.mode == "model" else rule,
                statement=support.statement[:500],
            )


def named_calls(calls: Sequence[ActionCall]) -> str:
    """The first few of some diagnostics, by their names."""
    shown = ", ".join(dict.fromkeys(c.action for c in calls))
    return shown if len(shown) <= 120 else shown[:117] + "..."
