"""What a host must have before the service may reach it: its account's key and the gate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from app.domain.host import Host
from app.execution.enrolment import HostFile, enrolment_files
from app.lab.estate import ACCOUNT, CONTAINER_ENGINE
from app.lab.machine import Machine


def inventory_entry(machine: Machine, key: Path, up: set[str]) -> dict[str, Any]:
    """One host as a site would write it into its inventory."""
    spec = machine.spec
    runs = [name for name in spec.services if name != CONTAINER_ENGINE or machine.containers]
    return {
        "address": spec.address,
        "names": list(spec.names),
        "port": 22,
        "username": ACCOUNT,
        "ssh_key_path": str(key),
        "host_key": machine.layer.host_key,
        "services": runs,
        "depends_on": [other for other in spec.depends_on if other in up],
        "groups": ["lab"],
        "description": spec.description,
        "units": {"allow": ["*"]},
        "probes": [],
    }


def enrol(machine: Machine, key: Path, up: set[str]) -> None:
    """Put the service's host-side files on a host that is not booted yet."""
    entry = inventory_entry(machine, key, up)
    host = Host.model_validate({"name": machine.name, **entry})
    public_key = key.with_suffix(".pub").read_text().strip()
    for file in enrolment_files(host=host, public_key=public_key):
        put(machine, file)


def put(machine: Machine, file: HostFile) -> None:
    """Write one file into a host's tree, owned as the host's own accounts say."""
    users, groups = _ids(machine.root / "etc/passwd"), _ids(machine.root / "etc/group")
    target = machine.root / file.path.lstrip("/")
    _make_parents(target.parent)
    target.write_bytes(file.content)
    target.chmod(file.mode)
    os.chown(target, users[file.owner], groups[file.group])


def _make_parents(folder: Path) -> None:
    """Missing folders belong to root."""
    for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        path.mkdir(mode=0o755)


def _ids(database: Path) -> dict[str, int]:
    """Names and numbers of a passwd or group file."""
    rows = (line.split(":") for line in database.read_text().splitlines())
    return {row[0]: int(row[2]) for row in rows if len(row) > 2}
