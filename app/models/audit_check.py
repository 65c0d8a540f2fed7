"""What the running service last found of the audit's chain: one row, for people to read.

Nothing is verified from it. Whoever can write to the database could write here too, so what was
already verified is remembered in the process that did it, and alerts come from there.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

THE_ONE = 1


class AuditCheck(Base):
    """The last look, the last pass over everything, and the first thing that is wrong."""

    __tablename__ = "audit_check"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    worker: Mapped[str]  # who looked
    looked_at: Mapped[datetime]
    verified_to: Mapped[int]  # the last entry that was verified; 0: none yet
    passed_at: Mapped[datetime | None]  # when the last pass over everything ended
    entries: Mapped[int]  # of that pass, as are the next two
    rows: Mapped[int]
    anchors: Mapped[int]
    wrong: Mapped[int]  # things that are wrong; 0: none that is known
    fault: Mapped[str]  # of the first of them, as are the next two; "": none
    at_entry: Mapped[int | None]
    sentence: Mapped[str]
