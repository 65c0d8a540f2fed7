"""What the API answers with: frozen models, each with an example. Times are UTC.

The names of the first block of fields in each model are fixed (docs/reference/api.md); programs
outside rely on them. Whether something was simulated stands on every object that tells of a host.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.domain.event import ActionType, EntryStatus, LogStatus
from app.domain.execution import ExecutionStatus, Outcome, Step
from app.domain.hypothesis import HypothesisStatus
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


class TimelineItem(Answer):
    """One line of the story."""

    step_number: int = Field(examples=[1])
    action_type: Step = Field(description="The state of the workflow", examples=["analyze"])
    title: str = Field(examples=["Asking what users ask of web-prod-01.company.com"])
    status: EntryStatus
    duration_seconds: float = Field(examples=[0.42])
    detail: JsonObject = Field(default_factory=dict)
    at: datetime
    simulated: Simulated


class SupportItem(Answer):
    """One fact for or against a hypothesis."""

    evidence_id: int = Field(examples=[17])
    statement: str = Field(examples=["nginx.service is inactive"])
    weight: float = Field(description="Natural-log odds; negative speaks against", examples=[3.1])
    rule: str = Field(examples=["path-walk"])


class HypothesisItem(Answer):
    """One candidate cause, as it stands now."""

    hypothesis_text: str = Field(examples=["nginx.service was stopped"])
    confidence_score: Percent
    status: HypothesisStatus
    key: str = Field(examples=["unit-stopped@web-prod-01:nginx.service"])
    host: str
    subject: str
    evidence_ids: tuple[int, ...] = ()
    supports: tuple[SupportItem, ...] = ()


class ProbeItem(Answer):
    """What one question of a user's was answered with."""

    name: str = Field(examples=["http web-prod-01.company.com /"])
    ok: bool
    detail: str = Field(examples=["connection refused"])
    seconds: float


class VerificationItem(Answer):
    """The proof after a change: red before, green after, still green at the end."""

    healed: bool
    statement: str = Field(examples=["Users are served again: 200 for 10 s."])
    watched_seconds: float
    before: tuple[ProbeItem, ...]
    after: tuple[ProbeItem, ...]
    worse: tuple[str, ...] = Field(description="What got worse; any entry means not healed")
    taken_at: datetime
    simulated: Simulated


class ActionTaken(Answer):
    """One change that was made on a host, or its undo."""

    action: str = Field(examples=["service.start"])
    action_type: ActionType
    host: str
    command_executed: str = Field(examples=["/usr/bin/systemctl start -- nginx.service"])
    status: LogStatus
    exit_code: int | None
    risk: str = Field(examples=["R1"])
    evidence_id: int | None
    simulated: Simulated


class ExecutionView(Answer):
    """One execution, whole."""

    execution_id: int = Field(examples=[123])
    incident_number: str = Field(examples=["INC0010001"])
    status: ExecutionStatus
    current_step: Step | None = Field(description="null: no worker has taken it yet")
    started_at: datetime = Field(description="When it was accepted and durable")
    timeline: tuple[TimelineItem, ...]
    hypotheses: tuple[HypothesisItem, ...]

    ended_at: datetime | None
    outcome: Outcome | None = Field(description="null until it ends")
    root_cause: str = Field(examples=["nginx.service was stopped"])
    summary: str = Field(description="The outcome in a few sentences")
    confidence_score: Percent | None
    evidence_ids: tuple[int, ...] = Field(description="What the outcome rests on")
    verification: VerificationItem | None = Field(description="The last proof, if any was made")
    actions_taken: tuple[ActionTaken, ...]
    recommended: tuple[str, ...] = Field(description="What a person should do next")
    pending_approval_id: int | None = Field(description="The question that it waits for")
    short_description: str
    host: str = Field(description="The inventory's name of the host")
    claimed_service: str | None = Field(description="What the ticket blames")
    commands_run: int
    simulated: Simulated


class LogItem(Answer):
    """One diagnostic, probe, decision, change or undo, with what it printed."""

    step: Step
    action_type: ActionType
    command_executed: str = Field(examples=["/usr/bin/systemctl show -- nginx.service"])
    command_output: str = Field(description="Redacted, and cut at the action's limit")
    status: LogStatus

    step_number: int
    action: str = Field(examples=["unit.show"])
    host: str
    why: str
    error_output: str
    error: str | None
    exit_code: int | None
    duration_seconds: float
    truncated: bool
    risk: str = Field(examples=["R0"])
    evidence_id: int | None
    at: datetime
    simulated: Simulated


class LogsPage(Answer):
    """Commands and their output, in the order they happened."""

    execution_id: int
    logs: tuple[LogItem, ...]
    total: int
    limit: int
    offset: int


class ExecutionLine(Answer):
    """One execution in a list."""

    execution_id: int = Field(examples=[123])
    incident_number: str = Field(examples=["INC0010001"])
    status: ExecutionStatus
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    current_step: Step | None
    host: str
    short_description: str
    root_cause: str
    simulated: Simulated


class ActiveExecutions(Answer):
    """Everything that is queued, running or waiting for a person, oldest first."""

    executions: tuple[ExecutionLine, ...]


class ExecutionsPage(Answer):
    """Executions, newest first."""

    executions: tuple[ExecutionLine, ...]
    total: int
    limit: int
    offset: int


class PlannedStep(Answer):
    """One step of a plan that a person is asked about."""

    action: str = Field(examples=["service.restart"])
    host: str
    params: JsonObject


class VoteItem(Answer):
    """What one person said."""

    person: str
    decision: str = Field(examples=["approve"])
    reason: str
    at: datetime


class ApprovalView(Answer):
    """One question to people: may this plan be carried out?"""

    id: int = Field(examples=[7])
    execution_id: int = Field(examples=[123])
    incident_number: str = Field(examples=["INC0010001"])
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


class Cancelled(Answer):
    """The execution stops at its next safe point; a change under way is finished and proven."""

    execution_id: int
    status: ExecutionStatus
    message: str


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
