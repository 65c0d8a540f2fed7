"""The table of calls of a language model: what was sent, what came back, what it cost."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.model_call import CallStatus, Purpose
from app.models.audited import Audited
from app.models.base import Base, Identity, Reference, Written


class ModelCallRow(Base):
    """One request and its answer, redacted and capped before they came here."""

    __tablename__ = "sre_model_call"
    __audited__ = Audited()
    __table_args__ = (
        UniqueConstraint("execution_id", "step_key", "purpose", "attempt"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Identity]
    execution_id: Mapped[Reference] = mapped_column(ForeignKey("sre_incident_execution.id"))
    step_key: Mapped[str]
    purpose: Mapped[Purpose]
    attempt: Mapped[int]
    model: Mapped[str]
    prompt_version: Mapped[str]
    status: Mapped[CallStatus]
    failure: Mapped[str]
    detail: Mapped[str]
    sent: Mapped[str]
    answer: Mapped[str]
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost: Mapped[float]
    seconds: Mapped[float]
    created_at: Mapped[Written]
    simulated: Mapped[bool]
