"""Files of two folders that are the same: told by what the file system knows, not by content."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.execution.gate.shared_files import files_shared


def told(path: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert files_shared({"path": str(path), "other": str(other)}, Places()) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_second_names_are_told_and_equal_copies_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live, kept = tmp_path / "live", tmp_path / "kept"
    (live / "deep").mkdir(parents=True)
    kept.mkdir()
    for name in ("a", "deep/b", "c"):
        (live / name).write_text("the same", encoding="utf-8")
    os.link(live / "deep/b", kept / "b")
    (kept / "c").write_text("the same", encoding="utf-8")
    (kept / "d").symlink_to(live / "a")
    found = told(kept, live, capsys)
    assert (found["shared"], found["examples"]) == (1, [str(kept / "b")])
    assert told(kept / "b", live / "deep/b", capsys)["shared"] == 1
    assert told(kept / "c", live, capsys)["shared"] == 0


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="is not there"):
        files_shared({"path": str(tmp_path / "gone"), "other": str(tmp_path)}, Places())
