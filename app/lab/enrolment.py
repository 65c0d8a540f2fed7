"""What a host must have before the service may reach it: its account's key and the gate."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from app.lab.estate import ACCOUNT
from app.lab.machine import Machine


@dataclass(frozen=True)
class LabFile:
    """A file to be put on a host."""

    path: str
    content: bytes
    mode: int
    owner: str
    group: str


def enrol(machine: Machine, public_key: str) -> None:
    """Put the service's host-side files on a host that is not booted yet."""
    path = f"/home/{ACCOUNT}/.ssh/authorized_keys"
    put(machine, LabFile(path, f"{public_key}\n".encode(), 0o600, ACCOUNT, ACCOUNT))


def put(machine: Machine, file: LabFile) -> None:
    """Write one file into a host's tree, owned as the host's own accounts say."""
    users, groups = _ids(machine.root / "etc/passwd"), _ids(machine.root / "etc/group")
    target = machine.root / file.path.lstrip("/")
    _make_parents(target.parent, machine.root, users.get(file.owner, 0), groups.get(file.group, 0))
    target.write_bytes(file.content)
    target.chmod(file.mode)
    os.chown(target, users[file.owner], groups[file.group])


def _make_parents(folder: Path, root: Path, owner: int, group: int) -> None:
    """Missing folders of a home belong to its owner, all others to root."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o755)
        if path.is_relative_to(root / "home"):
            os.chown(path, owner, group)


def _ids(database: Path) -> dict[str, int]:
    """Names and numbers of a passwd or group file."""
    rows = (line.split(":") for line in database.read_text().splitlines())
    return {row[0]: int(row[2]) for row in rows if len(row) > 2}
