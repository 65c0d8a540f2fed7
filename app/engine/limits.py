"""What one workflow may spend, and what it has spent, counted alike on the first run and resumed.

Counting reads the answers of steps, recorded ones too, so a resumed workflow knows what was spent
before the crash without asking anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.settings import Settings

_COUNTED: dict[str, Callable[[Any], int]] = {
    "observe": len,
    "undo": len,
    "settle": len,
    "change": lambda _result: 1,
}


@dataclass
class Spending:
    """Commands run on hosts and working time of one workflow, against their limits."""

    max_commands: int
    max_seconds: int
    started_at: datetime
    commands: int = 0

    @classmethod
    def under(cls, settings: Settings, started_at: datetime) -> Spending:
        return cls(
            max_commands=settings.execution_max_commands,
            max_seconds=settings.execution_max_seconds,
            started_at=started_at,
        )

    def note(self, effect: str, answer: Any) -> None:
        """Count one step's answer."""
        count = _COUNTED.get(effect)
        if count is not None:
            self.commands += count(answer)

    def exhausted(self, now: datetime) -> str | None:
        """The limit that is reached, as a sentence; None while there is room in all."""
        seconds = (now - self.started_at).total_seconds()
        if seconds >= self.max_seconds:
            return (
                f"It has worked for {seconds:.0f} seconds; the limit is {self.max_seconds} "
                "(EXECUTION_MAX_SECONDS)."
            )
        if self.commands >= self.max_commands:
            return (
                f"It has run {self.commands} commands; the limit is {self.max_commands} "
                "(EXECUTION_MAX_COMMANDS)."
            )
        return None

    def room(self) -> int:
        """How many more commands may be run."""
        return max(0, self.max_commands - self.commands)
