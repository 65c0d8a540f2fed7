"""Refusals at the door, summed up for the audit: who was turned away, from what, how often.

A refusal costs a stranger nothing, so an entry for each would let anybody fill the database. What
is refused within a minute becomes one entry, of at most twenty lines: how often the same asker got
the same answer from the same route. What does not fit is counted by its status alone. A flood is
thus one entry of a few kilobytes a minute for each process, and no more memory than that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple

from app import log
from app.domain.value import JsonObject
from app.errors import SreAgentError
from app.redaction.redactor import REDACTOR

EVENT = "refused-at-the-door"
STATUSES = frozenset({401, 403, 422, 429})
SUMMED_UP_SECONDS = 60.0
LINES = 20
LONGEST = 200

_log = log.get(__name__)

Tell = Callable[[str, JsonObject], Awaitable[None]]


class Refusal(NamedTuple):
    """One request that was turned away. Every part is cut to what a line may hold."""

    status: int
    code: str  # of the error; "": answered with a page
    why: str  # what was wrong with the credentials, or the right that is lacking; else ""
    method: str
    route: str  # as it is declared: never an address of the caller's making
    who: str  # as proved; "": nobody that is known
    address: str  # where the connection comes from: behind a proxy, the proxy's

    def told(self, times: int) -> JsonObject:
        """Its line in an entry."""
        line = self._asdict() | {"times": times}
        return {name: _short(value) for name, value in line.items() if value != ""}


class Refusals:
    """What this process has refused since it was last told."""

    def __init__(self) -> None:
        self._lines: Counter[Refusal] = Counter()
        self._others: Counter[str] = Counter()  # by status
        self._since: datetime | None = None

    def note(self, refusal: Refusal) -> None:
        """Count one."""
        self._since = self._since or datetime.now(UTC)
        self._add(refusal, 1)

    async def tell(self, tell: Tell) -> None:
        """Enter into the audit what was refused, if anything was.

        Where that cannot be written it is kept, within the same bounds, and told later.
        """
        since, lines, others = self._since, self._lines, self._others
        if since is None:
            return
        self._since, self._lines, self._others = None, Counter(), Counter()
        content: JsonObject = {
            "since": since.isoformat(timespec="seconds"),
            "refused": [refusal.told(times) for refusal, times in lines.most_common()],
        }
        if others:
            content["others"] = dict(others)
        try:
            await tell(EVENT, content)
        except SreAgentError as error:
            _log.warning("refusals are not in the audit yet", code=error.code, reason=str(error))
            self._take_back(since, lines, others)

    def _take_back(self, since: datetime, lines: Counter[Refusal], others: Counter[str]) -> None:
        self._since = since
        self._others.update(others)
        for refusal, times in lines.items():
            self._add(refusal, times)

    def _add(self, refusal: Refusal, times: int) -> None:
        if refusal in self._lines or len(self._lines) < LINES:
            self._lines[refusal] += times
        else:
            self._others[str(refusal.status)] += times


async def keep_telling(refusals: Refusals, tell: Tell) -> None:
    """Tell what was refused every minute; once more when it is cancelled."""
    try:
        while True:
            await asyncio.sleep(SUMMED_UP_SECONDS)
            await refusals.tell(tell)
    finally:
        await refusals.tell(tell)


def _short(value: object) -> object:
    return REDACTOR.text(value)[:LONGEST] if isinstance(value, str) else value
