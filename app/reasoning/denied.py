"""Paths that a log says were denied to a service, and what the kernel tells its user of them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from itertools import pairwise

from app.domain.action import ActionCall, Params
from app.host.denials import Denial, denials, nobody_known
from app.host.drift import Change, ChangeKind, program
from app.host.facts import PathAccessFacts, PathComponent, UnixSocketFacts
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject

ASKED, LISTENS = "path.access", "socket.state"
_MOST = 4
_KEEPERS = ("/etc/logrotate.d/", "/etc/tmpfiles.d/", "/etc/cron.d/", "/etc/cron.daily/")
"""Files that tell who is made the owner of what, again and again."""


def denied_subjects(case: HostCase) -> Iterable[Subject]:
    """Each path that was denied and still is."""
    for one in _complaints(case):
        found = case.view.facts(PathAccessFacts, ASKED, path=one.path, user=one.user)
        stop = None if found is None else _stop(found[0])
        if found is None or stop is None:
            continue
        at, folder = stop
        facts, sources = case.common()
        facts["denied"] = {
            **one.model_dump(include={"path", "unit", "user", "line"}),
            "at": at.model_dump(mode="json"),
            "folder": folder.model_dump(mode="json"),
            "is_its_own": folder.owner == one.user and at.owner != one.user,
            **_listener(case, found[0]),
        }
        change = _itself(case, at.path) or _keeper(case, one.unit)
        if change is not None and case.drift is not None:
            facts["change"] = change.model_dump(mode="json")
            sources["change"] = case.drift[1]
        yield Subject(
            kind="denied",
            host=case.host.name,
            name=at.path,
            facts=facts,
            sources=sources | {"denied": found[1]},
            nearness=case.nearness(one.unit),
        )


def denied_asks(case: HostCase) -> Iterable[ActionCall]:
    """What the kernel tells a service's user of a path that was denied to it."""
    complaints = _complaints(case)
    if not complaints and nobody_known(case.view, (*case.failing, *case.units)):
        yield ActionCall(action="processes.list", host=case.host.name)
    for one in complaints:
        params: Params = {"path": one.path, "user": one.user}
        yield ActionCall(action=ASKED, host=case.host.name, params=params)
        found = case.view.facts(PathAccessFacts, ASKED, **params)
        socket = None if found is None or _stop(found[0]) is None else _socket(found[0])
        if socket is not None:
            yield ActionCall(action=LISTENS, host=case.host.name, params={"path": socket})


def _socket(facts: PathAccessFacts) -> str | None:
    """The socket that a path leads to."""
    last = facts.components[-1]
    return last.path if last.kind == "socket" else None


def _listener(case: HostCase, facts: PathAccessFacts) -> dict[str, str | bool]:
    """Who listens at a socket that was denied, and whether what makes it so is not as it was."""
    socket = _socket(facts)
    found = None if socket is None else case.view.facts(UnixSocketFacts, LISTENS, path=socket)
    unit = "" if found is None else found[0].unit or ""
    known = case.view.units.get(unit)
    return {
        "socket": socket or "",
        "listener": unit if known is not None and unit.endswith(".service") else "",
        "listener_changed": known is not None and bool(case.related(known[0])),
    }


def _complaints(case: HostCase) -> tuple[Denial, ...]:
    """Paths that logs say were denied; of each the newest line."""
    units = dict.fromkeys((*case.failing, *case.units))
    found: dict[str, Denial] = {}
    for one in denials(case.view, units):
        if not one.read_only:
            found.setdefault(one.path, one)
    return tuple(found.values())[:_MOST]


def _stop(facts: PathAccessFacts) -> tuple[PathComponent, PathComponent] | None:
    """What keeps a user from a path, and the folder that it lies in; None where nothing does."""
    shown = [one for one in facts.components if one.kind != "symlink"]
    if len(shown) < 2:
        return None
    for folder, one in pairwise(shown):
        closed = one.kind == "directory" and one.searchable is False
        last = one is shown[-1] and one.kind in ("file", "socket")
        if closed or (last and one.writable is False):
            return one, folder
    return None


def _itself(case: HostCase, path: str) -> Change | None:
    """The path itself, where who may do what with it is not as it was while all was well."""
    changes = (case.drift or ((), 0))[0]
    return next((c for c in changes if c.path == path and c.kind is ChangeKind.MODE), None)


def _keeper(case: HostCase, unit: str) -> Change | None:
    """A changed file that is named after a service and tells who is made the owner of its files."""
    for change in (case.drift or ((), 0))[0]:
        name = posixpath.basename(change.path).removesuffix(".conf")
        if change.path.startswith(_KEEPERS) and name == program(unit):
            return change
    return None
