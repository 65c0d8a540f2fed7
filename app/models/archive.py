"""The tables of what was archived: which file holds what, and what must be known of it here.

Both are facts. A row of facts may be deleted once its execution has a row here, and only then
(app/models/guards.py); what the chain lacks since is what `Archive.ranges` says.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.execution import ExecutionStatus, Outcome
from app.domain.value import JsonObject
from app.models.audited import Audited
from app.models.base import ROW_NUMBER, Base, Identity, Reference, Written


class Archive(Base):
    """One file, and which entries of the chain went into it."""

    __tablename__ = "archive"
    __audited__ = Audited(outside=frozenset({"cleared_at"}))
    __table_args__ = (
        Index(None, "first_seq", "last_seq"),
        Index(None, "cleared_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    name: Mapped[str] = mapped_column(unique=True)  # of the file, in ARCHIVE_DIR
    sha256: Mapped[str]  # of the file as it is, compressed
    executions: Mapped[int]
    entries: Mapped[int]
    rows: Mapped[int]
    first_seq: Mapped[int] = mapped_column(ROW_NUMBER)
    last_seq: Mapped[int] = mapped_column(ROW_NUMBER)
    ranges: Mapped[list[JsonObject]]  # [{"first", "last", "hash" of the last}], in order
    head_seq: Mapped[int] = mapped_column(ROW_NUMBER)  # the chain's end when it was archived
    head_hash: Mapped[str]
    figures: Mapped[JsonObject]  # what /metrics counts, of this archive and all before it
    archived_at: Mapped[Written]
    cleared_at: Mapped[datetime | None]  # the engine's own rows were removed after these


class ArchivedExecution(Base):
    """What must still be known of an execution: its answers to late deliveries, what it taught."""

    __tablename__ = "archived_execution"
    __audited__ = Audited(may_change=frozenset({"sys_mod_count"}))
    __table_args__ = (
        Index(None, "incident_number", "episode"),
        Index(None, "teaches", "ended_at"),
    )

    # no column `execution_id`: its entries are no part of the execution, whose entries may go
    id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True, autoincrement=False)
    archive_id: Mapped[Reference] = mapped_column(ForeignKey("archive.id"), index=True)
    simulated: Mapped[bool]
    incident_number: Mapped[str]
    episode: Mapped[int]
    sys_id: Mapped[str | None]
    sys_mod_count: Mapped[int | None]
    host: Mapped[str]
    status: Mapped[ExecutionStatus]
    outcome: Mapped[Outcome | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    teaches: Mapped[bool]  # whether it has lessons
    lessons: Mapped[list[JsonObject]]  # as app/audit/lessons.py reads them of live executions
