"""What a diagnostic returned, and the reference by which everything else cites it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from app.domain.value import JsonObject, Value


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
