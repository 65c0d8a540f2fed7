"""What one real, verified repair taught of its cause and of what was done for it."""

from __future__ import annotations

from datetime import datetime

from app.domain.value import Value


class Lesson(Value):
    """One outcome on a real host, proven from outside it."""

    execution_id: int
    host: str
    groups: tuple[str, ...] = ()  # of the host, as the inventory has them now
    mode: str  # the failure mode that was believed
    subject: str  # the unit, path or mount that it was about
    healed: bool  # True: proven the cause; False: its repair did not heal, so it was not
    actions: tuple[str, ...]  # catalog ids of what was done for it
    learned_at: datetime
    age_days: float  # by the database's clock, when it was asked for
