"""Which of the causes that fit is acted on: shares of confidence, and the one that stands out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.domain.hypothesis import Hypothesis, HypothesisStatus
from app.knowledge.calibration import NOTHING_LEARNED, Calibration
from app.reasoning.matching import Candidate
from app.reasoning.odds import SURE_ENOUGH, WORTH_TRYING, confidences, unknown
from app.reasoning.rivals import puts_back, triable

WORTH_A_TRIAL = 0.2
"""Confidence from which a repair that can be taken back is tried beside a likelier cause."""

WORTH_A_LAST_TRIAL = 0.1
"""The same where everything was asked and no cause stands out: else a person is called for it."""


def hypotheses_of(
    found: Sequence[Candidate],
    refuted: Iterable[str] = (),
    calibration: Calibration = NOTHING_LEARNED,
) -> tuple[Hypothesis, ...]:
    """Every cause that fits with its share, the unknown one, and those that were refuted."""
    shares = confidences({c.key: c.calibrated for c in found}, calibration)
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
    return (*named, unknown(round(shares[""], 4)), *_refuted(refuted))


def _refuted(keys: Iterable[str]) -> Iterable[Hypothesis]:
    for key in keys:
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


def leader_of(found: Sequence[Candidate], hypotheses: Sequence[Hypothesis]) -> Candidate | None:
    """The cause to act on: by evidence alone, and by confidence as it is stated, too.

    So what was learned of confidence can hold back what evidence would let be done, and opens
    nothing by itself.
    """
    plain = confidences({c.key: c.score for c in found})
    leader = _standing_out(found, {key: round(share, 4) for key, share in plain.items()})
    stated = {h.key: h.confidence for h in hypotheses}
    return leader if leader is _standing_out(found, stated) else None


def last_resort(found: Sequence[Candidate], hypotheses: Sequence[Hypothesis]) -> Candidate | None:
    """What is tried where everything was asked and nothing stands out, before a person is called:
    the likeliest change that can be put back, proven, and taken back where it was none."""
    stated = {h.key: h.confidence for h in hypotheses}
    back = [c for c in found if triable(c) and puts_back(c)]
    best = max(back, key=lambda candidate: stated[candidate.key], default=None)
    together = sum(stated[c.key] for c in back)
    return best if together >= WORTH_A_LAST_TRIAL else None


def _standing_out(found: Sequence[Candidate], shares: Mapping[str, float]) -> Candidate | None:
    """The cause that stands out by its share, or the first of rivals that can be tried.

    Where several things changed and each can be put back and taken back, the surest way to tell
    them apart is to try the likeliest and prove it; what does not heal is undone and refuted.
    """
    if not found:
        return None
    if shares[found[0].key] >= SURE_ENOUGH:
        return found[0]
    if not triable(max(found, key=lambda candidate: candidate.score)):
        # history may order what evidence lets be tried, and open no trial itself
        return _beside_what_needs_a_person(found, shares)
    if not triable(found[0]):
        return None
    together = sum(shares[c.key] for c in found if triable(c))
    restoring = sum(shares[c.key] for c in found if triable(c) and puts_back(c))
    tried = puts_back(found[0]) and restoring >= WORTH_TRYING
    return found[0] if tried or together >= SURE_ENOUGH else None


def _beside_what_needs_a_person(
    found: Sequence[Candidate], shares: Mapping[str, float]
) -> Candidate | None:
    """Of several that are likely only together, the first that can be tried without asking.

    Both may be so: what can be put back and proven is done before a person is asked about the rest.
    """
    mendable = [c for c in found if c.repair is not None and not c.handovers]
    if found[0] not in mendable or sum(shares[c.key] for c in mendable) < SURE_ENOUGH:
        return None
    return next((c for c in mendable if triable(c) and shares[c.key] >= WORTH_A_TRIAL), None)
