"""What was asked of the instance, in its order: for assertions, without any credential."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request and how it was answered."""

    at: datetime
    method: str
    path: str
    query: str
    user: str  # "" where nobody was proven
    body: Any  # JSON; None where there was none, or where it held credentials
    status: int | None  # None: the connection was cut instead
    fault: str | None


class RequestLog:
    """Every request, oldest first."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []

    def add(self, asked: Asked) -> None:
        """Note one more."""
        self._asked.append(asked)

    def clear(self) -> None:
        """Forget them."""
        self._asked.clear()

    @property
    def asked(self) -> tuple[Asked, ...]:
        return tuple(self._asked)
