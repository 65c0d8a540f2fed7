"""What the API answers with: frozen models, each with an example. Times are UTC.

What is read as it was written (executions, their logs) is shown as app/audit/views.py has it.
Whether something was simulated stands on every object that tells of a host.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.audit.views import ExecutionSummary, ExecutionView
from app.domain.access import ApiKeyInfo
from app.domain.alert import AlertKind
from app.domain.execution import ExecutionStatus
from app.domain.model_call import Spent
from app.domain.value import JsonObject

Simulated = Annotated[
    bool, Field(description="true: no host was contacted; answers came from a recording.")
]
Percent = Annotated[float, Field(ge=0, le=100, examples=[96.5])]


class Answer(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Triggered(Answer):
    """The incident is durable and will be worked on."""

    message: str = Field(examples=["SRE Agent triggered successfully"])
    execution_id: int = Field(examples=[123])
    incident_number: str = Field(examples=["INC0010001"])
    status: str = Field(examples=["running"])


class AlertFate(StrEnum):
    """What became of one alert of a notification."""

    TAKEN_ON = "taken_on"  # a new execution works on it
    KNOWN = "known"  # it has its execution already
    OVER = "over"  # it fires no more; nothing is started
    REFUSED = "refused"  # its labels name no host of the inventory, or two


class AlertTaken(Answer):
    """One alert of a notification."""

    fingerprint: str = Field(examples=["5ef77f1f8a3ecfa5"])
    incident_number: str = Field(examples=["AM-5ef77f1f8a3ecfa5-20261123T094000Z"])
    fate: AlertFate
    execution_id: int | None = Field(examples=[123])
    reason: str = Field(description="Why it was refused; empty otherwise")


class AlertsTaken(Answer):
    """What became of a notification's alerts, in its order."""

    alerts: tuple[AlertTaken, ...]


class Execution(ExecutionView):
    """One execution, whole: the story, the candidate causes, the proof, what was changed."""

    pending_approval_id: int | None = Field(description="The question that it waits for")
    model_spent: Spent | None = Field(
        description="Calls of a language model, their tokens (sent and answered), cost (in the "
        "currency of the prices; 0 where none are set) and seconds; null where none was asked"
    )


class ActiveExecutions(Answer):
    """Everything that is queued, running or waiting for a person, oldest first."""

    executions: tuple[ExecutionSummary, ...]


class PlannedStep(Answer):
    """One step of a plan that a person is asked about."""

    action: str = Field(examples=["service.restart"])
    host: str
    params: JsonObject


class VoteItem(Answer):
    """What one person said."""

    person: str
    subject: str | None = Field(
        description="Who that is at the identity provider: ISSUER#SUB; null where it is not known"
    )
    decision: str = Field(examples=["approve"])
    reason: str
    at: datetime


class ApprovalView(Answer):
    """One question to people: may this plan be carried out?"""

    id: int = Field(examples=[7])
    execution_id: int = Field(examples=[123])
    state: str = Field(examples=["pending"])
    plan_hash: str = Field(description="Send it back with the decision")
    host: str
    cause: str = Field(examples=["nginx.service hangs"])
    confidence_score: Percent
    steps: tuple[PlannedStep, ...]
    risk: str = Field(examples=["R2"])
    reasons: tuple[str, ...] = Field(description="Why a person is asked")
    evidence_ids: tuple[int, ...]
    approvals_needed: int
    votes: tuple[VoteItem, ...]
    requested_at: datetime
    expires_at: datetime
    simulated: Simulated


class ApprovalsPage(Answer):
    """Questions to people, oldest first."""

    approvals: tuple[ApprovalView, ...]


class HostView(Answer):
    """One host of the inventory. Neither keys nor where they are."""

    name: str
    address: str
    names: tuple[str, ...]
    services: tuple[str, ...]
    groups: tuple[str, ...]
    depends_on: tuple[str, ...]
    description: str
    gate: bool = Field(description="false: agentless, only what plain sudo lines allow")
    autonomy_level: str | None = Field(description="A cap for this host")


