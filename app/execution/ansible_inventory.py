"""Ansible inventories, read by a small parser of our own: hosts, groups, how to connect.

Of a host's variables only those that say how to connect are taken; `sre_agent` may hold what our
own inventory knows beyond them. Ranges (web[01:10]), children and group variables are understood.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from app.errors import InventoryError

_VARIABLES = {
    "ansible_host": "address",
    "ansible_port": "port",
    "ansible_user": "username",
    "ansible_ssh_private_key_file": "ssh_key_path",
    "sre_agent_ssh_key": "ssh_key",  # a reference, of a host or of a group
}
_RANGE = re.compile(r"\[([0-9]+):([0-9]+)\]")
_SECTION = re.compile(r"\[(?P<name>[A-Za-z0-9_.-]+)(?::(?P<kind>vars|children))?\]")
_MOST_HOSTS = 10_000


class Group:
    """One group while the file is read."""

    def __init__(self) -> None:
        self.hosts: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, Any] = {}
        self.children: list[str] = []


def from_yaml(data: Mapping[str, Any], source: str) -> dict[str, dict[str, Any]]:
    """Our inventory's shape from an Ansible inventory in YAML."""
    groups: dict[str, Group] = {}
    for name, given in data.items():
        _take_group(name, given, groups, source)
    return _resolved(groups, source)


def from_ini(text: str, source: str) -> dict[str, dict[str, Any]]:
    """Our inventory's shape from an Ansible inventory in INI."""
    groups: dict[str, Group] = {}
    name, kind = "ungrouped", None
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        section = _SECTION.fullmatch(line)
        if section:
            name, kind = section["name"], section["kind"]
            groups.setdefault(name, Group())
        elif line.startswith("["):
            raise InventoryError(f"{source}, line {number}: {line!r} is no section.")
        else:
            _take_line(line, kind, groups.setdefault(name, Group()), f"{source}, line {number}")
    return _resolved(groups, source)


def _take_line(line: str, kind: str | None, group: Group, where: str) -> None:
    if kind == "children":
        group.children.append(line)
    elif kind == "vars":
        key, _, value = line.partition("=")
        group.variables[key.strip()] = _scalar(value.strip().strip("\"'"))
    else:
        try:
            pattern, *words = shlex.split(line, comments=True)
        except ValueError as error:
            raise InventoryError(f"{where}: {error}.") from None
        given = dict(word.partition("=")[::2] for word in words)
        for host in _expanded(pattern):
            group.hosts.setdefault(host, {}).update({k: _scalar(v) for k, v in given.items()})


def _take_group(name: str, given: Any, groups: dict[str, Group], source: str) -> None:
    group = groups.setdefault(name, Group())
    given = given or {}
    if not isinstance(given, Mapping) or set(given) - {"hosts", "vars", "children"}:
        raise InventoryError(f"{source}: group {name}: expected hosts, vars and children.")
    for pattern, variables in (given.get("hosts") or {}).items():
        for host in _expanded(str(pattern)):
            group.hosts.setdefault(host, {}).update(variables or {})
    group.variables |= given.get("vars") or {}
    for child, inside in (given.get("children") or {}).items():
        group.children.append(child)
        _take_group(child, inside, groups, source)


def _resolved(groups: dict[str, Group], source: str) -> dict[str, dict[str, Any]]:
    """Each host once: group variables from the outside in, then its own."""
    for name, group in groups.items():
        missing = [child for child in group.children if child not in groups]
        if missing:
            raise InventoryError(f"{source}: group {name} has the unknown child {missing[0]!r}.")
    hosts: dict[str, dict[str, Any]] = {}
    for group in groups.values():
        for name in group.hosts:
            hosts.setdefault(name, {})
    if len(hosts) > _MOST_HOSTS:
        raise InventoryError(f"{source}: more than {_MOST_HOSTS} hosts.")
    return {name: _target(name, groups, source) for name in hosts}


def _target(name: str, groups: dict[str, Group], source: str) -> dict[str, Any]:
    member_of = _groups_of(name, groups)
    variables: dict[str, Any] = {}
    for group in member_of:
        variables |= groups[group].variables
    for group in member_of:
        variables |= groups[group].hosts.get(name, {})
    target = {ours: variables[theirs] for theirs, ours in _VARIABLES.items() if theirs in variables}
    target.setdefault("address", name)
    own = variables.get("sre_agent", {})
    if not isinstance(own, Mapping):
        raise InventoryError(f"{source}: {name}.sre_agent: expected a mapping.")
    named = [group for group in member_of if group not in ("all", "ungrouped")]
    return {"groups": named, **target, **own}


def _groups_of(name: str, groups: dict[str, Group]) -> list[str]:
    """The groups of a host, outermost first, `all` before every other."""
    parents: dict[str, set[str]] = {group: set() for group in groups}
    for parent, group in groups.items():
        for child in group.children:
            parents[child].add(parent)
    depth = {group: 0 for group, inside in groups.items() if name in inside.hosts}
    waiting = list(depth)
    while waiting:
        inner = waiting.pop()
        for parent in parents[inner]:
            if depth.get(parent, -1) < depth[inner] + 1 <= len(groups):
                depth[parent] = depth[inner] + 1
                waiting.append(parent)
    if "all" in groups:
        depth["all"] = len(groups) + 1
    return sorted(depth, key=lambda group: (-depth[group], group))


def _expanded(pattern: str) -> list[str]:
    """web[01:03] is web01, web02, web03."""
    found = _RANGE.search(pattern)
    if found is None:
        return [pattern]
    first, last = found[1], found[2]
    width = len(first) if first.startswith("0") else 0
    numbers = range(int(first), min(int(last), int(first) + _MOST_HOSTS) + 1)
    ends = [
        pattern[: found.start()] + str(n).zfill(width) + pattern[found.end() :] for n in numbers
    ]
    return [name for end in ends for name in _expanded(end)]


def _scalar(text: str) -> Any:
    return int(text) if text.isascii() and text.isdecimal() else text
