"""Locks that runs of a job left behind: told from those of runs at work, and taken away whole."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from app.execution.gate import cron, locks, moving
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.locks import JobLock, JobLocksFacts

SCRIPT = """#!/bin/sh
# tells others by {lock}.old that it is at it
DIR="{folder}"
lock=$DIR/run.lock
[ -e "$lock" ] && exit 0
echo $$ > "$lock"
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a job that cron runs every minute."""
    tables = tmp_path / "cron.d"
    tables.mkdir()
    script = tmp_path / "job.sh"
    script.write_text(SCRIPT.format(folder=tmp_path, lock="run"), encoding="utf-8")
    (tables / "job").write_text(f"* * * * * root {script} >/dev/null\n", encoding="utf-8")
    monkeypatch.setattr(cron, "SYSTEM_TABLE", str(tmp_path / "none"))
    monkeypatch.setattr(cron, "SYSTEM_FOLDER", str(tables))
    monkeypatch.setattr(cron, "USERS_FOLDERS", ())
    return tmp_path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(state=str(tmp_path / "state"), aside=str(tmp_path / "aside"))


def told(capsys: pytest.CaptureFixture[str]) -> JobLock:
    assert locks.job_locks({}, Places()) == 0
    (found,) = JobLocksFacts.model_validate(json.loads(capsys.readouterr().out)).locks
    return found


def ended_process() -> int:
    with subprocess.Popen(["/bin/true"]) as run:
        run.wait()
    return run.pid


def test_a_lock_of_a_run_that_was_killed(
    job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys).kind == "missing"
    lock = job / "run.lock"
    lock.write_text(f"{ended_process()}\n", encoding="utf-8")
    found = told(capsys)
    assert (found.path, found.script) == (str(lock), str(job / "job.sh"))
    assert (found.ended, found.left_behind, found.before_boot) == (True, True, False)
    assert locks.lock_remove({"path": str(lock)}, places) == 0
    assert not lock.exists()
    assert moving.file_move_back({"path": str(lock)}, places) == 0
    assert lock.read_text(encoding="utf-8") == f"{found.pid}\n"


def test_the_lock_of_a_run_at_work_stays(
    job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as run:
        lock = job / "run.lock"
        lock.write_text(f"{run.pid}\n", encoding="utf-8")
        assert told(capsys).left_behind is False
        with pytest.raises(Failed, match=f"process {run.pid} runs"):
            locks.lock_remove({"path": str(lock)}, places)
        run.terminate()
    assert lock.exists()


def test_a_later_process_of_the_same_number_is_not_the_one_that_took_it(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = job / "run.lock"
    lock.write_text(f"{os.getpid()}\n", encoding="utf-8")
    assert told(capsys).ended is False
    hour_ago = time.time() - 3600
    os.utime(lock, (hour_ago, hour_ago))
    assert told(capsys).ended is True


def test_a_lock_that_names_nobody_stays(
    job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody may hold the job back with it."""
    lock = job / "run.lock"
    lock.touch()
    found = told(capsys)
    assert (found.left_behind, found.ended) == (True, False)
    with pytest.raises(Failed, match="does not say whose"):
        locks.lock_remove({"path": str(lock)}, places)


def test_a_lock_that_is_open_stays(
    job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = job / "run.lock"
    lock.write_text(f"{ended_process()}\n", encoding="utf-8")
    with subprocess.Popen(["/usr/bin/tail", "-f", str(lock)], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.read(1)  # it has opened the file
        assert told(capsys).open is True
        with pytest.raises(Failed, match="open"):
            locks.lock_remove({"path": str(lock)}, places)
        reader.terminate()


def test_a_file_that_the_kernel_locks_means_nothing_by_being_there(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = job / "job.sh"
    script.write_text(f"exec 9>{job}/run.lock\nflock -n 9 || exit 0\n", encoding="utf-8")
    assert locks.job_locks({}, Places()) == 0
    assert json.loads(capsys.readouterr().out) == {"locks": []}


def test_what_no_job_names_is_not_touched(job: Path, places: Places) -> None:
    other = job / "other.lock"
    other.write_text(f"{ended_process()}\n", encoding="utf-8")
    with pytest.raises(Failed, match="names"):
        locks.lock_remove({"path": str(other)}, places)
    assert other.exists()


def test_a_line_that_is_commented_out_still_tells_its_script(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = job / "cron.d" / "job"
    table.write_text("#" + table.read_text(encoding="utf-8"), encoding="utf-8")
    assert told(capsys).script == str(job / "job.sh")
