"""Which workers have not beaten for so long, told by no clock but the watcher's own steady one.

A beat's time is the database's, whose clock may be set while everybody works. So no time is
compared with another machine's: a beat that is still the same after so long, as this process counts
seconds, is late, whatever time it says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime


class Lateness:
    """What one process has seen of the others' beats."""

    def __init__(
        self, after_seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` counts seconds and is never set."""
        self._after = after_seconds
        self._clock = clock
        self._seen: dict[str, tuple[datetime, float]] = {}  # the last beat, and since when it is so

    def late(self, beats: Mapping[str, datetime]) -> dict[str, datetime]:
        """Those whose beat has been the same for too long, with that beat; asked at each pass.

        Whoever is missing from `beats` is forgotten.
        """
        now = self._clock()
        self._seen = {worker: self._since(worker, beat, now) for worker, beat in beats.items()}
        return {
            worker: beat
            for worker, (beat, since) in self._seen.items()
            if now - since >= self._after
        }

    def begin_anew(self) -> None:
        """Forget all: the watcher itself was away, and what it saw before tells nothing."""
        self._seen.clear()

    def _since(self, worker: str, beat: datetime, now: float) -> tuple[datetime, float]:
        before = self._seen.get(worker)
        return before if before is not None and before[0] == beat else (beat, now)
