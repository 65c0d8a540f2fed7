"""Alerts: what needs a person, since when, and who has been told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.alert import AlertKind, Notice
from app.models.base import Base, Identity, Reference, Written

IS_OPEN = text("ended_at IS NULL")


class AlertRow(Base):
    """One condition of one subject, from its beginning to its end."""

    __tablename__ = "alert"
    __table_args__ = (
        # whoever finds the same condition again finds this row
        Index(
            "uq_alert_one_open",
            "kind",
            "subject",
            unique=True,
            sqlite_where=IS_OPEN,
            postgresql_where=IS_OPEN,
        ),
        Index(None, "kind", "subject"),
        Index(None, "notice"),
        Index(None, "ended_at", "id"),
        Index(None, "execution_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    kind: Mapped[AlertKind]
    subject: Mapped[str]  # "execution 12", "approval 3", "queue"
    statement: Mapped[str]  # what is the matter, a sentence of our own words
    execution_id: Mapped[Reference | None] = mapped_column(ForeignKey("sre_incident_execution.id"))
    host: Mapped[str | None]
    simulated: Mapped[bool]
    opened_at: Mapped[Written]
    ended_at: Mapped[datetime | None]  # of what happened and does not last: when it was told

    notice: Mapped[Notice | None]  # to be told now; None: everybody has been told
    undelivered: Mapped[list[str]]  # names of the destinations that have not got it yet
    told_at: Mapped[datetime | None]  # the last notice reached everybody
    attempts: Mapped[int]  # failures in a row
    next_try_at: Mapped[datetime | None]
    last_error: Mapped[str]