class HostsPage(Answer):
    """The inventory."""

    hosts: tuple[HostView, ...]
    simulated: Simulated


class BaselineTaken(Answer):
    """The host's healthy state was written down."""

    host: str
    version: int = Field(examples=[1])
    taken_at: datetime
    files: int = Field(description="Files whose content, owner and mode are known")
    simulated: Simulated


class AlertView(Answer):
    """One thing that needs a person, or did."""

    id: int
    kind: AlertKind = Field(description="docs/reference/alerts.md says what to do")
    subject: str = Field(examples=["execution 12"])
    statement: str
    execution_id: int | None
    host: str | None
    simulated: Simulated
    opened_at: datetime
    ended_at: datetime | None = Field(description="null while it lasts")
    told_at: datetime | None = Field(description="When its last notice had reached everybody")
    not_told: tuple[str, ...] = Field(description="Destinations that its notice has not reached")
    problem: str = Field(description="Why not, as of the last try")


class AlertsPage(Answer):
    """What needs a person, and what lately did."""

    open: tuple[AlertView, ...]
    recent: tuple[AlertView, ...]


class Cancelled(Answer):
    """The execution stops at its next safe point; a change under way is finished and proven."""

    execution_id: int
    status: ExecutionStatus
    message: str


class KeysPage(Answer):
    """Keys, without their secrets."""

    keys: tuple[ApiKeyInfo, ...]


class OutboxRowView(Answer):
    """One thing that a ticket is to be told, and what became of it."""

    id: int = Field(examples=[31])
    execution_id: int = Field(examples=[123])
    incident_number: str = Field(examples=["INC0010001"])
    told: str = Field(examples=["resolved"])
    note: str = Field(description="The work note; its last line is looked for before a repetition")
    state: str = Field(examples=["sent"])
    stuck: bool = Field(description="A person should look")
    attempts: int
    next_try_at: datetime
    last_error: str = Field(description="In ServiceNow's own words, where it had any")
    result: JsonObject = Field(description="What was written, what was left undone and why")
    created_at: datetime
    settled_at: datetime | None
    simulated: Simulated


class OutboxPage(Answer):
    """Rows of the outbox, oldest first. `next_after` asks for the next page; None: the last."""

    rows: tuple[OutboxRowView, ...]
    counts: dict[str, int] = Field(description="All rows by state")
    next_after: int | None


class AuditVerified(Answer):
    """What the running service has verified of the audit, by itself."""

    looked_at: datetime = Field(description="When it last looked at what is new")
    verified_to: int = Field(description="The last entry that was verified; 0: none yet")
    passed_at: datetime | None = Field(description="When the last pass over everything ended")
    entries: int = Field(description="Entries of the chain that this pass went over")
    rows: int
    anchors: int = Field(description="Lines of the checkpoint file")
    sound: bool = Field(description="Nothing is known to be wrong; over all of it once passed_at")
    wrong: int = Field(description="How many things are wrong")
    fault: str = Field(description="The first of them, by its name", examples=["row-changed"])
    at_entry: int | None = Field(description="The entry where it shows")
    sentence: str = Field(description="The same for a person")


class AuditStatus(Answer):
    """Where the audit's chain stands."""

    chain: str = Field(description="The chain's name; empty before it has begun")
    entries: int = Field(description="Its length: entries are numbered without a gap")
    head_hash: str = Field(description="Of its last entry")
    head_at: str
    key_id: str = Field(description="Of the key that entries are made with now")
    guarded: bool = Field(description="The database refuses to change what was written down")
    guards_missing: tuple[str, ...]
    verified: AuditVerified | None = Field(description="null: the service has not looked yet")


class Healthy(Answer):
    """The process answers."""

    status: str = Field(examples=["ok"])
    version: str


class Check(Answer):
    """One thing that readiness rests on."""

    name: str = Field(examples=["database"])
    ok: bool
    detail: str


class Readiness(Answer):
    """Whether incidents can be taken on, and in which mode."""

    ready: bool
    mode: str = Field(description="simulated or real", examples=["simulated"])
    autonomy_level: str = Field(examples=["L0"])
    checks: tuple[Check, ...]
