"""The gate and names: a file or folder gets another one where it lies, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.execution.gate.renaming import file_rename


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(str(tmp_path / "state"), str(tmp_path / "gate.json"))


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_it_gets_its_name_and_loses_it_again(tmp_path: Path, places: Places, kind: str) -> None:
    old, new = tmp_path / "plan.old", tmp_path / "plan"
    inside = "page.txt" if kind == "folder" else ""
    if kind == "folder":
        old.mkdir()
    (old / inside).write_text("as it was")
    file_rename({"path": str(old), "to": str(new)}, places)
    assert not old.exists()
    assert (new / inside).read_text() == "as it was"
    file_rename({"path": str(new), "to": str(old)}, places)
    assert (old / inside).read_text() == "as it was"
    assert not new.exists()


def test_nothing_is_written_over(tmp_path: Path, places: Places) -> None:
    (tmp_path / "plan.old").mkdir()
    (tmp_path / "plan").mkdir()  # empty, which a rename alone would replace
    with pytest.raises(Failed, match="stands there already"):
        file_rename({"path": str(tmp_path / "plan.old"), "to": str(tmp_path / "plan")}, places)
    assert (tmp_path / "plan.old").exists()


def test_it_stays_in_its_folder(tmp_path: Path, places: Places) -> None:
    (tmp_path / "plan.old").mkdir()
    (tmp_path / "other").mkdir()
    to = str(tmp_path / "other" / "plan")
    with pytest.raises(Failed, match="another folder"):
        file_rename({"path": str(tmp_path / "plan.old"), "to": to}, places)


def test_neither_a_link_nor_what_lies_behind_one(tmp_path: Path, places: Places) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Failed, match="neither a folder nor a file"):
        file_rename({"path": str(tmp_path / "link"), "to": str(tmp_path / "plan")}, places)
    behind = tmp_path / "link"
    with pytest.raises(Failed):
        file_rename({"path": str(behind / "a"), "to": str(behind / "b")}, places)


def test_one_that_is_not_there_is_told(tmp_path: Path, places: Places) -> None:
    with pytest.raises(Failed, match="is not where"):
        file_rename({"path": str(tmp_path / "plan.old"), "to": str(tmp_path / "plan")}, places)
