"""`sre-agent audit` as an auditor types it: its sentences and its exit codes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.audit.journal import Journal
from app.cli import main
from app.domain.execution import ExecutionStatus
from app.models.database import Database
from app.models.migrate import upgrade
from tests.conftest import settings_of
from tests.integration.audit.test_chain import live_through
from tests.integration.audit.values import incident


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database that an execution went through; the settings point to it."""
    path = tmp_path / "agent.sqlite"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    upgrade(settings_of(f"sqlite:///{path}"))
    asyncio.run(_live(path))
    return path


async def _live(path: Path) -> None:
    database = Database(settings_of(f"sqlite:///{path}"))
    journal = Journal(database)
    accepted = await journal.accept(incident(), {}, simulated=False, max_active=9)
    await journal.set_status(accepted.execution_id, ExecutionStatus.RUNNING)
    await live_through(database, accepted.execution_id)
    await database.close()


def tamper(path: Path, table: str, statement: str) -> None:
    """Do something to a table and put its guards back word for word."""
    with closing(sqlite3.connect(path)) as connection, connection:
        guards = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
        ).fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in guards:
            connection.execute(sql)


def test_what_is_whole_is_said_to_be_with_what_was_looked_at(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify"]) == 0
    said = capsys.readouterr().out
    assert "Nothing was altered, removed or added." in said
    assert "1 anchors" in said
    assert main(["audit", "verify", "--execution", "1"]) == 0


def test_a_row_that_was_altered_is_2_and_named(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(path, "sre_verification", "UPDATE sre_verification SET healed = 0")
    assert main(["audit", "verify"]) == 2
    assert "Row 1 of sre_verification was changed: healed is not what entry" in (
        capsys.readouterr().out
    )


def test_missing_entries_are_3(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(path, "audit_entry", "DELETE FROM audit_entry WHERE seq = 5")
    assert main(["audit", "verify"]) == 3
    assert "Entry 5 is missing." in capsys.readouterr().out


def test_an_end_that_was_cut_off_is_4(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(
        path,
        "audit_entry",
        "DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)",
    )
    assert main(["audit", "verify"]) == 4
    assert "The chain was truncated: it ends at entry" in capsys.readouterr().out


def test_guards_are_put_back_and_that_is_written_down(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER guard_delete_sre_evidence")
    assert main(["audit", "verify"]) == 2
    assert main(["audit", "guard", "--by", "ann"]) == 0
    assert "Put back: guard_delete_sre_evidence." in capsys.readouterr().out
    assert main(["audit", "verify"]) == 0
    with closing(sqlite3.connect(path)) as connection:
        last = "SELECT about, actor FROM audit_entry ORDER BY seq DESC LIMIT 1"
        assert connection.execute(last).fetchone() == ("guards-put-back", "ann")


def test_an_export_verifies_where_there_is_no_database(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "export", "1", "--out", "one.jsonl"]) == 0
    public_key = capsys.readouterr().out.split("public key ")[1].split()[0]
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere/none.sqlite")
    assert main(["audit", "verify", "--bundle", "one.jsonl", "--public-key", public_key]) == 0
    assert main(["audit", "verify", "--bundle", "one.jsonl", "--public-key", "00" * 32]) == 2
    cut = Path("one.jsonl").read_text().splitlines(keepends=True)[:-1]
    Path("one.jsonl").write_text("".join(cut))
    assert main(["audit", "verify", "--bundle", "one.jsonl"]) == 4


def test_the_key_is_changed_and_old_entries_still_verify(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "rotate-key", "--by", "ann"]) == 0
    asyncio.run(_tell(path))
    assert main(["audit", "verify"]) == 0
    assert main(["audit", "keys"]) == 0
    assert capsys.readouterr().out.count("public key") == 3  # of the new one, and both listed


async def _tell(path: Path) -> None:
    database = Database(settings_of(f"sqlite:///{path}"))
    await Journal(database).accept(incident("INC0010002"), {}, simulated=False, max_active=9)
    await database.close()
