"""Copies of everything durable: the service's tables, the engine's, the audit's keys and marks.

    manifest = back_up(settings, folder)      # while the service runs, if need be
    restore(settings, folder)                 # while it does not

SQLite is copied by its own online backup, PostgreSQL by `pg_dump` and `pg_restore`. The engine's
file is copied before the service's: where the two were copied in different moments, the ledger is
the newer one, and the ledger is right.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.domain.value import Value
from app.engine.store import sibling_file
from app.errors import ConfigurationError, DatabaseNotReady
from app.models.migrate import head_revision
from app.settings import Settings

MANIFEST = "manifest.json"
DUMP = "database.dump"
SERVICE = "service.sqlite"
ENGINE = "engine.sqlite"
KEYS = "audit-keys.json"
CHECKPOINTS = "audit-checkpoints.jsonl"
_BUSY_SECONDS = 60
NOTHING_TOUCHED = "What was there is as it was."
DATABASE_DONE = "The database is the backup's by now, its audit files are not: do it again."


class Manifest(Value):
    """What a backup holds."""

    kind: str  # "sqlite" | "postgresql"
    revision: str  # of the service's tables, as this version of the code has them
    taken_at: datetime
    sha256: dict[str, str]  # by file name


def back_up(settings: Settings, folder: Path) -> Manifest:
    """Copy everything into a folder that is new, or empty, and for this user alone.

    Raises ConfigurationError for a folder that holds something; DatabaseNotReady.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty.", hint="Name a new folder for each.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.uses_sqlite:
        for source, name in _sqlite_files(settings):
            if source.exists():
                _copy_sqlite(source, folder / name)
    else:
        _postgres_tool(settings, "pg_dump", "--format=custom", f"--file={folder / DUMP}")
    for source, name in _audit_files(settings):
        if source.exists():
            shutil.copy2(source, folder / name)
    manifest = Manifest(
        kind=_kind(settings),
        revision=head_revision(),
        taken_at=datetime.now(UTC),
        sha256={path.name: _sha256(path) for path in sorted(folder.iterdir())},
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return manifest


def read_backup(folder: Path) -> Manifest:
    """The manifest of a backup that is whole. Raises ConfigurationError where it is not."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{folder} is no backup: {error}.") from error
    for name, expected in manifest.sha256.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != expected:
            raise ConfigurationError(f"{path} is missing or not as it was written.")
    return manifest


def restore(settings: Settings, folder: Path) -> Manifest:
    """Put a backup in the place of what is there: all of it, or nothing.

    What was there is kept beside it: the files of SQLite, and the audit's. Nothing may work on the
    database meanwhile. Raises ConfigurationError where the backup is not whole or of the other kind
    of database; DatabaseNotReady.
    """
    manifest = read_backup(folder)
    if manifest.kind != _kind(settings):
        raise ConfigurationError(
            f"{folder} is a backup of {manifest.kind}, and DATABASE_URL is {_kind(settings)}."
        )
    # everything is copied and looked through before anything that is there is touched
    with _staged(settings, folder, manifest) as staged:
        if not settings.uses_sqlite:
            options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
            _postgres_tool(
                settings, "pg_restore", *options, f"--dbname={_name(settings)}", str(folder / DUMP)
            )
        _swap(staged, so_far=NOTHING_TOUCHED if settings.uses_sqlite else DATABASE_DONE)
    return manifest


@contextmanager
def _staged(
    settings: Settings, folder: Path, manifest: Manifest
) -> Iterator[dict[Path, Path | None]]:
    """Each target with a whole copy beside it, on disk; None: the backup has none of it.

    Copies that were not put into place are gone afterwards. Raises DatabaseNotReady.
    """
    files = (*(_sqlite_files(settings) if settings.uses_sqlite else ()), *_audit_files(settings))
    staged: dict[Path, Path | None] = {}
    try:
        for target, name in files:
            beside = target.with_name(f".{target.name}.restoring-{os.getpid()}")
            staged[target] = beside if name in manifest.sha256 else None
            if name in (SERVICE, ENGINE) and name in manifest.sha256:
                _copy_sqlite(folder / name, beside)
                _require_sound(beside, folder / name)
            elif name in manifest.sha256:
                _copy_plain(folder / name, beside)
        yield staged
    finally:
        for one in [one for copied in staged.values() if copied for one in _with_siblings(copied)]:
            if one.exists():  # its folder may be none
                one.unlink()


def _copy_plain(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(source, target)
        _sync(target)
    except OSError as error:
        raise DatabaseNotReady(
            f"{source} cannot be copied to {target}: {error.strerror}.", hint=NOTHING_TOUCHED
        ) from error
    if _sha256(target) != _sha256(source):
        raise DatabaseNotReady(f"{target} is not what {source} is.", hint=NOTHING_TOUCHED)


def _require_sound(copied: Path, source: Path) -> None:
    for sentence in _sqlite_damage(copied):
        raise DatabaseNotReady(f"{source} is damaged: {sentence}.", hint=NOTHING_TOUCHED)
    try:
        _sync(copied)
    except OSError as error:
        raise DatabaseNotReady(
            f"{copied} cannot be written: {error.strerror}.", hint=NOTHING_TOUCHED
        ) from error


def _swap(staged: dict[Path, Path | None], *, so_far: str) -> None:
    """Put the copies into place by renames alone; all of them, or what was there stands again.

    `so_far`: what a person is told of the rest where that fails.
    """
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    done: list[tuple[Path, Path]] = []  # (from, to)
    try:
        for target, copied in staged.items():
            # SQLite's files beside a database belong to it, and to none that comes after it
            for one in _with_siblings(target):
                if one.exists():
                    _rename(one, one.with_name(f"{one.name}.before-{stamp}"), done)
            if copied is not None:
                _rename(copied, target, done)
    except OSError as error:
        for origin, place in reversed(done):
            place.rename(origin)
        raise DatabaseNotReady(
            f"The backup's files cannot be put into place: {error}.", hint=so_far
        ) from error
    for folder in {target.parent for target in staged}:
        if folder.is_dir():
            _sync(folder)


def _rename(origin: Path, place: Path, done: list[tuple[Path, Path]]) -> None:
    origin.rename(place)
    done.append((origin, place))


def _with_siblings(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))]


def _sync(path: Path) -> None:
    """Have a file or a folder on disk before anything relies on it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def damage(settings: Settings) -> list[str]:
    """What SQLite itself finds wrong with its files, or PostgreSQL with being read whole."""
    if settings.uses_sqlite:
        return [
            sentence
            for path, _ in _sqlite_files(settings)
            if path.exists()
            for sentence in _sqlite_damage(path)
        ]
    try:
        _postgres_tool(settings, "pg_dump", "--format=custom", "--no-sync", f"--file={os.devnull}")
    except DatabaseNotReady as error:
        return [str(error)]
    return []


def _sqlite_damage(path: Path) -> Iterator[str]:
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            for (sentence,) in connection.execute("PRAGMA integrity_check").fetchall():
                if sentence != "ok":
                    yield f"{path}: {sentence}"
            for table, row, *_ in connection.execute("PRAGMA foreign_key_check").fetchall():
                yield f"{path}: row {row} of {table} has lost its parent"
    except sqlite3.DatabaseError as error:
        yield f"{path}: {error}"


def _copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's online backup: one consistent moment, whoever writes meanwhile."""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (
            closing(sqlite3.connect(source, timeout=_BUSY_SECONDS)) as here,
            closing(sqlite3.connect(target)) as there,
        ):
            here.backup(there)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseNotReady(f"{source} cannot be copied to {target}: {error}.") from error
    target.chmod(0o600)


