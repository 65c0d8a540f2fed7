"""Which units a change may name: the host's own services and rules, never a protected unit."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

PROTECTED = (
    "ssh.service", "ssh.socket", "ssh@*", "sshd*", "dbus*", "systemd-*", "user@*", "user-*",
    "session-*", "init.scope", "networking.service", "NetworkManager*", "network*.target",
    "nftables*", "firewalld*", "ufw*", "iptables*", "ip6tables*", "netfilter*", "sudo*", "polkit*",
    "getty*", "serial-getty*", "console-getty*", "container-getty*", "auditd*", "apparmor*",
    "emergency*", "rescue*", "halt*", "reboot*", "poweroff*", "kexec*", "shutdown*", "sleep*",
    "suspend*", "hibernate*", "ctrl-alt-del*", "default.target", "multi-user.target",
    "graphical.target", "basic.target", "sysinit.target", "local-fs*", "-.mount", "proc-*",
    "sys-*", "dev-*", "run-*", "boot*.mount", "cloud-*", "ifup@*", "ifupdown*", "open-vm-tools*",
    "qemu-guest-agent*", "sre-agent*",
)  # fmt: skip
"""Units that keep a host reachable, guarded or booted. Denied whatever an inventory allows."""

_ACTIVATES = (".service", ".socket", ".timer", ".path")
_SUFFIXES = (*_ACTIVATES, ".mount", ".automount", ".target", ".slice", ".scope", ".swap", ".device")


def full_name(service: str) -> str:
    """A unit's full name: "nginx" is nginx.service."""
    return service if service.endswith(_SUFFIXES) else service + ".service"


def why_not(unit: str, services: Sequence[str], rules: Mapping[str, Any]) -> str:
    """Why a change may not name this unit, as a sentence; "" where it may."""
    if _matches(unit, PROTECTED):
        return f"{unit} is protected: it keeps the host reachable or guarded"
    if _matches(unit, rules.get("deny", ())):
        return f"{unit} is denied by the host's units.deny"
    if any(_belongs(unit, service) for service in services):
        return ""
    if _matches(unit, rules.get("allow", ())):
        return ""
    return f"{unit} is none of the host's services; expected one of {_listed(services, rules)}"


def _belongs(unit: str, service: str) -> bool:
    """Whether a unit is a declared service: itself, what activates it, or an instance of it."""
    if service.endswith(_SUFFIXES):
        return unit == service
    stem = next((unit[: -len(end)] for end in _ACTIVATES if unit.endswith(end)), "")
    return stem == service or stem.startswith(service + "@")


def _matches(unit: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(unit, pattern) for pattern in patterns)


def _listed(services: Sequence[str], rules: Mapping[str, Any]) -> str:
    known = [*map(full_name, services), *rules.get("allow", ())]
    return ", ".join(known) or "nothing: it declares neither services nor units.allow"
