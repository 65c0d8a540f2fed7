"""Mounts on this machine: told as they are, made writable and resized, and nothing else of them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.execution.gate import mounts
from tests.integration.execution.gate_bench import Bench

ACTIONS = ("mount.state", "mount.set_write", "mount.resize")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A gate of this test's own."""
    return Bench(tmp_path)


@pytest.fixture
def volume(bench: Bench, tmp_path: Path) -> Iterator[Path]:
    """A file system in memory, that actions may touch."""
    folder = tmp_path / "volume"
    folder.mkdir()
    assert _run("mount", "-t", "tmpfs", "-o", "size=1m,nosuid", "x", str(folder)) == 0
    for action in ACTIONS:
        bench.allow_paths(action, tmp_path)
    yield folder
    assert _run("umount", str(folder)) == 0


def _run(*words: str) -> int:
    return subprocess.run(words, check=False, capture_output=True).returncode


def options_of(path: Path) -> set[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    (line,) = (line for line in lines if line.split(" ")[4] == str(path))
    before, _, after = line.partition(" - ")
    return {*before.split(" ")[5].split(","), *after.split(" ")[2].split(",")}


def test_a_mount_is_told_with_all_others_and_alone(bench: Bench, volume: Path) -> None:
    listed = {one["path"]: one for one in bench.facts("filesystems.list")["mounts"]}
    told = listed[str(volume)]
    assert (told["fstype"], told["read_only"], told["size_kb"]) == ("tmpfs", False, 1024)
    alone = bench.facts("mount.state", path=str(volume))
    known = {"mounted": "yes", "declared": "no", "write": "rw", "in_memory": "yes", "size_kb": 1024}
    assert known.items() <= alone.items()


def test_where_nothing_is_mounted_what_lies_there_is_counted(bench: Bench, volume: Path) -> None:
    folder = volume.parent / "empty"
    folder.mkdir()
    (folder / "left behind").touch()
    told = bench.facts("mount.state", path=str(folder))
    assert (told["mounted"], told["entries"]) == ("no", 1)


def test_it_becomes_writable_and_keeps_its_other_options(bench: Bench, volume: Path) -> None:
    _run("mount", "-o", "remount,ro,nosuid,size=1m", str(volume))
    told = bench.change("i-1", "mount.set_write", {"path": str(volume), "write": "rw"})
    assert told["exit_code"] == 0, told
    assert {"rw", "nosuid", "size=1024k"} <= options_of(volume)
    back = bench.change("i-2", "mount.set_write", {"path": str(volume), "write": "ro"})
    assert back["exit_code"] == 0, back
    assert bench.facts("mount.state", path=str(volume))["write"] == "ro"


def test_one_place_that_was_closed_is_opened_and_no_other(bench: Bench, volume: Path) -> None:
    other = volume.parent / "other"
    other.mkdir()
    _run("mount", "--bind", str(volume), str(other))
    try:
        _run("mount", "-o", "remount,bind,ro", str(volume))
        _run("mount", "-o", "remount,bind,ro", str(other))
        told = bench.facts("mount.state", path=str(volume))
        assert (told["write"], told["only_here"]) == ("ro-here", True)
        done = bench.change("i-1", "mount.set_write", {"path": str(volume), "write": "rw"})
        assert done["exit_code"] == 0, done
        assert bench.facts("mount.state", path=str(volume))["write"] == "rw"
        assert bench.facts("mount.state", path=str(other))["write"] == "ro-here"
        undone = bench.change("i-2", "mount.set_write", {"path": str(volume), "write": "ro-here"})
        assert undone["exit_code"] == 0, undone
        assert bench.facts("mount.state", path=str(volume))["write"] == "ro-here"
        bench.change("i-3", "mount.set_write", {"path": str(other), "write": "rw"})
        assert bench.facts("mount.state", path=str(other))["write"] == "rw", "not all was closed"
    finally:
        _run("umount", str(other))


def test_what_no_file_declares_is_not_unmounted(bench: Bench, volume: Path) -> None:
    bench.allow_paths("mount.detach", volume.parent)
    told = bench.change("i-1", "mount.detach", {"path": str(volume)})
    assert (told["exit_code"], "is not what /etc/fstab" in told["output"]) == (1, True)


def test_it_may_hold_more_again(bench: Bench, volume: Path) -> None:
    told = bench.change("i-1", "mount.resize", {"path": str(volume), "size_kb": 4096})
    assert told["exit_code"] == 0, told
    assert bench.facts("mount.state", path=str(volume))["size_kb"] == 4096
    assert "nosuid" in options_of(volume)


def test_what_no_file_declares_is_not_mounted(bench: Bench, volume: Path) -> None:
    bench.allow_paths("mount.attach", volume.parent)
    told = bench.change("i-1", "mount.attach", {"path": str(volume / "folder")})
    assert (told["exit_code"], "declares nothing" in told["output"]) == (1, True)


def test_what_is_not_mounted_is_not_made_writable(bench: Bench, volume: Path) -> None:
    params = {"path": str(volume / "folder"), "write": "rw"}
    told = bench.change("i-1", "mount.set_write", params)
    assert told["exit_code"] == 1
    assert "nothing is mounted" in told["output"]


def test_a_file_system_that_answers_is_told_from_one_that_hangs(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a dead server's mounts together cost the patience of one."""
    assert mounts.answering([str(volume)]) == {str(volume): True}

    def hang(path: str) -> None:
        if path.startswith("/dead"):
            signal.pause()

    monkeypatch.setattr(mounts, "_PATIENCE", 0.3)
    monkeypatch.setattr(os, "statvfs", hang)
    told = mounts.answering(["/dead/a", str(volume), "/dead/b"])
    assert told == {"/dead/a": False, str(volume): True, "/dead/b": False}
