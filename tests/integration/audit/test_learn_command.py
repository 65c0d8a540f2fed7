"""`sre-agent learn`: seen, exported, forgotten, by the command itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.cli import main
from app.models.database import Database
from tests.conftest import settings_of
from tests.integration.audit.test_learning import Story


def test_what_was_learned_is_seen_exported_and_forgotten(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)  # nobody's own .env
    monkeypatch.setenv("DATABASE_URL", database_url)
    ident = asyncio.run(_taught(database_url))
    assert main(["learn", "show"]) == 0
    said = capsys.readouterr().out
    assert "1 lessons of real, verified repairs" in said
    assert "unit-stopped" in said
    assert "service.start" in said
    assert main(["learn", "export"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["execution_id"] == ident
    assert main(["learn", "reset", "--by", "ann", "--reason", "the hosts moved"]) == 0
    assert main(["learn", "show"]) == 0
    said = capsys.readouterr().out
    assert "0 lessons" in said
    assert "by ann: the hosts moved" in said
    assert main(["learn", "export"]) == 0
    assert capsys.readouterr().out == ""


async def _taught(database_url: str) -> int:
    database = Database(settings_of(database_url))
    try:
        return await Story(database).told("INC1")
    finally:
        await database.close()
