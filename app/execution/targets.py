"""The inventory: every host that may be reached, and the only place addresses come from.

A ticket's name or address selects a host here; it is never itself connected to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from app.domain.host import Host, plain
from app.errors import (
    ContradictoryTarget,
    InventoryError,
    SecretReferenceInvalid,
    UnknownTarget,
)
from app.execution import inventory_file
from app.secrets.reference import Reference
from app.settings import Settings

_CLOSED = 0o077


MOST_DEPENDENTS = 4
"""Hosts that depend on one and are asked what it is to their users; it may have hundreds."""


class Inventory:
    """Hosts by name, proven to be consistent."""

    def __init__(self, hosts: Iterable[Host], *, source: str) -> None:
        self.hosts = tuple(hosts)
        self.source = source
        self._require_distinct()
        self._require_known_references()

    @classmethod
    def load(cls, settings: Settings) -> Inventory:
        """The inventory that the settings name, ready for use in their mode."""
        if settings.inventory_file is not None:
            inventory = cls.from_file(settings.inventory_file)
        else:
            inventory = cls.from_development_targets()
        if settings.enable_real_ssh:
            inventory.require_usable(settings.ssh_known_hosts_file)
        return inventory

    @classmethod
    def from_file(cls, path: Path) -> Inventory:
        """An inventory file: our YAML, or an Ansible inventory in YAML or INI."""
        return cls(inventory_file.read(path), source=str(path))

    @classmethod
    def from_development_targets(cls) -> Inventory:
        """DEVELOPMENT_TARGETS of ssh_config.py at the project's root."""
        from ssh_config import DEVELOPMENT_TARGETS  # a file that its users edit: read when needed

        return cls.from_targets(DEVELOPMENT_TARGETS, source="ssh_config.py")

    @classmethod
    def from_targets(cls, targets: Mapping[str, object], *, source: str) -> Inventory:
        """Hosts from a mapping of name to settings, as in ssh_config.py."""
        return cls(inventory_file.hosts_of(targets, source), source=source)

    @cached_property
    def by_name(self) -> dict[str, Host]:
        return {host.name: host for host in self.hosts}

    def related(self, host: Host) -> tuple[Host, ...]:
        """Hosts that a host is declared to depend on, then a few of those that depend on it.

        They may be looked at for it. A plan for it may name the former alone.
        """
        needed = [self.get(name) for name in host.depends_on]
        needing = [one for one in self.hosts if host.name in one.depends_on]
        return tuple(dict.fromkeys([*needed, *needing[:MOST_DEPENDENTS]]))

    def get(self, name: str) -> Host:
        """The host of that inventory name; UnknownTarget where there is none."""
        host = self.by_name.get(name)
        if host is None:
            raise UnknownTarget(f"There is no host {name!r} in {self.source}.")
        return host

    def match(self, ip_address: str | None, hostname: str | None) -> Host:
        """The one host that a ticket's address and name mean.

        Both given must mean the same host. Raises UnknownTarget or ContradictoryTarget.
        """
        labels = [label.strip() for label in (hostname, ip_address) if label and label.strip()]
        if not labels:
            raise UnknownTarget(
                "The incident names no host.",
                hint="Give target.hostname or target.ip_address, or a cmdb_ci that is in the "
                "inventory.",
            )
        found = {label: self._known_as(label) for label in labels}
        unknown = [label for label, host in found.items() if host is None]
        hosts = {host.name: host for host in found.values() if host is not None}
        if not hosts:
            raise UnknownTarget(
                f"No host of the inventory goes by {' or '.join(map(_quoted, unknown))}.",
                hint=f"It is read from {self.source}; add the host there to let the agent work "
                "on it.",
            )
        if unknown or len(hosts) > 1:
            raise ContradictoryTarget(_contradiction(found))
        return next(iter(hosts.values()))

    def require_usable(self, known_hosts_file: Path | None) -> None:
        """Keys are there and closed, host keys are pinned: what real SSH needs at the start."""
        for host in self.hosts:
            _require_one_key(host, self.source)
            if host.ssh_key_path is not None:
                _require_closed(host.name, Path(host.ssh_key_path), self.source)
            if host.host_key is None and known_hosts_file is None:
                raise InventoryError(
                    f"{self.source}: {host.name} has no `host_key`, and SSH_KNOWN_HOSTS_FILE is "
                    "not set; a key is never accepted unseen.",
                    hint=f"Read it on the host's console: ssh-keyscan -t ed25519 {host.address}",
                )

    @cached_property
    def _by_label(self) -> dict[str, Host]:
        """Each name and address that a ticket may give; an inventory may have thousands."""
        return {label: host for host in self.hosts for label in host.labels}

    def _known_as(self, label: str) -> Host | None:
        return self._by_label.get(plain(label))

    def _require_distinct(self) -> None:
        owner: dict[str, str] = {}
        for host in self.hosts:
            for label in host.labels:
                if label in owner:
                    raise InventoryError(
                        f"{self.source}: {label!r} stands for both {owner[label]} and {host.name}."
                    )
                owner[label] = host.name

    def _require_known_references(self) -> None:
        for host in self.hosts:
            for key, names in (("depends_on", host.depends_on), ("jump", _listed(host.jump))):
                for name in names:
                    if name not in self.by_name:
                        raise InventoryError(
                            f"{self.source}: {host.name}.{key} names {name!r}, which is no host "
                            "of this inventory."
                        )
        for host in self.hosts:
            self._require_jumps_end(host)

    def _require_jumps_end(self, host: Host) -> None:
        seen = {host.name}
        while host.jump is not None:
            host = self.by_name[host.jump]
            if host.name in seen:
                raise InventoryError(f"{self.source}: the jump hosts of {host.name} form a circle.")
            seen.add(host.name)


def _require_one_key(host: Host, source: str) -> None:
    """A key by path or by reference, and a reference that can be one."""
    if host.ssh_key is None:
        return
    if host.ssh_key_path is not None:
        raise InventoryError(
            f"{source}: {host.name} has both `ssh_key` and `ssh_key_path`; expected one."
        )
    try:
        Reference.parse(host.ssh_key)
    except SecretReferenceInvalid as error:
        raise InventoryError(
            f"{source}: {host.name}.ssh_key: {error.message}", hint=error.hint
        ) from error


def _require_closed(name: str, path: Path, source: str) -> None:
    """A private key that its owner alone can read."""
    try:
        mode = path.stat().st_mode
        readable = os.access(path, os.R_OK)
    except OSError as error:
        raise InventoryError(
            f"{source}: {name}.ssh_key_path {path} cannot be read: {error.strerror}.",
            hint="docs/howto/ssh-keys.md shows how to make one.",
        ) from error
    if stat.S_IMODE(mode) & _CLOSED:
        raise InventoryError(
            f"{source}: the key {path} of {name} can be read by others "
            f"(mode {stat.S_IMODE(mode):04o}).",
            hint=f"Run: chmod 600 {path}",
        )
    if not readable:
        raise InventoryError(f"{source}: the key {path} of {name} cannot be read by this account.")


def _contradiction(found: Mapping[str, Host | None]) -> str:
    parts = [
        f"{_quoted(label)} is {'no host of the inventory' if host is None else host.name}"
        for label, host in found.items()
    ]
    return "The ticket contradicts itself: " + ", but ".join(parts) + "."


def _quoted(label: str) -> str:
    """A ticket's text, safe to be shown."""
    return ascii(label[:100])


def _listed(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)
