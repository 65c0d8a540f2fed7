"""Inventory files: our YAML, and Ansible's in YAML or INI. What they mean is checked elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app import strict_yaml
from app.domain.host import Host
from app.errors import InventoryError
from app.execution import ansible_inventory
from app.settings import AutonomyLevel

_RENAMED = {"ip": "address"}  # what ssh_config.py calls it


def read(path: Path) -> tuple[Host, ...]:
    """The hosts of an inventory file, whatever of the three forms it has."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InventoryError(f"{path} cannot be read: {error.strerror}.") from error
    data = _as_yaml(text, path)
    if data is None:
        return hosts_of(ansible_inventory.from_ini(text, str(path)), str(path))
    if "hosts" in data and "all" not in data:
        extra = sorted(set(data) - {"hosts", "version", "groups"})
        if extra:
            raise InventoryError(f"{path}: unknown key {extra[0]!r}; expected hosts and groups.")
        hosts = _mapping(data["hosts"], f"{path}: hosts")
        return hosts_of(_with_group_keys(hosts, data.get("groups") or {}, str(path)), str(path))
    return hosts_of(ansible_inventory.from_yaml(data, str(path)), str(path))


def _with_group_keys(
    hosts: Mapping[str, object], groups: object, source: str
) -> dict[str, Mapping[str, Any]]:
    """Hosts without a key of their own get the `ssh_key` of their first group that has one."""
    keys: dict[str, str] = {}
    for name, given in _mapping(groups, f"{source}: groups").items():
        of_group = _mapping(given, f"{source}: groups.{name}")
        if set(of_group) != {"ssh_key"}:
            raise InventoryError(f"{source}: groups.{name}: expected `ssh_key` and nothing else.")
        keys[name] = of_group["ssh_key"]
    found = {name: _mapping(given, f"{source}: {name}") for name, given in hosts.items()}
    return {name: _keyed(given, keys) for name, given in found.items()}


def _keyed(given: Mapping[str, Any], keys: Mapping[str, str]) -> Mapping[str, Any]:
    of_groups = [keys[group] for group in given.get("groups") or () if group in keys]
    if not of_groups or {"ssh_key", "ssh_key_path"} & set(given):
        return given
    return {**given, "ssh_key": of_groups[0]}


def hosts_of(targets: Mapping[str, object], source: str) -> tuple[Host, ...]:
    """Hosts from a mapping of name to settings; InventoryError names file, host and key."""
    return tuple(
        _host(str(name), _mapping(given, f"{source}: {name}"), source)
        for name, given in targets.items()
    )


def _host(name: str, given: Mapping[str, Any], source: str) -> Host:
    fields = {_RENAMED.get(key, key): value for key, value in given.items()}
    if "address" not in fields:
        raise InventoryError(
            f"{source}: {name} has no address.", hint="Give `address:` (or `ip` in ssh_config.py)."
        )
    address = str(fields["address"])
    _require_address(name, address, source)
    level = fields.get("autonomy_level")
    if level is not None and level not in {one.value for one in AutonomyLevel}:
        raise InventoryError(f"{source}: {name}.autonomy_level is {level!r}; expected L0 to L4.")
    fields["probes"] = [
        {"address": address, **_mapping(probe, f"{source}: {name}.probes")}
        for probe in fields.get("probes") or ()
    ]
    try:
        return Host.model_validate({**fields, "name": name, "address": address})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        known = ", ".join(sorted(set(Host.model_fields) - {"name"}))
        hint = f"Known keys: {known}." if first["type"] == "extra_forbidden" else ""
        raise InventoryError(f"{source}: {name}.{key}: {first['msg']}.", hint=hint) from error


def _require_address(name: str, address: str, source: str) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        if not all(c.isascii() and (c.isalnum() or c in "-._") for c in address) or (
            not address or address.startswith("-")
        ):
            raise InventoryError(
                f"{source}: {name}.address {address!r} is neither an address nor a host name."
            ) from None


def _as_yaml(text: str, path: Path) -> dict[str, Any] | None:
    """The file as a YAML mapping; None where it is an INI."""
    if path.suffix in (".ini", ".cfg") or text.lstrip().startswith("["):
        return None
    try:
        data = strict_yaml.read(text)
    except strict_yaml.KeyTwice as error:
        raise InventoryError(f"{path}: {error}.") from None
    except strict_yaml.YamlError as error:
        if path.suffix in (".yaml", ".yml"):
            raise InventoryError(f"{path} is no YAML: {error}") from error
        return None
    if isinstance(data, dict):
        return data
    if path.suffix in (".yaml", ".yml"):
        raise InventoryError(f"{path}: expected a mapping with `hosts:`.")
    return None


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InventoryError(f"{where}: expected a mapping, got {type(value).__name__}.")
    return value
