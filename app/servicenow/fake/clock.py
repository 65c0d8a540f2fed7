"""The instance's own clock, which can be wrong; and its ids, which can be foreseen."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%d %H:%M:%S"


class Clock:
    """Now, as the instance believes it to be."""

    def __init__(self) -> None:
        self.skew = timedelta()

    def now(self) -> datetime:
        """The instance's time, in UTC."""
        return datetime.now(UTC) + self.skew

    def stamp(self) -> str:
        """The instance's time as it stands in rows: UTC, whole seconds."""
        return self.now().strftime(FORMAT)


def shown_in(zone: str, stamp: str) -> str:
    """A row's moment as a user of that zone sees it; what is no moment stays as it is."""
    try:
        moment = datetime.strptime(stamp, FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return stamp
    return moment.astimezone(ZoneInfo(zone)).strftime(FORMAT)


def meant_in(zone: str, text: str) -> str:
    """The UTC moment that a user of that zone means by a date, or date and time, in a query."""
    padded = f"{text} 00:00:00" if len(text) == len("2026-01-01") else text
    try:
        moment = datetime.strptime(padded, FORMAT).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return text
    return moment.astimezone(UTC).strftime(FORMAT)


class SysIds:
    """Keys of rows: 32 hexadecimal digits, random or, with a seed, always the same ones."""

    def __init__(self, seed: str | None) -> None:
        self._seed = seed
        self._drawn = count(1)

    def draw(self) -> str:
        """The next key."""
        if self._seed is None:
            return uuid4().hex
        return hashlib.sha256(f"{self._seed}:{next(self._drawn)}".encode()).hexdigest()[:32]
