"""Whether services may still write where their logs say that they could not.

Where users only fail at sending something, nobody can ask for it again in their place. What the
service tripped over can be asked: as its own account, of the kernel.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping

from app.domain.host import asked_of
from app.domain.probe import Probe
from app.host.denials import denials
from app.host.facts import PathAccessFacts
from app.host.view import HostView

CHECK, ASKED = "may-write", "path.access"
_MOST = 3

Said = tuple[bool, str]


def doubted(view: HostView, units: Iterable[str]) -> tuple[Probe, ...]:
    """Checks of the folders in which services could not write, by their logs."""
    folders = (f"{one.user} {posixpath.dirname(one.path)}" for one in denials(view, units))
    subjects = list(dict.fromkeys(folders))[:_MOST]
    return tuple(asked_of(view.host, CHECK, subject) for subject in subjects)


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
