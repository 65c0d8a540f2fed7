"""SQLite is for one process: who holds the file, and the sentence for who comes second."""

from __future__ import annotations

import errno
import fcntl
import os

from app.commands.screen import give_up
from app.settings import Settings


def alone(settings: Settings) -> int | None:
    """Hold the SQLite file until this process ends, however it ends; ends it where another does.

    The descriptor that holds it; None on PostgreSQL, which is for any number of processes.
    """
    if not settings.uses_sqlite:
        return None
    held = settings.beside_database(".lock")
    try:
        held.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(held, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno == errno.EWOULDBLOCK:
            give_up(
                f"Another process serves {settings.database_url_shown}, and SQLite is for one.",
                hint="Stop it first. Several processes need a PostgreSQL: docs/howto/cluster.md",
            )
        give_up(f"{held} cannot be made: {error.strerror}.", hint="Check DATABASE_URL.")
    return descriptor


def require_shared(settings: Settings, what: str) -> None:
    """End the command where the database is none that several processes can share."""
    if settings.uses_sqlite:
        give_up(
            f"`sre-agent {what}` is for several processes, and SQLite "
            f"({settings.database_url_shown}) is for one.",
            hint="Set DATABASE_URL=postgresql://USER@HOST/DATABASE for all of them, or start one "
            "`sre-agent serve`.",
        )
