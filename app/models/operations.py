"""The tables that the work rests on: asking people, the write-ahead ledger, leases, workers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.approval import ApprovalState, Vote
from app.domain.intent import IntentState
from app.domain.value import JsonObject
from app.models.audited import Audited
from app.models.base import Base, Identity, Reference, Written

IS_OPEN = text("state IN ('approved', 'pending')")


class Approval(Base):
    """One question to people: may this plan be carried out?"""

    __tablename__ = "approval"
    __audited__ = Audited(
        may_change=frozenset(
            {"state", "decided_at", "granted_until", "used_at", "used_by", "resumed_at"}
        )
    )
    __table_args__ = (
        # the same proposal is asked again only once its last question is closed
        Index(
            "uq_approval_one_open",
            "execution_id",
            "proposal",
            unique=True,
            sqlite_where=IS_OPEN,
            postgresql_where=IS_OPEN,
        ),
        Index(None, "state", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[Reference] = mapped_column(
        ForeignKey("sre_incident_execution.id"), index=True
    )
    host: Mapped[str]
    plan: Mapped[JsonObject]
    proposal: Mapped[str]  # Plan.proposal(): what a grant carries for
    plan_hash: Mapped[str]  # what the person saw; a vote must name it
    decision: Mapped[JsonObject]  # the policy's
    requested_by: Mapped[str]
    needed: Mapped[int]  # different people who must say yes
    state: Mapped[ApprovalState]
    requested_at: Mapped[Written]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    granted_until: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    used_by: Mapped[str | None]  # the durable step that took the grant
    resumed_at: Mapped[datetime | None]  # a worker went on with the execution because of it
    simulated: Mapped[bool]


class ApprovalVote(Base):
    """What one person said to one question."""

    __tablename__ = "approval_vote"
    __audited__ = Audited()
    __table_args__ = (
        UniqueConstraint("approval_id", "person"),
        Index(None, "approval_id", "subject", unique=True),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    approval_id: Mapped[Reference] = mapped_column(ForeignKey("approval.id"))
    person: Mapped[str]  # lower case: "Ann" and "ann" are one person
    subject: Mapped[str | None]  # who it is at the identity provider, whatever the name is then
    vote: Mapped[Vote]
    reason: Mapped[str]
    plan_hash: Mapped[str]
    voted_at: Mapped[Written]


class CommandIntent(Base):
    """The write-ahead ledger: a change about to be made, and what came of it."""

    __tablename__ = "command_intent"
    __audited__ = Audited(
        may_change=frozenset({"state", "exit_code", "output", "how", "dispatched_at", "settled_at"})
    )
    __table_args__ = (
        Index(None, "execution_id", "intended_at"),
        Index(None, "host", "intended_at"),
        Index(None, "state"),
        Index(None, "undo_of"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    execution_id: Mapped[Reference] = mapped_column(ForeignKey("sre_incident_execution.id"))
    workflow_id: Mapped[str]
    host: Mapped[str]
    call: Mapped[JsonObject]
    before: Mapped[JsonObject]  # captured state that an undo needs
    decision: Mapped[JsonObject]
    plan_hash: Mapped[str]
    fence: Mapped[int]  # of the host's lease when it was intended
    undo_of: Mapped[str | None] = mapped_column(ForeignKey("command_intent.id"))
    state: Mapped[IntentState]
    exit_code: Mapped[int | None]
    output: Mapped[str]
    how: Mapped[str]  # "ran", "receipt", ...: how the outcome is known
    intended_at: Mapped[Written]
    dispatched_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    simulated: Mapped[bool]


class HostLease(Base):
    """Who may change a host now. The row stays; an empty owner means nobody."""

    __tablename__ = "host_lease"

    host: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]  # a workflow's id, or ""
    fence: Mapped[int]  # grows with each acquisition: an older holder's commands are told apart
    acquired_at: Mapped[datetime | None]


class Worker(Base):
    """One process that works on executions, and when it was last heard of."""

    __tablename__ = "worker"

    executor_id: Mapped[str] = mapped_column(primary_key=True)
    hostname: Mapped[str]
    pid: Mapped[int]
    started_at: Mapped[Written]
    heartbeat: Mapped[datetime]  # by the database's clock
    dead: Mapped[bool]  # sticky: a worker that was given up does not come back under this id
    epoch: Mapped[str | None]  # the version of the graph that it goes on with
    lost_at: Mapped[datetime | None]  # given up by its peers; None where it left in good order


class BaselineRow(Base):
    """How a host looked while it was healthy. Hashes and metadata, never contents."""

    __tablename__ = "baseline"
    __audited__ = Audited()
    __table_args__ = (
        UniqueConstraint("host", "simulated", "version"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    host: Mapped[str]
    version: Mapped[int]  # 1, 2, ... for this host
    taken_at: Mapped[datetime]
    manifest: Mapped[JsonObject]
    probes: Mapped[list[JsonObject]]
    host_model: Mapped[JsonObject]
    reason: Mapped[str]  # why it was taken: "enrolment", "after a verified repair", ...
    created_at: Mapped[Written]
    simulated: Mapped[bool]


class PauseRow(Base):
    """One turn of the switch that stops all changes. The last one stands."""

    __tablename__ = "pause"
    __audited__ = Audited()
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[Identity]
    paused: Mapped[bool]
    person: Mapped[str]
    reason: Mapped[str]
    turned_at: Mapped[Written]


class LearningReset(Base):
    """A decision to forget: what ended before it teaches nothing. Rows are only ever added."""

    __tablename__ = "learning_reset"
    __audited__ = Audited()
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[Identity]
    at: Mapped[Written]
    by: Mapped[str]
    reason: Mapped[str]
