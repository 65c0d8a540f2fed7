"""Scripts of jobs: runs that pile up, and locks told from those of runs at work."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.execution.gate import cron, job_locks, job_runs, scheduled
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.job_scripts import JobLock, JobScriptsFacts

ME = pwd.getpwuid(os.getuid()).pw_name

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
    script.chmod(0o755)
    line = f"* * * * * {ME} [ -x {script} ] && nice {script} >/dev/null\n"
    (tables / "job").write_text(line, encoding="utf-8")
    monkeypatch.setattr(cron, "SYSTEM_TABLE", str(tmp_path / "none"))
    monkeypatch.setattr(cron, "SYSTEM_FOLDER", str(tables))
    monkeypatch.setattr(cron, "USERS_FOLDERS", ())
    return tmp_path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(state=str(tmp_path / "state"), aside=str(tmp_path / "aside"))


def told(capsys: pytest.CaptureFixture[str]) -> JobLock:
    assert job_runs.job_scripts({}, Places()) == 0
    (found,) = JobScriptsFacts.model_validate(json.loads(capsys.readouterr().out)).locks
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
    taken_at = lock.stat().st_mtime_ns
    assert job_locks.lock_remove({"path": str(lock)}, places) == 0
    assert not lock.exists()
    assert job_locks.lock_put_back({"path": str(lock)}, places) == 0
    assert lock.read_text(encoding="utf-8") == f"{found.pid}\n"
    assert lock.stat().st_mtime_ns == taken_at


ASKS = {
    "if not": "if ! mkdir .busy 2>/dev/null; then echo another is at it; exit 0; fi",
    "or leaves": "mkdir .busy || exit 0",
    "or says so and leaves": 'mkdir ".busy" 2>/dev/null || { logger busy; exit 0; }',
    "until": "until mkdir .busy; do sleep 5; done",
    "by its whole path": "if ! mkdir {folder}/.busy; then exit 0; fi",
}


@pytest.mark.parametrize("line", ASKS.values(), ids=ASKS.keys())
def test_a_folder_that_a_killed_run_made_to_tell_others_is_a_lock(
    line: str, job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        f"#!/bin/sh\nset -eu\ncd {job}\n{line.replace('{folder}', str(job))}\necho $$ > .busy/pid\n"
    )
    (job / "job.sh").write_text(text, encoding="utf-8")
    assert told(capsys).kind == "missing"
    lock, pid = job / ".busy", job / ".busy" / "pid"
    lock.mkdir(mode=0o750)
    pid.write_text(f"{ended_process()}\n", encoding="utf-8")
    pid.chmod(0o640)
    found = told(capsys)
    assert (found.path, found.kind, found.left_behind) == (str(lock), "directory", True)
    before = [(one.stat().st_mtime_ns, one.stat().st_mode) for one in (lock, pid)]
    assert job_locks.lock_remove({"path": str(lock)}, places) == 0
    assert not lock.exists()
    assert job_locks.lock_put_back({"path": str(lock)}, places) == 0
    assert [(one.stat().st_mtime_ns, one.stat().st_mode) for one in (lock, pid)] == before
    assert pid.read_text(encoding="utf-8") == f"{found.pid}\n"


@pytest.mark.parametrize(
    "line",
    ["mkdir -p .busy", "mkdir .busy || true", "mkdir .busy", 'mkdir "$busy" || exit 1',
     "mkdir .busy; echo done || exit 1"],
)  # fmt: skip
def test_a_folder_by_which_nothing_is_decided_is_no_lock(
    line: str, job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (job / "job.sh").write_text(f"#!/bin/sh\ncd {job}\n{line}\n", encoding="utf-8")
    assert job_runs.job_scripts({}, Places()) == 0
    assert not JobScriptsFacts.model_validate(json.loads(capsys.readouterr().out)).locks


def test_a_folder_with_more_in_it_than_a_lock_has_is_left(
    job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"#!/bin/sh\ncd {job}\nmkdir out || exit 1\n"
    (job / "job.sh").write_text(text, encoding="utf-8")
    (job / "out").mkdir()
    (job / "out" / "pid").write_text(f"{ended_process()}\n", encoding="utf-8")
    (job / "out" / "report").write_text("x" * 500, encoding="utf-8")
    assert job_runs.job_scripts({}, Places()) == 0
    assert not JobScriptsFacts.model_validate(json.loads(capsys.readouterr().out)).locks
    with pytest.raises(Failed, match="too large for a lock"):
        job_locks.lock_remove({"path": str(job / "out")}, places)
    assert (job / "out" / "report").exists()


def test_the_lock_of_a_run_at_work_stays(
    job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as run:
        lock = job / "run.lock"
        lock.write_text(f"{run.pid}\n", encoding="utf-8")
        assert told(capsys).left_behind is False
        with pytest.raises(Failed, match=f"process {run.pid} runs"):
            job_locks.lock_remove({"path": str(lock)}, places)
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


LOOKING = """#!/bin/sh
pidfile="{folder}/daemon.pid"
if [ -s "$pidfile" ] && {looks}; then echo "runs already" >&2; exit 1; fi
echo $$ > "$pidfile"
exec /bin/true
"""


@pytest.mark.parametrize(
    "looks",
    ['[ -d "/proc/$(cat "$pidfile")" ]', 'kill -0 "$(cat $pidfile)"', 'ps -p "$(cat $pidfile)"'],
)
def test_a_script_that_looks_is_misled_by_another_process_of_the_number_alone(
    looks: str, job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    text = LOOKING.format(folder=job, looks=looks)
    (job / "job.sh").write_text(text, encoding="utf-8")
    lock = job / "daemon.pid"
    lock.write_text(f"{ended_process()}\n", encoding="utf-8")
    assert job_runs.job_scripts({}, Places()) == 0
    assert json.loads(capsys.readouterr().out)["locks"] == [], "it sees that this one has ended"
    with pytest.raises(Failed, match="sees to it"):
        job_locks.lock_remove({"path": str(lock)}, places)
    lock.write_text(f"{os.getpid()}\n", encoding="utf-8")
    hour_ago = time.time() - 3600
    os.utime(lock, (hour_ago, hour_ago))
    found = told(capsys)
    assert (found.reused, found.left_behind, found.pid) == (True, True, os.getpid())
    assert found.holder
    assert f"{os.getpid()}, is by now that of {found.holder}" in found.whose
    assert job_locks.lock_remove({"path": str(lock)}, places) == 0
    assert not lock.exists()


def test_a_service_that_fails_has_its_script_looked_at(
    job: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (job / "cron.d" / "job").unlink()
    script = job / "job.sh"
    said = {
        "list-timers": "",
        "list-units": "pages.service loaded failed failed Pages\n",
        "show": f"Id=pages.service\nUser={ME}\nType=simple\n"
        f"ExecStart={{ path={script} ; argv[]={script} --all ; ignore_errors=no }}\n",
    }
    monkeypatch.setattr(scheduled, "read_program", lambda argv: (0, said[argv[1]], ""))
    (job / "run.lock").write_text(f"{ended_process()}\n", encoding="utf-8")
    found = told(capsys)
    assert (found.job, found.script, found.left_behind) == ("pages.service", str(script), True)


def test_a_lock_that_names_nobody_stays(
    job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody may hold the job back with it."""
    lock = job / "run.lock"
    lock.touch()
    found = told(capsys)
    assert (found.left_behind, found.ended) == (True, False)
    with pytest.raises(Failed, match="does not say whose"):
        job_locks.lock_remove({"path": str(lock)}, places)


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
            job_locks.lock_remove({"path": str(lock)}, places)
        reader.terminate()


