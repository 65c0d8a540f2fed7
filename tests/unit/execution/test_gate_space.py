"""Room given back on the host: exactly what was meant, and never what has another owner."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import space
from app.execution.gate.disk_usage import disk_usage
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.facts import DeletedFile, DiskUsageFacts

WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
os.write(file, b"x" * 500_000)
os.unlink(sys.argv[1])
print("deleted", flush=True)
sys.stdin.readline()
os.write(file, b"more")
print(os.fstat(file).st_size, flush=True)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that goes on writing to a log that was deleted."""
    argv = [sys.executable, "-c", WRITER, str(tmp_path / "audit.log")]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "deleted\n"
        yield process
        process.kill()


def told(capsys: pytest.CaptureFixture[str], folder: Path) -> DiskUsageFacts:
    assert disk_usage({"path": str(folder)}, Places()) == 0
    found: Any = json.loads(capsys.readouterr().out)
    return DiskUsageFacts.model_validate(found)


def named_by(held: DeletedFile) -> dict[str, str | int]:
    """The parameters with which a plan names it."""
    assert held.start_time is not None
    named = held.model_dump(include={"path", "pid", "inode", "start_time"})
    return dict(named)


def test_a_deleted_log_is_seen_and_emptied_and_its_writer_goes_on(
    writer: subprocess.Popen[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "audit.log")
    (held,) = [f for f in told(capsys, tmp_path).deleted_open if f.path == path]
    assert (held.pid, held.bytes >= 500_000) == (writer.pid, True)
    named = named_by(held)
    assert space.log_truncate_deleted(named, Places()) == 0
    assert json.loads(capsys.readouterr().out)["freed_bytes"] >= 500_000
    after, _ = writer.communicate("go on\n", timeout=30)
    assert after == "4\n"


@pytest.mark.parametrize("wrong", ["inode", "start_time", "path"])
def test_another_file_or_process_than_was_meant_is_left_alone(
    writer: subprocess.Popen[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: str,
) -> None:
    path = str(tmp_path / "audit.log")
    (held,) = [f for f in told(capsys, tmp_path).deleted_open if f.path == path]
    named = named_by(held)
    named[wrong] = f"{path}x" if wrong == "path" else int(str(named[wrong])) + 1
    with pytest.raises(Failed):
        space.log_truncate_deleted(named, Places())
    after, _ = writer.communicate("go on\n", timeout=30)
    assert after == "500004\n"


def test_folders_are_added_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "many").mkdir()
    for number in range(30):
        (tmp_path / "many" / str(number)).write_bytes(b"x" * 5000)
    sums = {f.path: f for f in told(capsys, tmp_path).folders}
    assert sums[str(tmp_path / "many")].files == 30
    assert sums[str(tmp_path / "many")].bytes >= 150_000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "archives"
    (folder / "partial").mkdir(parents=True)
    for name in ("lock", "a_1.deb", "notes.txt", "partial/b_2.deb"):
        (folder / name).write_bytes(b"x" * 4096)
    (tmp_path / "kept.deb").write_bytes(b"mine")
    (folder / "link.deb").symlink_to(tmp_path / "kept.deb")
    monkeypatch.setattr(space, "_PACKAGE_CACHES", (str(folder), str(tmp_path / "absent")))
    return folder


def test_only_package_files_go(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert space.packages_clean_cache({}, Places()) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 2
    left = sorted(str(p.relative_to(cache)) for p in cache.rglob("*"))
    assert left == ["link.deb", "lock", "notes.txt", "partial"]
    assert (cache.parent / "kept.deb").read_bytes() == b"mine"


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


def test_nothing_goes_while_the_package_manager_is_at_work(cache: Path) -> None:
    argv = [sys.executable, "-c", HOLDER, str(cache / "lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as manager:
        assert manager.stdout is not None
        assert manager.stdout.readline() == b"held\n"
        with pytest.raises(Failed, match="package manager is at work"):
            space.packages_clean_cache({}, Places())
        manager.communicate(b"\n", timeout=30)
    assert (cache / "a_1.deb").exists()
