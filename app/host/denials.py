"""What the logs of services say was refused to them by the system, path by path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.domain.value import Value
from app.host.accounts import account_of
from app.host.view import HostView, beneath

_DENIED = re.compile(r"permission denied|errno 13\b|\beacces\b|operation not permitted", re.I)
_READ_ONLY = re.compile(r"read-only file ?system|\berofs\b|errno 30\b", re.I)
_PATH = re.compile(
    r"(?:(?<![\w./:-])|(?<=\bunix:))(/(?:[\w@%+=,.-]+/)+[\w@%+=,.-]*[\w@%+=,-])(?![\w/])"
)
_CODE = re.compile(r"[.](?:py|php|rb|js|pl|java|so)(?:[.\d]*)?$")
_NO_DATA = ("/proc", "/sys", "/dev", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")
"""What services find there is the system's; who may read it is not told by who asks."""


class Denial(Value):
    """A path that a service's log says was refused to it."""

    path: str
    unit: str
    user: str  # whom the service runs as; never root
    line: str  # of the log
    read_only: bool  # the file system was, and not the right to it


def denials(view: HostView, units: Iterable[str]) -> Iterator[Denial]:
    """Every such path of services that run as somebody, of each the newest lines first."""
    for name in units:
        log, user = view.log(name), account_of(view, name)
        if log is None or user is None:
            continue
        for line in reversed(log[0].lines):
            said, closed = line.example, _READ_ONLY.search(line.example) is not None
            for path in _paths(said) if closed or _DENIED.search(said) else ():
                yield Denial(path=path, unit=name, user=user, line=said[:200], read_only=closed)


def nobody_known(view: HostView, units: Iterable[str]) -> bool:
    """Whether a service's log tells of such a path and not yet of whom the service works as."""
    return any(
        denied_paths("\n".join(line.example for line in log[0].lines))
        for name in units
        if account_of(view, name) is None and (log := view.log(name)) is not None
    )


def denied_paths(said: str) -> frozenset[str]:
    """Every path that a log, as one text, says was refused to somebody for want of the right."""
    lines = (line for line in said.splitlines() if _DENIED.search(line))
    return frozenset(path for line in lines for path in _paths(line))


def _paths(line: str) -> Iterator[str]:
    for path in _PATH.findall(line):
        if not _CODE.search(path) and not any(beneath(path, place) for place in _NO_DATA):
            yield path
