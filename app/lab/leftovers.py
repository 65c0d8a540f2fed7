"""Cleaning up after runs that ended without doing so themselves, and only after those.

All that belongs to a run carries its id: a folder, namespaces, control groups, and processes
whose ids the run wrote down. Nothing is sought by a broader name.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.lab import cgroups, network
from app.lab.machine import kill_init, stop_process, unmount_beneath
from app.lab.places import PREFIX, RUNS, database_folder
from app.lab.process import attempt


def known_runs() -> list[str]:
    """Every run of which something is left, oldest first."""
    folders = sorted(RUNS.iterdir(), key=lambda path: path.stat().st_mtime) if RUNS.exists() else []
    runs = [path.name for path in folders if path.is_dir()]
    if network.NAMESPACES.exists():
        for path in sorted(network.NAMESPACES.glob(f"{PREFIX}*")):
            runs.append(path.name.removeprefix(PREFIX).split("-")[0])
    return list(dict.fromkeys(runs))


@contextmanager
def held(run_id: str) -> Iterator[None]:
    """Mark a run as being worked on by this process, so that `down` leaves it alone.

    The lock is the process's own (lockf): one of the open file (flock) would be kept past the
    process's death by a child caught between fork and exec.
    """
    folder = RUNS / run_id
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "held").open("w") as mark:
        fcntl.lockf(mark, fcntl.LOCK_EX)
        try:
            yield
        finally:
            _remove_if_bare(folder)


def _remove_if_bare(folder: Path) -> None:
    """A run that never came to anything leaves its mark only."""
    if folder.exists() and [path.name for path in folder.iterdir()] == ["held"]:
        shutil.rmtree(folder)


def is_held(run_id: str) -> bool:
    """Whether another living process works on this run."""
    mark = RUNS / run_id / "held"
    if not mark.exists():
        return False
    with mark.open("w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def clean(run_id: str) -> None:
    """Remove all that a run left: processes, namespaces, groups, mounts, loops, files."""
    folder = RUNS / run_id
    for note in sorted(folder.glob("*/leader.pid")):
        kill_init(_noted(note), run_id)
    for note in [*sorted(folder.glob("*.pid")), *sorted(folder.glob("*/supervisor.pid"))]:
        _stop_noted(note, run_id)
    for name in cgroups.groups_of(run_id):
        cgroups.remove(name)
    for name in network.namespaces_of(run_id):
        network.delete_namespace(name)
    unmount_beneath(folder)
    _free_loops(folder)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(database_folder(run_id), ignore_errors=True)


def _stop_noted(note: Path, run_id: str) -> None:
    """End a noted process, unless its id has meanwhile gone to someone else."""
    pid = _noted(note)
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        surroundings = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return
    if run_id.encode() in line or run_id.encode() in surroundings:
        stop_process(pid)


def _noted(note: Path) -> int:
    return int(note.read_text().strip() or 0)


def _free_loops(folder: Path) -> None:
    listing = attempt(["losetup", "--json", "--list"]).stdout
    for row in json.loads(listing or '{"loopdevices": []}')["loopdevices"]:
        if str(row.get("back-file", "")).startswith(f"{folder}/"):
            attempt(["losetup", "--detach", row["name"]])
