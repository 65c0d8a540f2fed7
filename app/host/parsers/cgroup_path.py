"""The systemd unit that a control group belongs to."""

from __future__ import annotations

_UNIT_ENDINGS = (".service", ".scope", ".socket", ".mount", ".swap")


def unit_of_cgroup(cgroup: str) -> str | None:
    """The unit of `0::/system.slice/nginx.service`, of version 1's list, or of a bare path.

    The unit is the outermost one: a container's inner systemd, or a delegated subtree, runs units
    of its own below. A user's session belongs to `session-3.scope` or `user@1000.service`.
    """
    for path in _paths(cgroup):
        for part in path.split("/"):
            if part.endswith(_UNIT_ENDINGS):
                return part
    return None


def _paths(cgroup: str) -> list[str]:
    """The hierarchies that systemd keeps: its own (name=systemd) and version 2's; never others.

    A line of version 1 reads `9:name=systemd:/system.slice/x.service,8:pids:/,0::/...`.
    """
    found = []
    for entry in cgroup.split(","):
        number, colon, rest = entry.partition(":")
        controllers, colon_two, path = rest.partition(":")
        if not colon or not colon_two or not number.isdecimal():
            found.append(entry)  # a bare path, as `ss --cgroup` and ControlGroup have it
        elif controllers in ("", "name=systemd"):
            found.append(path)
    return found
