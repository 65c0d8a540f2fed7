"""What a diagnostic returned, and the reference by which everything else cites it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from app.domain.action import ActionCall, Risk
from app.domain.value import JsonObject, Value


class EvidenceKind(StrEnum):
    """What the evidence came from."""

    DIAGNOSTIC = "diagnostic"
    PROBE = "probe"
    CHANGE = "change"


class Observation(Value):
    """One diagnostic as the executor hands it over: redacted already, not yet written down."""

    call: ActionCall
    argv: tuple[str, ...]  # what ran on the host; for a gate's builtin: ("gate", id, ...)
    risk: Risk
    ok: bool
    exit_code: int | None = None
    error: str | None = None
    output: str = ""  # standard output, redacted, cut at the entry's max_bytes
    error_output: str = ""  # standard error, likewise
    truncated: bool = False
    facts: JsonObject = Field(default_factory=dict)
    seconds: float = 0.0
    taken_at: datetime
    simulated: bool

    def as_evidence(self, evidence_id: int) -> Evidence:
        """The part that travels, once the audit has given it an id."""
        return Evidence(
            id=evidence_id,
            host=self.call.host,
            action=self.call.action,
            params=self.call.params,
            ok=self.ok,
            exit_code=self.exit_code,
            error=self.error,
            facts=self.facts,
            seconds=self.seconds,
            truncated=self.truncated,
            taken_at=self.taken_at,
            simulated=self.simulated,
        )


class Evidence(Value):
    """One diagnostic's answer: the raw part stands in the audit, the facts travel."""

    id: int  # sre_evidence.id: what hypotheses, decisions and summaries cite
    host: str  # the inventory's name
    action: str  # the catalog's id: "unit.show"
    params: dict[str, str | int] = Field(default_factory=dict)
    ok: bool  # ran and was parsed; a failing `nginx -t` is ok=True with facts that say so
    exit_code: int | None = None  # None: never ran or was ended by its deadline
    error: str | None = None  # why ok is False: "timeout", "absent: /usr/sbin/nginx", ...
    facts: JsonObject = Field(default_factory=dict)  # the parser's model, see app/host/facts.py
    seconds: float = 0.0
    truncated: bool = False
    taken_at: datetime
    simulated: bool
