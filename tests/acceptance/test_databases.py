"""`sre-agent db` as an operator uses it: a backup put back is the service as it was."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app.audit.journal import Journal
from app.audit.leases import Leases
from app.audit.reading import Reading
from app.audit.workers import Workers
from app.domain.execution import ExecutionStatus
from app.engine import copies
from app.engine.durable_tables import WorkflowTables
from app.engine.housekeeping import Housekeeping
from app.errors import DatabaseNotReady
from app.models.database import Database
from tests.conftest import settings_of
from tests.integration.audit.test_learning import Story
from tests.integration.engine.world import incident

KNOWN = "web-prod-01.company.com"


class Operator:
    """Somebody at a terminal, with the settings of one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.more: dict[str, str] = {}  # further settings
        self.settings = settings_of(url).model_copy(
            update={
                "audit_key_file": folder / "keys.json",
                "audit_checkpoint_file": folder / "checkpoints.jsonl",
                "archive_dir": folder / "archive",
            }
        )

    def run(self, *command: str, expect: int = 0) -> str:
        """What a command says, on both of its outputs."""
        environment = os.environ | {
            "DATABASE_URL": self.url,
            "AUDIT_KEY_FILE": str(self.settings.audit_key_file),
            "AUDIT_CHECKPOINT_FILE": str(self.settings.audit_checkpoint_file),
            "ARCHIVE_DIR": str(self.settings.archive_dir),
            **self.more,
        }
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *command],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def operator(database_url: str, tmp_path: Path) -> Operator:
    return Operator(database_url, tmp_path)


async def _accept(operator: Operator, number: str) -> int:
    database = Database(operator.settings)
    try:
        accepted = await Journal(database).accept(
            incident(number), {}, simulated=True, max_active=9
        )
        return accepted.execution_id
    finally:
        await database.close()


def test_a_backup_put_back_is_what_it_was_and_verifies(operator: Operator) -> None:
    operator.run("db", "migrate")
    kept = asyncio.run(_accept(operator, "INC0000001"))
    asyncio.run(_work(operator))
    backup = operator.folder / "backup"
    operator.run("db", "backup", str(backup))
    asyncio.run(_accept(operator, "INC0000002"))
    operator.run("db", "restore", str(backup), "--yes")
    assert asyncio.run(_numbers(operator)) == {kept: "INC0000001"}
    operator.run("db", "check")
    operator.run("audit", "verify")
    fence, live = asyncio.run(_left(operator))
    assert live == frozenset()
    assert fence is not None
    assert fence > 1_000_000, "the hosts may have seen fences that the backup does not know"


async def _work(operator: Operator) -> None:
    """A worker that holds a host, as there is one while a backup is taken."""
    database = Database(operator.settings)
    try:
        await Workers(database).beat("w-1", hostname="here", pid=7)
        await Leases(database).acquire(KNOWN, "exe-1-1")
        await Leases(database).release(KNOWN, "exe-1-1")
        await Workers(database).leave("w-1")
    finally:
        await database.close()


async def _numbers(operator: Operator) -> dict[int, str]:
    database = Database(operator.settings)
    try:
        page = await Reading(database).executions(status=ExecutionStatus.QUEUED)
        return {line.execution_id: line.incident_number for line in page.executions}
    finally:
        await database.close()


async def _left(operator: Operator) -> tuple[int | None, frozenset[str]]:
    database = Database(operator.settings)
    try:
        fence = await Leases(database).acquire(KNOWN, "exe-9-1")
        return fence, await Workers(database).live()
    finally:
        await database.close()


def test_a_backup_that_was_altered_is_not_put_back(operator: Operator) -> None:
    backup = operator.folder / "backup"
    operator.run("db", "backup", str(backup))
    (copied,) = [path for path in backup.iterdir() if path.name.startswith(("service", "database"))]
    copied.write_bytes(copied.read_bytes()[:-1])
    said = operator.run("db", "restore", str(backup), "--yes", expect=2)
    assert "not as it was written" in said
    operator.run("db", "check")


def test_a_restore_that_cannot_be_made_leaves_what_was_there(operator: Operator) -> None:
    """The backup is as its manifest says, and no database all the same: a disk that was failing."""
    operator.run("db", "migrate")
    kept = asyncio.run(_accept(operator, "INC0000001"))
    backup = operator.folder / "backup"
    operator.run("db", "backup", str(backup))
    (copied,) = [path for path in backup.iterdir() if path.name.startswith(("service", "database"))]
    copied.write_bytes(b"no database at all" * 100)
    _agree(backup)
    before = _files(operator)
    operator.run("db", "restore", str(backup), "--yes", expect=2)
    assert _files(operator) == before
    assert asyncio.run(_numbers(operator)) == {kept: "INC0000001"}
    operator.run("db", "check")
    operator.run("audit", "verify")


