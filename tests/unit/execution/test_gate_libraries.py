"""The gate and a library that hides a packaged one: out of the way, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.execution.gate import libraries
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(str(tmp_path / "state"), str(tmp_path / "gate.json"))


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_it_goes_out_of_the_way_and_comes_back_as_it_was(
    tmp_path: Path, places: Places, kind: str
) -> None:
    library = tmp_path / "ledger"
    inside = library / "core.py" if kind == "folder" else library
    inside.parent.mkdir(exist_ok=True)
    inside.write_text("BOOK = 1")
    libraries.library_set_aside({"path": str(library)}, places)
    assert not library.exists()
    assert [path.name for path in tmp_path.iterdir()] == [".ledger.sre-agent-aside"]
    libraries.library_set_back({"path": str(library)}, places)
    assert inside.read_text() == "BOOK = 1"


def test_nothing_is_written_over(tmp_path: Path, places: Places) -> None:
    for name in ("ledger", ".ledger.sre-agent-aside"):
        (tmp_path / name).write_text(name)
    for change in (libraries.library_set_aside, libraries.library_set_back):
        with pytest.raises(Failed, match="stands there already"):
            change({"path": str(tmp_path / "ledger")}, places)
    assert (tmp_path / "ledger").read_text() == "ledger"


def test_a_link_is_left_where_it_is(tmp_path: Path, places: Places) -> None:
    (tmp_path / "ledger").symlink_to("/etc")
    with pytest.raises(Failed, match="neither a folder nor a file"):
        libraries.library_set_aside({"path": str(tmp_path / "ledger")}, places)


def test_one_that_is_not_there_is_told(tmp_path: Path, places: Places) -> None:
    with pytest.raises(Failed, match="is not where"):
        libraries.library_set_back({"path": str(tmp_path / "ledger")}, places)
