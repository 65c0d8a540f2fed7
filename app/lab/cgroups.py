"""A control group of its own for each host.

Without one, hosts that are started side by side share systemd's hierarchy, and a unit of
one would wait for, or kill, processes of another.
"""

from __future__ import annotations

from pathlib import Path

from app.lab.places import PREFIX

MOUNTS = Path("/sys/fs/cgroup")
#: The hierarchies in which a host's systemd keeps its tree: v1's own, v2 beside it, or v2 alone.
TREES = ("systemd", "unified")


def group_name(run_id: str, host: str) -> str:
    """The name of a host's control group in each hierarchy."""
    return f"{PREFIX}{run_id}-{host}"


def create(name: str) -> list[Path]:
    """Make the group in every hierarchy that matters; return the files to join it by."""
    joined = []
    for tree in _trees():
        group = tree / name
        group.mkdir(exist_ok=True)
        joined.append(group / "cgroup.procs")
    return joined


def groups_of(run_id: str) -> list[str]:
    """The names of all groups that belong to a run."""
    found = {path.name for tree in _trees() for path in tree.glob(f"{PREFIX}{run_id}-*")}
    return sorted(found)


def remove(name: str) -> None:
    """Remove a group with all beneath it; it must have no processes left."""
    for tree in _trees():
        top = tree / name
        if not top.exists():
            continue
        beneath = sorted(top.rglob("*/"), key=lambda path: len(path.parts), reverse=True)
        for group in [*(path for path in beneath if path.is_dir()), top]:
            try:
                group.rmdir()
            except FileNotFoundError:
                continue  # the host's own systemd was quicker


def _trees() -> list[Path]:
    trees = [MOUNTS / name for name in TREES if (MOUNTS / name / "cgroup.procs").exists()]
    return trees or [MOUNTS]
