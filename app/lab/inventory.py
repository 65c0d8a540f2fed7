"""The inventory and the policy that the lab hands to the service under test."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from app import strict_yaml
from app.lab.enrolment import inventory_entry
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
    up = set(estate.machines)
    hosts = {
        name: inventory_entry(machine, estate.key, up) for name, machine in estate.machines.items()
    }
    path.write_text(yaml.safe_dump({"hosts": hosts}, sort_keys=False))
    return path


def write_policy(estate: Estate, given: Path | None) -> Policy:
    """The policy of a run: the one given, or full autonomy with two approvers."""
    path = estate.folder / "policy.yaml"
    text: dict[str, Any] = (
        strict_yaml.read(given.read_text()) if given else {"autonomy_level": "L4"}
    )
    tokens: dict[str, str] = dict(text.get("approvers") or {})
    if not tokens:
        tokens = {name: secrets.token_urlsafe(24) for name in APPROVERS}
        text["approvers"] = tokens
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(text, sort_keys=False))
    return Policy(path, tokens)