def test_a_restore_without_a_place_for_one_file_touches_none(operator: Operator) -> None:
    operator.run("db", "migrate")
    asyncio.run(_accept(operator, "INC0000001"))
    backup = operator.folder / "backup"
    operator.run("db", "backup", str(backup))
    kept = asyncio.run(_accept(operator, "INC0000002"))
    (operator.folder / "file").touch()
    before = _files(operator)
    elsewhere = operator.settings.model_copy(
        update={"audit_key_file": operator.folder / "file" / "keys.json"}
    )
    with pytest.raises(DatabaseNotReady, match="cannot be copied"):
        copies.restore(elsewhere, backup)
    assert _files(operator) == before
    assert kept in asyncio.run(_numbers(operator))
    operator.run("audit", "verify")


def test_files_that_cannot_be_put_into_place_are_put_back(tmp_path: Path) -> None:
    """The last rename fails: what was renamed before it is where it was."""
    operator = Operator(f"sqlite+aiosqlite:///{tmp_path}/sre-agent.sqlite", tmp_path)
    operator.run("db", "migrate")
    asyncio.run(_accept(operator, "INC0000001"))
    backup = operator.folder / "backup"
    operator.run("db", "backup", str(backup))
    keys = operator.settings.audit_keys_at
    before = _files(operator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", _refusing(keys, Path.rename))
        with pytest.raises(DatabaseNotReady, match="put into place"):
            copies.restore(operator.settings, backup)
    assert _files(operator) == before
    operator.run("audit", "verify")


def _refusing(place: Path, rename: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    def refuse(origin: Path, target: Path) -> Path:
        if target == place and "restoring" in origin.name:
            raise OSError(errno.EIO, "Input/output error")
        return rename(origin, target)

    return refuse


def _agree(backup: Path) -> None:
    """Have the manifest say of each file what it is now."""
    path = backup / copies.MANIFEST
    told = json.loads(path.read_text())
    told["sha256"] = {
        name: hashlib.sha256((backup / name).read_bytes()).hexdigest() for name in told["sha256"]
    }
    path.write_text(json.dumps(told))


def _files(operator: Operator) -> dict[str, bytes]:
    """What lies in the operator's folder, but the lock and the backup; databases by their name."""
    return {
        path.name: b"" if "sqlite" in path.name else path.read_bytes()
        for path in sorted(operator.folder.iterdir())
        if path.is_file()
        and path.suffix not in (".lock",)
        and not path.name.endswith(("-wal", "-shm"))
    }


def test_what_is_archived_verifies_by_the_commands(operator: Operator) -> None:
    """An execution that has just ended is too young for the command; the archive is made for it."""
    operator.run("db", "migrate")
    assert "How old?" in operator.run("db", "archive", expect=2)
    asyncio.run(_archive_one(operator))
    assert "0 executions ended" in operator.run("db", "archive", "--older-than", "1", "--dry-run")
    assert "0 executions were" in operator.run("db", "archive", "--older-than", "1")
    (file,) = operator.settings.archives_at.glob("*.jsonl.gz")
    assert "1 executions were archived" in operator.run("audit", "verify")
    operator.run("audit", "verify", "--archive", str(file))
    assert "bytes now" in operator.run("db", "vacuum")
    operator.run("db", "check")
    file.write_bytes(file.read_bytes()[:-9])
    assert "cannot be read as an archive" in operator.run(
        "audit", "verify", "--archive", str(file), expect=2
    )
    assert "archive-changed" in operator.run("audit", "verify", expect=2)


async def _archive_one(operator: Operator) -> None:
    database, tables = Database(operator.settings), WorkflowTables(operator.settings)
    await tables.open()
    try:
        await Story(database).told("INC0000001")
        done = await Housekeeping(database, tables).archive(timedelta(0))
        assert done.executions == 1
    finally:
        await tables.close()
        await database.close()


def test_a_disk_that_is_nearly_full_is_told(operator: Operator) -> None:
    operator.run("db", "migrate")
    operator.more["MIN_FREE_MB"] = str(10**12)
    assert "and MIN_FREE_MB is 1000000000000" in operator.run("db", "check", expect=1)


def test_a_file_that_is_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / "sre-agent.sqlite").write_bytes(b"no database at all" * 100)
    operator = Operator(f"sqlite+aiosqlite:///{tmp_path}/sre-agent.sqlite", tmp_path)
    assert "not a database" in operator.run("db", "check", expect=1)


@pytest.mark.parametrize("command", [("worker",), ("serve", "--no-worker")])
def test_sqlite_is_for_one_process(tmp_path: Path, command: tuple[str, ...]) -> None:
    operator = Operator(f"sqlite+aiosqlite:///{tmp_path}/sre-agent.sqlite", tmp_path)
    said = operator.run(*command, expect=2)
    assert "is for several processes, and SQLite" in said
    assert "DATABASE_URL=postgresql://" in said
