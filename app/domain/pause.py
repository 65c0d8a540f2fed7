"""Whether changes may be made at all."""

from __future__ import annotations

from datetime import datetime

from app.domain.value import Value


class Pause(Value):
    """Where the switch that stops everything stands, and who put it there."""

    paused: bool = False
    by: str = ""
    reason: str = ""
    since: datetime | None = None  # None: it was never touched
