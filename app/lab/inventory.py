"""The inventory and the policy that the lab hands to the service under test."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from app.lab.estate import ACCOUNT, HOSTS
from app.lab.layers import layer
from app.lab.running import Estate

APPROVERS = ("alice", "bob")


@dataclass(frozen=True)
class Policy:
    """A policy file and the keys of those who may approve under it."""

    path: Path
    tokens: dict[str, str]


def write_inventory(estate: Estate) -> Path:
    """Describe the hosts that are up as a site would describe its own."""
    path = estate.folder / "inventory.yaml"
    hosts = {machine.name: _entry(estate, machine.name) for machine in estate.machines.values()}
    path.write_text(yaml.safe_dump({"hosts": hosts}, sort_keys=False))
    return path


def _entry(estate: Estate, name: str) -> dict[str, Any]:
    spec = HOSTS[name]
    up = set(estate.machines)
    return {
        "address": spec.address,
        "names": list(spec.names),
        "port": 22,
        "username": ACCOUNT,
        "ssh_key_path": str(estate.key),
        "host_key": layer(spec).host_key,
        "services": list(spec.services),
        "depends_on": [other for other in spec.depends_on if other in up],
        "groups": ["lab"],
        "description": spec.description,
        "units": {"allow": ["*"]},
        "probes": [],
    }


def write_policy(estate: Estate, given: Path | None) -> Policy:
    """The policy of a run: the one given, or full autonomy with two approvers."""
    path = estate.folder / "policy.yaml"
    text: dict[str, Any] = yaml.safe_load(given.read_text()) if given else {"autonomy_level": "L4"}
    tokens: dict[str, str] = dict(text.get("approvers") or {})
    if not tokens:
        tokens = {name: secrets.token_urlsafe(24) for name in APPROVERS}
        text["approvers"] = tokens
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(text, sort_keys=False))
    return Policy(path, tokens)
