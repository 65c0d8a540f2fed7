"""A control group of its own for each host, in every hierarchy of the kernel.

Without one, hosts that are started side by side share systemd's hierarchy, and a unit of
one would wait for, or kill, processes of another; and what dockerd makes inside a host would
stay behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from app.lab.places import PREFIX

MOUNTS = Path("/sys/fs/cgroup")
ASSIGNED = ("cpuset.cpus", "cpuset.mems")  # empty in a new group, which nobody could join so
LOOKS = 20
BUSY_SECONDS = 10.0
DEPTHS = ("", "*/", "*/*/")  # a group lies in that of the process which made it


def group_name(run_id: str, host: str) -> str:
    """The name of a host's control group in each hierarchy."""
    return f"{PREFIX}{run_id}-{host}"


def create(name: str) -> list[Path]:
    """Make the group in every hierarchy; return the files to join it by."""
    joined = []
    for own in _own_groups():
        group = own / name
        group.mkdir(exist_ok=True)
        for name_of_file in ASSIGNED:
            if (own / name_of_file).exists() and not (group / name_of_file).read_text().strip():
                (group / name_of_file).write_text((own / name_of_file).read_text())
        joined.append(group / "cgroup.procs")
    return joined


def groups_of(run_id: str) -> list[str]:
    """The names of all groups that belong to a run."""
    return sorted({path.name for path in _found(f"{PREFIX}{run_id}-*")})


def end_processes(name: str) -> None:
    """Kill whatever is still in a group.

    A host whose shutdown hangs (a database that will not stop without having saved) outlives its
    supervisor: the kernel gives it to init, and only its group still tells whose it is.
    """
    for top in _found(name):
        for procs in [top / "cgroup.procs", *top.rglob("cgroup.procs")]:
            with contextlib.suppress(FileNotFoundError):
                for pid in procs.read_text().split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)


def remove(name: str) -> None:
    """Remove a group with all beneath it, once its last process is gone."""
    end_processes(name)
    for top in _found(name):
        beneath = [path for path in top.rglob("*") if path.is_dir()]
        for group in [*sorted(beneath, key=lambda path: len(path.parts), reverse=True), top]:
            _remove_one(group)


def _remove_one(group: Path) -> None:
    """A group stays busy for a moment after its processes were killed."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return  # the host's own systemd was quicker
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _own_groups() -> Iterator[Path]:
    """Where this process itself is, in each hierarchy."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        mount = MOUNTS / (controllers.removeprefix("name=") or "unified")
        if controllers == "" and not mount.exists():
            mount = MOUNTS
        own = mount / path.lstrip("/")
        if (mount / "cgroup.procs").exists():
            yield own if own.exists() else mount


def _found(pattern: str) -> list[Path]:
    hierarchies = [MOUNTS, *(path for path in MOUNTS.iterdir() if path.is_dir())]
    return [
        path
        for hierarchy in hierarchies
        for depth in DEPTHS
        for path in _matching(hierarchy, depth + pattern)
        if (path / "cgroup.procs").exists()
    ]


def _matching(hierarchy: Path, pattern: str) -> list[Path]:
    """Paths of a pattern; looked for again where one goes away while it is being looked at."""
    for _ in range(LOOKS):
        try:
            return list(hierarchy.glob(pattern))
        except FileNotFoundError:
            continue  # another run's group ended meanwhile: its folder was listed, then gone
    return []
