"""How much room is left where the service must write, and the refusal before there is none.

What is at work needs room to write down what it does. So a new incident is turned away while there
still is some: its sender keeps it, or the poll finds it again.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from app.errors import DiskNearlyFull
from app.settings import Settings

MEGABYTE = 1024 * 1024
RETRY_AFTER_SECONDS = 60

Free = Callable[[Path], int]
"""The bytes that are free where a path is, or will be."""


def free_bytes(path: Path) -> int:
    """The bytes that this user may still write where a path is, or will be. Raises OSError."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


class Disk:
    """The disk of SQLite's file; on PostgreSQL that of the audit's checkpoints, which is ours."""

    def __init__(self, settings: Settings, free: Free = free_bytes) -> None:
        self._least = settings.min_free_mb * MEGABYTE
        self._path = (settings.sqlite_path or settings.audit_checkpoints_at).parent
        self._free = free

    def shortage(self) -> str:
        """What is short, as a sentence; "" while there is room. A disk that does not tell is short.

        Blocking, though rarely for long.
        """
        if not self._least:
            return ""
        try:
            free = self._free(self._path.absolute())
        except OSError as error:
            return f"The disk of {self._path} does not say how much is free: {error.strerror}."
        if free >= self._least:
            return ""
        return (
            f"{free // MEGABYTE} MB are free in {self._path}, and MIN_FREE_MB is "
            f"{self._least // MEGABYTE}."
        )

    async def require_room(self) -> None:
        """Raise DiskNearlyFull where there is too little for one more incident."""
        if await asyncio.to_thread(self.shortage):
            raise DiskNearlyFull(
                "The agent's disk is nearly full: no new incident is taken on, and what is at "
                "work goes on.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
                hint="Send the incident again later. On the agent's machine: sre-agent db check",
            )