def test_a_file_that_the_kernel_locks_means_nothing_by_being_there(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = job / "job.sh"
    script.write_text(f"#!/bin/sh\nexec 9>{job}/run.lock\nflock -n 9\n", encoding="utf-8")
    assert job_runs.job_scripts({}, Places()) == 0
    assert json.loads(capsys.readouterr().out)["locks"] == []


def test_what_no_job_names_is_not_touched(job: Path, places: Places) -> None:
    other = job / "other.lock"
    other.write_text(f"{ended_process()}\n", encoding="utf-8")
    with pytest.raises(Failed, match="takes"):
        job_locks.lock_remove({"path": str(other)}, places)
    assert other.exists()


def test_a_line_that_is_commented_out_still_tells_its_script(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = job / "cron.d" / "job"
    table.write_text("#" + table.read_text(encoding="utf-8"), encoding="utf-8")
    assert told(capsys).script == str(job / "job.sh")


@contextmanager
def running(script: Path, times: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many runs of a script, each at work, and each with a child of its own."""
    script.write_text("#!/bin/bash\n(sleep 60; true) &\necho on\nsleep 60; true\n", "utf-8")
    runs = []
    for _ in range(times):
        run = subprocess.Popen(  # ends below, whatever happens
            ["/bin/bash", str(script)], stdout=subprocess.PIPE, start_new_session=True
        )
        runs.append(run)
        assert run.stdout is not None
        assert run.stdout.readline() == b"on\n"
    try:
        yield runs
    finally:
        for run in runs:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            assert run.stdout is not None
            run.stdout.close()


def runs_told(capsys: pytest.CaptureFixture[str]) -> int:
    assert job_runs.job_scripts({}, Places()) == 0
    (one,) = JobScriptsFacts.model_validate(json.loads(capsys.readouterr().out)).scripts
    return one.runs


def test_a_pile_is_ended_but_for_its_first_run(
    job: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    script = job / "job.sh"
    with running(script, 4) as runs:
        assert runs_told(capsys) == 4
        assert job_runs.job_end_extra_runs({"script": str(script)}, places) == 0
        assert json.loads(capsys.readouterr().out)["kept"] == runs[0].pid
        assert [run.wait(timeout=30) for run in runs[1:]] == [-signal.SIGTERM] * 3
        assert runs[0].poll() is None
        assert runs_told(capsys) == 1


def test_what_is_no_pile_or_no_job_is_left(job: Path, places: Places) -> None:
    script = job / "job.sh"
    with running(script, 2) as runs:
        assert job_runs.job_end_extra_runs({"script": str(script)}, places) == 0
        with pytest.raises(Failed, match="no job"):
            job_runs.job_end_extra_runs({"script": "/bin/bash"}, places)
        assert [run.poll() for run in runs] == [None, None]
        other = subprocess.Popen(["/usr/bin/tail", "-f", str(script)], stdout=subprocess.PIPE)
        assert job_runs.job_end_extra_runs({"script": str(script)}, places) == 0
        assert other.poll() is None, "who only names it does not run it"
        other.kill()
        other.communicate()


def test_runs_in_other_words_are_no_pile(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = job / "job.sh"
    script.write_text("#!/bin/bash\necho on\nsleep 60; true\n", encoding="utf-8")
    runs = [
        subprocess.Popen(["/bin/bash", str(script), word], stdout=subprocess.PIPE)
        for word in ("north", "south", "east")
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == b"on\n"
    assert runs_told(capsys) == 1
    for run in runs:
        subprocess.run(["/usr/bin/pkill", "-P", str(run.pid)], check=False)
        run.kill()
        run.communicate()


@pytest.mark.parametrize(
    "text",
    [
        "kill -HUP $(cat {folder}/run.pid)",
        "[ -e {folder}/run.pid ] && kill -0 $(cat {folder}/run.pid)\necho $$ > {folder}/run.pid",
        "echo $$ > {folder}/run.pid",
        "[ -e {folder}/run.pid ] 2>/dev/null && exit 0",
    ],
)
def test_a_file_that_keeps_no_run_back_is_no_lock(
    job: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "#!/bin/sh\n" + text.format(folder=job) + "\n"
    (job / "job.sh").write_text(lines, encoding="utf-8")
    assert job_runs.job_scripts({}, Places()) == 0
    assert json.loads(capsys.readouterr().out)["locks"] == []


@pytest.mark.parametrize("said", ["2026-07-01 hold until the move is done\n", "10.0.0.5:4711\n"])
def test_words_in_a_lock_name_no_process(
    job: Path, places: Places, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = job / "run.lock"
    lock.write_text(said, encoding="utf-8")
    assert told(capsys).pid is None
    with pytest.raises(Failed, match="does not say whose"):
        job_locks.lock_remove({"path": str(lock)}, places)


def test_a_script_that_others_may_write_is_not_believed(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (job / "job.sh").chmod(0o757)
    assert job_runs.job_scripts({}, Places()) == 0
    assert json.loads(capsys.readouterr().out) == {"scripts": [], "locks": []}


def test_a_script_that_would_grow_without_end_is_read_as_far_as_it_is_sane(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = [f"v{n + 1}=" + f"$v{n}" * 30 for n in range(9)]
    text = "\n".join(["#!/bin/sh", "v0=/srv/x.lock", *rounds, "/-" * 30_000])
    (job / "job.sh").write_text(text, encoding="utf-8")
    assert job_runs.job_scripts({}, Places()) == 0
    assert len(capsys.readouterr().out) < 65_536
