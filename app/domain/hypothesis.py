"""A claimed cause, how sure we are of it, and what that rests on."""

from __future__ import annotations

from enum import StrEnum

from app.domain.value import Value


class HypothesisStatus(StrEnum):
    OPEN = "open"
    CONFIRMED = "confirmed"  # its remediation was verified, or its conditions are decisive
    REFUTED = "refuted"  # by a fact, or by a remediation that did not heal


class Support(Value):
    """One fact for or against a hypothesis, with the weight it carried."""

    evidence_id: int
    weight: float  # natural-log odds; negative speaks against
    statement: str  # "nginx.service is masked", as a person would say it
    rule: str  # which condition of which failure mode, or "path-walk", "drift"


class Hypothesis(Value):
    """One candidate cause. `key` is stable over rounds: mode, host and subject."""

    key: str  # "nginx-config-syntax@web01:nginx.service"
    text: str  # a sentence that names the cause and the thing
    mode: str  # the failure mode's id, "path-walk", "drift" or "unknown"
    host: str
    subject: str = ""  # the unit, path, name ... it is about
    confidence: float  # 0..1, computed: see app/reasoning/odds.py
    status: HypothesisStatus = HypothesisStatus.OPEN
    supports: tuple[Support, ...] = ()

    @property
    def evidence_ids(self) -> tuple[int, ...]:
        """What it rests on, each id once, in order of first mention."""
        return tuple(dict.fromkeys(s.evidence_id for s in self.supports))
