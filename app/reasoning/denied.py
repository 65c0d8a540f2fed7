"""Paths that a log says were denied to a service, and what the kernel tells its user of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from itertools import pairwise

from app.domain.action import ActionCall
from app.host.drift import Change, program
from app.host.facts import PathAccessFacts, PathComponent, UnitFacts
from app.host.view import beneath
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject

ASKED = "path.access"
_MOST = 4
_REFUSAL = re.compile(r"permission denied|errno 13\b|\beacces\b|operation not permitted", re.I)
_PATH = re.compile(r"(?<![\w./:-])(/(?:[\w@%+=,.-]+/)*[\w@%+=,.-]*[\w@%+=,-])(?![\w/])")
_NO_DATA = ("/proc", "/sys", "/dev", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")
"""What services find there is the system's; who may read it is not told by who asks."""

_CODE = re.compile(r"[.](?:py|php|rb|js|pl|java|so)(?:[.\d]*)?$")
_KEEPERS = ("/etc/logrotate.d/", "/etc/tmpfiles.d/", "/etc/cron.d/", "/etc/cron.daily/")
"""Files that tell who is made the owner of what, again and again."""


def denied_subjects(case: HostCase) -> Iterable[Subject]:
    """Each path that was denied and still is."""
    for path, unit, user, line in _complaints(case):
        found = case.view.facts(PathAccessFacts, ASKED, path=path, user=user)
        stop = None if found is None else _stop(found[0])
        if found is None or stop is None:
            continue
        at, folder = stop
        facts, sources = case.common()
        facts["denied"] = {
            "path": path,
            "unit": unit.name,
            "user": user,
            "line": line,
            "at": at.model_dump(mode="json"),
            "folder": folder.model_dump(mode="json"),
            "is_its_own": folder.owner == user and at.owner != user,
        }
        keeper = _keeper(case, unit)
        if keeper is not None and case.drift is not None:
            facts["change"] = keeper.model_dump(mode="json")
            sources["change"] = case.drift[1]
        yield Subject(
            kind="denied",
            host=case.host.name,
            name=at.path,
            facts=facts,
            sources=sources | {"denied": found[1]},
            nearness=case.nearness(unit.name),
        )


def denied_asks(case: HostCase) -> Iterable[ActionCall]:
    """What the kernel tells a service's user of a path that was denied to it."""
    for path, _, user, _ in _complaints(case):
        yield ActionCall(action=ASKED, host=case.host.name, params={"path": path, "user": user})


def _complaints(case: HostCase) -> tuple[tuple[str, UnitFacts, str, str], ...]:
    """Paths that logs say were denied, each with the unit, its user and the line; newest first."""
    found: dict[str, tuple[str, UnitFacts, str, str]] = {}
    for name in dict.fromkeys((*case.failing, *case.units)):
        seen, log = case.view.units.get(name), case.view.log(name)
        user = None if seen is None else seen[0].user
        if seen is None or log is None or not user or user == "root":
            continue
        for line in reversed(log[0].lines):
            for path in _paths(line.example) if _REFUSAL.search(line.example) else ():
                found.setdefault(path, (path, seen[0], user, line.example[:200]))
    return tuple(found.values())[:_MOST]


def _paths(line: str) -> Iterable[str]:
    named = (match.rstrip(".,") for match in _PATH.findall(line))
    return (
        path
        for path in named
        if path.count("/") > 1
        and not _CODE.search(path)
        and not any(beneath(path, place) for place in _NO_DATA)
    )


def _stop(facts: PathAccessFacts) -> tuple[PathComponent, PathComponent] | None:
    """What keeps a user from a path, and the folder that it lies in; None where nothing does."""
    shown = [one for one in facts.components if one.kind != "symlink"]
    if len(shown) < 2:
        return None
    for folder, one in pairwise(shown):
        closed = one.kind == "directory" and one.searchable is False
        if closed or (one is shown[-1] and one.kind == "file" and one.writable is False):
            return one, folder
    return None


def _keeper(case: HostCase, unit: UnitFacts) -> Change | None:
    """A changed file that is named after a service and tells who is made the owner of its files."""
    for change in (case.drift or ((), 0))[0]:
        name = posixpath.basename(change.path).removesuffix(".conf")
        if change.path.startswith(_KEEPERS) and name == program(unit.name):
            return change
    return None
