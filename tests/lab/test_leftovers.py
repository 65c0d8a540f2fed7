"""A run that is killed leaves things behind; `down` removes them, and only them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.lab import cgroups, commands, leftovers, requirements
from app.lab.network import namespaces_of
from app.lab.places import PROJECT, RUNS

PROVE = [sys.executable, "-m", "app.lab", "run", "--prove", "--scenarios"]


def an_unproven_scenario(folder: Path) -> Path:
    """A copy under another name, so that no proof of it is in the cache."""
    text = (PROJECT / "scenarios/nginx-stopped.yaml").read_text()
    name = f"kill-me-{os.getpid()}"
    (folder / f"{name}.yaml").write_text(text.replace("id: nginx-stopped", f"id: {name}"))
    return folder


def is_held_by(run_id: str, pid: int) -> bool:
    """Whether that process holds the run's mark: other tests have runs of their own beside this."""
    try:
        mark = (RUNS / run_id / "held").stat().st_ino
    except FileNotFoundError:
        return False
    held = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(
        fields[4] == str(pid) and fields[5].split(":")[2] == str(mark)
        for fields in held
        if "->" not in fields
    )


def wait_for_state(process: subprocess.Popen[bytes], seconds: float = 60) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for run_id in leftovers.known_runs():
            up = (RUNS / run_id / "state.json").exists()
            if up and is_held_by(run_id, process.pid):
                return run_id
        time.sleep(0.1)
    raise AssertionError("no run came up")


def what_is_left(run_id: str) -> dict[str, object]:
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    loops = subprocess.run(["losetup", "--json", "--list"], capture_output=True, check=True).stdout
    return {
        "folder": (RUNS / run_id).exists(),
        "namespaces": namespaces_of(run_id),
        "groups": cgroups.groups_of(run_id),
        "mounts": [line for line in mounts if run_id in line],
        "loops": [
            row["name"]
            for row in json.loads(loops or b'{"loopdevices": []}')["loopdevices"]
            if f"/{run_id}/" in str(row["back-file"])
        ],
        "resolver": Path(f"/etc/netns/srelab-{run_id}").exists(),
    }


NOTHING = {
    "folder": False, "namespaces": [], "groups": [], "mounts": [], "loops": [], "resolver": False
}  # fmt: skip


def test_what_a_killed_run_left_is_found_and_removed(tmp_path: Path) -> None:
    requirements.ensure()
    process = subprocess.Popen(
        [*PROVE, str(an_unproven_scenario(tmp_path))], cwd=PROJECT, stderr=subprocess.DEVNULL
    )
    run_id = wait_for_state(process)
    assert commands.down(run_id) == []  # it is still at work
    leaders = [int(note.read_text()) for note in (RUNS / run_id).glob("*/leader.pid")]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert what_is_left(run_id) != NOTHING
    assert commands.down(run_id) == [run_id]
    assert what_is_left(run_id) == NOTHING
    assert not [pid for pid in leaders if Path(f"/proc/{pid}").exists()]


def test_a_run_that_is_asked_to_stop_cleans_up_itself(tmp_path: Path) -> None:
    requirements.ensure()
    process = subprocess.Popen(
        [*PROVE, str(an_unproven_scenario(tmp_path))], cwd=PROJECT, stderr=subprocess.DEVNULL
    )
    run_id = wait_for_state(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert what_is_left(run_id) == NOTHING


def test_a_process_that_outlives_its_host_goes_with_its_group() -> None:
    name = cgroups.group_name(f"t{os.getpid()}", "stray")
    joined = cgroups.create(name)
    stray = subprocess.Popen(["sleep", "600"])
    for procs in joined:
        procs.write_text(str(stray.pid))
    cgroups.remove(name)
    assert stray.wait(10) == -signal.SIGKILL
    assert cgroups.groups_of(f"t{os.getpid()}") == []
