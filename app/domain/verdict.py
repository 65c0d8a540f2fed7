"""Decisions before a change, results of it, and the proof after it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from app.domain.action import ActionCall, Risk
from app.domain.probe import ProbeResult
from app.domain.value import JsonObject, Value


class Verdict(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    NEEDS_APPROVAL = "needs_approval"


class Decision(Value):
    """What the policy says of a plan. A pure function's value: same input, same decision."""

    verdict: Verdict
    rule: str  # the gate that decided: "kill-switch", "catalog", "autonomy", "evidence", ...
    reasons: tuple[str, ...]  # sentences, the deciding one first
    level: str  # the effective autonomy level, "L0".."L4"
    risk: Risk  # the riskiest step's
    plan_hash: str  # binds approvals and intents to exactly this plan
    approvals_needed: int = 0  # 0, 1, or 2 for what cannot be undone


FLEET_RULE = "fleet-guard"
"""`Decision.rule` where a repair is held because too many hosts want the same."""


class ChangeStatus(StrEnum):
    """How a change ended. Only `done` says that the command ran to its end."""

    DONE = "done"  # ran; see exit_code
    REFUSED = "refused"  # the gate on the host or the precondition said no; nothing ran
    UNKNOWN = "unknown"  # it cannot be told whether it ran: a person must look
    SIMULATED = "simulated"  # nothing was contacted


ALREADY_SO = "already so"
"""`ChangeResult.how` of a refused change that the host did not need: what it brings is there."""


TAKEN_BACK = "taken back"
"""`ChangeResult.how` of a change that the host undid by itself: it heard nothing of the agent."""


class ChangeResult(Value):
    """What came of one step of a plan (or of its undo)."""

    call: ActionCall
    intent_id: str
    status: ChangeStatus
    exit_code: int | None = None
    output: str = ""  # redacted, capped
    how: str = ""  # "ran" | "receipt" (settled from the host) | "ledger" (already settled) | ...
    before: JsonObject = Field(default_factory=dict)  # captured state the undo needs
    undo: tuple[ActionCall, ...] = ()  # empty: none; `undo_note` says why
    undo_note: str = ""
    settle: tuple[ActionCall, ...] = ()  # run after every undo of the plan, each where it is needed
    evidence_id: int | None = None
    seconds: float = 0.0

    @property
    def is_needless(self) -> bool:
        """Whether nothing ran because the host is already as the change would make it."""
        return self.status is ChangeStatus.REFUSED and self.how == ALREADY_SO

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0 and self.status in (ChangeStatus.DONE, ChangeStatus.SIMULATED)


class Verification(Value):
    """Red before, green after, still green at the end of the watch, and nothing else worse."""

    healed: bool
    statement: str  # one sentence for the ticket
    before: tuple[ProbeResult, ...]
    after: tuple[ProbeResult, ...]
    watched_seconds: float
    worse: tuple[str, ...] = ()  # what got worse, named; any entry means not healed
    taken_at: datetime
    simulated: bool
