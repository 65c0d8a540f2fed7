"""The seven tables of executions: what happened, in the order of the story.

`Execution` is one run on one incident; everything else belongs to one. Rows are written by
app/audit/journal.py alone. `step_key` names the durable step that wrote a row and `position` its
place among that step's rows: a step that is run again finds its rows instead of writing new ones.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.action import Risk
from app.domain.event import ActionType, EntryStatus, LogStatus
from app.domain.evidence import EvidenceKind
from app.domain.execution import ACTIVE, ExecutionStatus, Outcome, Step
from app.domain.hypothesis import HypothesisStatus
from app.domain.incident import Priority
from app.domain.value import JsonObject
from app.models.audited import Audited
from app.models.base import ROW_NUMBER, Base, DatabaseNow, Identity, Written

IS_ACTIVE = text("status IN ({})".format(", ".join(f"'{status}'" for status in sorted(ACTIVE))))

OfExecution = Annotated[int, mapped_column(ROW_NUMBER, ForeignKey("sre_incident_execution.id"))]
OfEvidence = Annotated[int, mapped_column(ROW_NUMBER, ForeignKey("sre_evidence.id"), index=True)]


class Execution(Base):
    """One run of the agent on one incident, with the incident as it was told."""

    __tablename__ = "sre_incident_execution"
    __audited__ = Audited(
        may_change=frozenset({
            "sys_mod_count", "status", "current_step", "running_at", "ended_at", "outcome",
            "root_cause", "summary", "confidence", "recommended", "evidence_ids",
            "cancel_requested_at", "cancel_requested_by", "cancel_reason",
        })
    )  # fmt: skip
    __table_args__ = (
        # an incident that opens again is a new episode; only one of them is at work at a time
        UniqueConstraint("incident_number", "episode"),
        Index(
            "uq_sre_incident_execution_one_active",
            "incident_number",
            unique=True,
            sqlite_where=IS_ACTIVE,
            postgresql_where=IS_ACTIVE,
        ),
        Index(None, "status", "id"),
        Index(None, "host", "id"),
        # all that /metrics counts of executions: it is answered from this index alone
        Index(
            "ix_sre_incident_execution_figures",
            "status",
            "outcome",
            "simulated",
            "started_at",
            "ended_at",
            "id",
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    simulated: Mapped[bool]

    incident_number: Mapped[str]
    episode: Mapped[int]  # 1, then one more each time the incident opens again
    short_description: Mapped[str]
    description: Mapped[str]
    priority: Mapped[Priority]
    category: Mapped[str]
    assignment_group: Mapped[str]
    incident_state: Mapped[str]
    sys_id: Mapped[str | None]
    sys_mod_count: Mapped[int | None]  # of the newest delivery that this execution answered
    host: Mapped[str]
    claimed_service: Mapped[str | None]
    source: Mapped[str]
    autonomy_cap: Mapped[str | None]  # of the source, as the first delivery came: L0..L4
    received_at: Mapped[datetime]
    raw: Mapped[JsonObject]  # the body as it was received, without secrets

    status: Mapped[ExecutionStatus]
    current_step: Mapped[Step | None]
    started_at: Mapped[Written]  # accepted and durable; the work may begin later
    running_at: Mapped[datetime | None]  # a worker took it, for the first time
    ended_at: Mapped[datetime | None]

    outcome: Mapped[Outcome | None]
    root_cause: Mapped[str] = mapped_column(default="")
    summary: Mapped[str] = mapped_column(default="")
    confidence: Mapped[float | None]  # 0..1
    recommended: Mapped[list[str]] = mapped_column(default=list)
    evidence_ids: Mapped[list[int]] = mapped_column(default=list)  # what the outcome rests on

    cancel_requested_at: Mapped[datetime | None]
    cancel_requested_by: Mapped[str | None]
    cancel_reason: Mapped[str | None]


class Evidence(Base):
    """What one diagnostic, probe or change returned, as facts. Its output stands in the log."""

    __tablename__ = "sre_evidence"
    __audited__ = Audited()
    __table_args__ = (
        UniqueConstraint(
            "execution_id", "kind", "step_key", "position", name="uq_sre_evidence_of_step"
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[OfExecution]
    step_key: Mapped[str]
    position: Mapped[int]
    kind: Mapped[EvidenceKind]
    step: Mapped[Step]
    host: Mapped[str]
    action: Mapped[str]  # the catalog's id; "probe.http" and the like for probes
    params: Mapped[JsonObject]
    risk: Mapped[Risk]
    ok: Mapped[bool]
    exit_code: Mapped[int | None]
    error: Mapped[str | None]
    facts: Mapped[JsonObject]
    truncated: Mapped[bool]
    seconds: Mapped[float]
    output_sha256: Mapped[str]  # of the output in the log, UTF-8
    taken_at: Mapped[datetime]
    created_at: Mapped[Written]
    simulated: Mapped[bool]


class ExecutionLog(Base):
    """One line for each diagnostic, probe, decision, change and undo, with its output."""

    __tablename__ = "incident_execution_log"
    __audited__ = Audited()
    __table_args__ = (
        UniqueConstraint("execution_id", "step_number"),
        UniqueConstraint(
            "execution_id",
            "action_type",
            "step_key",
            "position",
            name="uq_incident_execution_log_of_step",  # PostgreSQL takes 63 characters
        ),
        Index("ix_incident_execution_log_figures", "action_type", "action", "status", "simulated"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[OfExecution]
    step_number: Mapped[int]  # 1, 2, ... within the execution
    step_key: Mapped[str]
    position: Mapped[int]
    step: Mapped[Step]
    action_type: Mapped[ActionType]
    action: Mapped[str]
    host: Mapped[str]
    params: Mapped[JsonObject]
    argv: Mapped[list[str]]
    command_executed: Mapped[str]  # the argv as a person would type it
    command_output: Mapped[str]  # redacted and capped before it came here
    error_output: Mapped[str]
    error: Mapped[str | None]
    exit_code: Mapped[int | None]
    status: Mapped[LogStatus]
    truncated: Mapped[bool]
    duration_seconds: Mapped[float]
    risk: Mapped[Risk]
    why: Mapped[str]
    detail: Mapped[JsonObject]  # of a decision: the plan and the verdict; of a change: its intent
    evidence_id: Mapped[OfEvidence | None]
    created_at: Mapped[Written]
    simulated: Mapped[bool]


class TimelineRow(Base):
    """One line of the story as the page shows it."""

    __tablename__ = "sre_timeline_entry"
    __audited__ = Audited(
        may_change=frozenset(
            {"step", "title", "status", "duration_seconds", "detail", "updated_at"}
        )
    )
    __table_args__ = (
        UniqueConstraint("execution_id", "key"),
        UniqueConstraint("execution_id", "step_number"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[OfExecution]
    step_number: Mapped[int]
    key: Mapped[str]
    step: Mapped[Step]
    title: Mapped[str]
    status: Mapped[EntryStatus]
    duration_seconds: Mapped[float]
    detail: Mapped[JsonObject]
    created_at: Mapped[Written]
    updated_at: Mapped[Written] = mapped_column(onupdate=DatabaseNow())
    simulated: Mapped[bool]


class HypothesisRow(Base):
    """One candidate cause as it stands now, and how it stood before."""

    __tablename__ = "sre_hypothesis"
    __audited__ = Audited(
        may_change=frozenset({
            "hypothesis_text", "mode", "host", "subject", "confidence", "status", "supports",
            "history", "updated_at",
        })
    )  # fmt: skip
    __table_args__ = (
        UniqueConstraint("execution_id", "key"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[OfExecution]
    key: Mapped[str]
    hypothesis_text: Mapped[str]
    mode: Mapped[str]
    host: Mapped[str]
    subject: Mapped[str]
    confidence: Mapped[float]  # 0..1
    status: Mapped[HypothesisStatus]
    supports: Mapped[list[JsonObject]]
    history: Mapped[list[JsonObject]]  # [{"step_key", "confidence", "status"}], oldest first
    created_at: Mapped[Written]
    updated_at: Mapped[Written] = mapped_column(onupdate=DatabaseNow())
    simulated: Mapped[bool]


class VerificationRow(Base):
    """One proof after a change: red before, green after, and what got worse."""

    __tablename__ = "sre_verification"
    __audited__ = Audited()
    __table_args__ = (
        UniqueConstraint("execution_id", "step_key"),
        Index("ix_sre_verification_figures", "execution_id", "healed", "taken_at", "simulated"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[OfExecution]
    step_key: Mapped[str]
    healed: Mapped[bool]
    statement: Mapped[str]
    before: Mapped[list[JsonObject]]
    after: Mapped[list[JsonObject]]
    watched_seconds: Mapped[float]
    worse: Mapped[list[str]]
    taken_at: Mapped[datetime]
    created_at: Mapped[Written]
    simulated: Mapped[bool]


class Provenance(Base):
    """Which conclusion rests on which evidence, and who drew it."""

    __tablename__ = "sre_provenance"
    __audited__ = Audited()
    __table_args__ = (
        UniqueConstraint("execution_id", "step_key", "position"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[OfExecution]
    step_key: Mapped[str]
    position: Mapped[int]
    conclusion: Mapped[str]
    evidence_id: Mapped[OfEvidence]
    drawn_by: Mapped[str]
    statement: Mapped[str]
    created_at: Mapped[Written]
    simulated: Mapped[bool]
