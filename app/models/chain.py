"""The audit's chain: one entry for each fact, each bound to the one before it.

Written by app/audit/chain.py alone. The database refuses to change or remove an entry, and to add
one that does not come right after the last (app/models/guards.py).
"""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import ROW_NUMBER, Base


class AuditEntry(Base):
    """One entry. Everything but `hash` is what `hash` is taken over (app/audit/entry.py)."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("execution_id", "execution_seq"),
        Index(None, "about", "row_id", "seq"),
    )

    seq: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True, autoincrement=False)
    previous: Mapped[str]  # the hash of the entry before; "" for the first
    kind: Mapped[str]  # of FactKind; text, so that what somebody wrote over it can still be read
    about: Mapped[str]  # the table of the row; of an event, its name
    row_id: Mapped[str]  # the row's primary key; "" for an event
    content: Mapped[str]  # canonical JSON: the row's columns, long ones as their sha256
    # no foreign key: an entry about a row that was torn out must stay
    execution_id: Mapped[int | None] = mapped_column(ROW_NUMBER)
    execution_seq: Mapped[int | None]  # 1, 2, ... within the execution: a hole is seen in an export
    at: Mapped[str]  # ISO 8601 in UTC, by the database's clock
    actor: Mapped[str]  # who: a person, a source of incidents, or the service
    key_id: Mapped[str]
    hash: Mapped[str]  # HMAC-SHA256, hexadecimal
