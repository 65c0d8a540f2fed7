"""Whether services may still write where their logs say that they could not.

Where users only fail at sending something, nobody can ask for it again in their place. What the
service tripped over can be asked: as its own account, of the kernel.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping

from app.domain.host import asked_of
from app.domain.probe import Probe
from app.host.facts import PathAccessFacts
from app.host.view import HostView

CHECK, ASKED = "may-write", "path.access"
_MOST = 3
_REFUSED = re.compile(
    r"read-only file ?system|\berofs\b|errno 30\b|permission denied|errno 13\b|\beacces\b", re.I
)
_PATH = re.compile(r"(?<![\w./:-])(/(?:[\w@%+=,.-]+/)+[\w@%+=,.-]*[\w@%+=,-])(?![\w/])")
_DATA = ("/var/", "/srv/", "/opt/", "/mnt/", "/data/", "/home/", "/media/")
"""Below these lies what services keep."""

_CODE = re.compile(r"[.](?:py|php|rb|js|pl|java|so)(?:[.\d]*)?$")

Said = tuple[bool, str]


def doubted(view: HostView, units: Iterable[str]) -> tuple[Probe, ...]:
    """Checks of the folders in which services could not write, by their logs."""
    found: dict[str, Probe] = {}
    for name in units:
        unit, log = view.units.get(name), view.log(name)
        if unit is None or log is None or not unit[0].user:
            continue
        for line in log[0].lines if unit[0].user != "root" else ():
            for path in _PATH.findall(line.example) if _REFUSED.search(line.example) else ():
                if path.startswith(_DATA) and not _CODE.search(path):
                    subject = f"{unit[0].user} {posixpath.dirname(path)}"
                    found[subject] = asked_of(view.host, CHECK, subject)
    return tuple(found.values())[-_MOST:]


def asks(subject: str) -> tuple[str, dict[str, str | int]]:
    """The diagnostic that tells, and its parameters."""
    user, _, folder = subject.partition(" ")
    return ASKED, {"path": folder, "user": user}


def _may(view: HostView, subject: str) -> Said | None:
    _, params = asks(subject)
    found = view.facts(PathAccessFacts, ASKED, **params)
    if found is None:
        return None
    said = f"{params['user']} may not write in {params['path']}"
    return found[0].writable is True, said


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {CHECK: _may}
