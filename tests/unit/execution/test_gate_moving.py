"""Files that fill a volume: moved whole to another one and back, and only if nothing uses them."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.execution.gate import moving
from app.execution.gate.acls import acl_of
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    """The folder for what is moved lies on another volume than the test's own."""
    memory = Path("/dev/shm")
    assert memory.stat().st_dev != tmp_path.stat().st_dev
    aside = tempfile.mkdtemp(dir=memory, prefix="sre-agent-test-")
    yield Places(state=str(tmp_path / "state"), aside=aside)
    shutil.rmtree(aside)


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """Somebody's file."""
    path = tmp_path / "old.dump"
    path.write_bytes(os.urandom(70_000))
    path.chmod(0o640)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_a_file_goes_whole_and_comes_back_as_it_was(left: Path, places: Places) -> None:
    content = left.read_bytes()
    assert moving.file_move_aside({"path": str(left)}, places) == 0
    assert not left.exists()
    (moved,) = (f for f in Path(places.aside).iterdir() if f.suffix != ".from")
    assert moved.read_bytes() == content
    assert "old.dump" in moved.name
    assert moving.file_move_back({"path": str(left)}, places) == 0
    assert left.read_bytes() == content
    state = left.stat()
    assert (state.st_mode & 0o777, state.st_mtime) == (0o640, 1_700_000_000)
    assert list(Path(places.aside).iterdir()) == []


def test_its_access_list_goes_and_comes_with_it(left: Path, places: Places) -> None:
    entries = ((1, 6, -1), (2, 4, 1001), (4, 4, -1), (16, 4, -1), (32, 0, -1))  # tag, rights, id
    packed = b"".join(struct.pack("<HHi", *entry) for entry in entries)
    os.setxattr(left, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    before = acl_of(str(left))
    assert before not in (None, "none")
    assert moving.file_move_aside({"path": str(left)}, places) == 0
    (moved,) = (f for f in Path(places.aside).iterdir() if f.suffix != ".from")
    assert acl_of(str(moved)) == before
    assert moving.file_move_back({"path": str(left)}, places) == 0
    assert acl_of(str(left)) == before


def test_what_a_program_has_open_stays(left: Path, places: Places) -> None:
    with subprocess.Popen(["/usr/bin/tail", "-f", str(left)], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.read(1)  # it has opened the file
        with pytest.raises(Failed, match=f"is open in process {reader.pid}"):
            moving.file_move_aside({"path": str(left)}, places)
        reader.terminate()
    assert left.exists()
    assert list(Path(places.aside).iterdir()) == []


def test_files_around_a_database_stay(left: Path, places: Places) -> None:
    """Also while its server is down and has nothing open."""
    (left.parent / "ibdata1").touch()
    with pytest.raises(Failed, match="among the files of a database"):
        moving.file_move_aside({"path": str(left)}, places)
    assert left.exists()


def test_what_is_written_while_it_is_copied_stays(
    left: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = moving._copy

    def and_written(file: int, target: str, state: os.stat_result) -> None:
        copied(file, target, state)
        left.write_bytes(b"x" * state.st_size)

    monkeypatch.setattr(moving, "_copy", and_written)
    with pytest.raises(Failed, match="used while it was copied"):
        moving.file_move_aside({"path": str(left)}, places)
    assert left.read_bytes().startswith(b"x")
    assert list(Path(places.aside).iterdir()) == []


def test_it_is_not_moved_within_its_own_volume(left: Path, tmp_path: Path, places: Places) -> None:
    near = places._replace(aside=str(tmp_path / "aside"))
    with pytest.raises(Failed, match="same volume"):
        moving.file_move_aside({"path": str(left)}, near)
    assert left.exists()


def test_what_was_not_moved_from_there_is_not_moved_back(left: Path, places: Places) -> None:
    with pytest.raises(Failed, match="not moved aside"):
        moving.file_move_back({"path": str(left)}, places)
