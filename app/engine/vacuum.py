"""Gives back what deleted rows left: SQLite's files are written anew, PostgreSQL's space is reused.

before, after = vacuum(settings)      # bytes on disk, of the service's tables and the engine's
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from app.engine.store import run_on_postgres, sibling_file
from app.errors import DatabaseNotReady
from app.settings import Settings

BUSY_SECONDS = 60
_SIZE = "SELECT pg_database_size(current_database())"


def vacuum(settings: Settings) -> tuple[int, int]:
    """Do it; the bytes before and after. Others wait meanwhile on SQLite, and not on PostgreSQL.

    Raises DatabaseNotReady: somebody is amid a transaction, or the disk has no room for a copy.
    """
    path = settings.sqlite_path
    if path is None:
        before, _, after = run_on_postgres(settings.database_url, _SIZE, "VACUUM (ANALYZE)", _SIZE)
        return before or 0, after or 0
    files = [one for one in (sibling_file(path), path) if one.exists()]
    before = sum(_size(one) for one in files)
    for one in files:
        _vacuum(one)
    return before, sum(_size(one) for one in files)


def _vacuum(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as file:
            file.execute("VACUUM")
            file.execute("PRAGMA optimize")
            # what was written anew stands in the log until it is taken over
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise DatabaseNotReady(
            f"{path} cannot be written anew: {error}.",
            hint="It needs as much free room as the file is large, and nobody who writes "
            "meanwhile: try it with the service stopped.",
        ) from error


def _size(path: Path) -> int:
    """Of a database with what is written beside it."""
    beside = path.with_name(path.name + "-wal")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)
