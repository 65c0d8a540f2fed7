"""The tables of writing back: what is to be told, what is known of each ticket, how far we read.

A row of the outbox is queued in the transaction that writes what it tells of: neither is ever there
without the other.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.ticket import OutboxState, Told
from app.domain.value import JsonObject
from app.models.audited import Audited
from app.models.base import Base, DatabaseNow, Identity, Reference, Written


class OutboxRow(Base):
    """One thing to tell one ticket, once, after everything before it."""

    __tablename__ = "outbox"
    __audited__ = Audited(
        may_change=frozenset({"state", "result", "settled_at"}),
        outside=frozenset({
            "attempts", "next_try_at", "claimed_by", "claimed_until", "last_error", "unsure_until",
        }),
    )  # fmt: skip
    __table_args__ = (
        UniqueConstraint("execution_id", "key"),
        Index(None, "state", "next_try_at"),
        Index(None, "incident_number", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[Reference] = mapped_column(ForeignKey("sre_incident_execution.id"))
    key: Mapped[str]  # what it tells of; the same event again finds its row
    incident_number: Mapped[str]
    told: Mapped[Told]
    note: Mapped[str]
    marker: Mapped[str]
    proven: Mapped[bool]
    close_notes: Mapped[str]
    simulated: Mapped[bool]
    state: Mapped[OutboxState]
    attempts: Mapped[int]
    next_try_at: Mapped[Written]  # of a claimed row: when it was claimed
    claimed_by: Mapped[str | None]  # a worker's id
    claimed_until: Mapped[datetime | None]  # by the database's clock
    last_error: Mapped[str]
    unsure_until: Mapped[datetime | None]  # what was sent unanswered may arrive until then
    result: Mapped[JsonObject]
    created_at: Mapped[Written]
    settled_at: Mapped[datetime | None]


class TicketRow(Base):
    """What is known of a ticket. Its number was resolved to its sys_id once, and then stays."""

    __tablename__ = "ticket"

    incident_number: Mapped[str] = mapped_column(primary_key=True)
    sys_id: Mapped[str]
    execution_id: Mapped[Reference]  # which took it on last
    seen: Mapped[JsonObject]  # SeenTicket: as it was right after we had taken it on
    updated_at: Mapped[Written] = mapped_column(onupdate=DatabaseNow())


class Bookmark(Base):
    """How far something was read, such as ServiceNow's incidents by the time of their change."""

    __tablename__ = "bookmark"

    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[str]
    updated_at: Mapped[Written] = mapped_column(onupdate=DatabaseNow())