def _sqlite_files(settings: Settings) -> tuple[tuple[Path, str], ...]:
    path = settings.sqlite_path
    assert path is not None
    return (sibling_file(path), ENGINE), (path, SERVICE)


def _audit_files(settings: Settings) -> tuple[tuple[Path, str], ...]:
    return (settings.audit_keys_at, KEYS), (settings.audit_checkpoints_at, CHECKPOINTS)


def _postgres_tool(settings: Settings, tool: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own tools; the password goes by the environment, which is ours."""
    url = urlsplit(settings.database_url)
    given = {
        "PGHOST": url.hostname,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": unquote(url.username) if url.username else None,
        "PGPASSWORD": unquote(url.password) if url.password else None,
        "PGDATABASE": _name(settings),
    }
    environment = os.environ | {name: value for name, value in given.items() if value}
    try:
        done = subprocess.run(
            [tool, "--no-password", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise DatabaseNotReady(
            f"{tool} is not installed here.", hint="sudo apt-get install postgresql-client"
        ) from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise DatabaseNotReady(f"{tool} failed: {reason}")


def _name(settings: Settings) -> str:
    return unquote(urlsplit(settings.database_url).path.lstrip("/")) or "postgres"


def _kind(settings: Settings) -> str:
    return "sqlite" if settings.uses_sqlite else "postgresql"


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
