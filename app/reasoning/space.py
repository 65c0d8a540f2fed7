"""What fills a file system: whose it is decides what may be done about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.host import databases
from app.host.database_facts import PostgresCluster
from app.host.facts import BigFile, ContainerFacts, DiskUsageFacts, Filesystem
from app.host.view import beneath
from app.reasoning.host_case import HostCase

MAIN_SHARE = 0.2
"""Of the used bytes: who holds less than this is not what fills it."""

FOREIGN_SHARE, _MOST_FOREIGN = 0.05, 5
"""Files below this share of the used bytes are not worth moving, nor is a multitude."""

LOGS = "/var/log"
JOURNAL_SETTINGS = "/etc/systemd/journald.conf"
"""The file, and the folder of drop-ins that is named after it."""

PACKAGE_FILES = ("/var/cache/apt/archives", "/var/cache/dnf", "/var/cache/yum")
_JOURNAL = re.compile(r"\.journal~?$")
_LOG = re.compile(r"\.(?:log|out|err|trace|debug)$|\.log\.[0-9]+$|/(?:syslog|messages|debug)$")
_CONTAINER_LOG = re.compile(r"/containers/([0-9a-f]{64})/\1-json\.log$")
_UNFINISHED = re.compile(r"\.(?:part|partial|filepart|crdownload|incomplete|unfinished)$")
"""What programs call a file until it is whole: dumps, downloads, copies."""

_DATABASE = re.compile(r"\.(?:db|sqlite3?|ibd|frm|my[di]|rdb|aof|[lmn]df|mdb|wal)$", re.IGNORECASE)
_KEPT_SHARE = 0.1
_MEGABYTE = 1024 * 1024

Facts = dict[str, Any]


def filler(case: HostCase, mount: Filesystem, usage: DiskUsageFacts) -> Facts | None:
    """Who takes most of a file system, as facts: kind, path, bytes, said; None: nobody stands out.

    kind: deleted | journal | packages | unfinished | log | container-log | file
    """
    found = max(_hoards(case, mount, usage), key=lambda hoard: int(hoard["bytes"]), default=None)
    if found is None or int(found["bytes"]) < MAIN_SHARE * (mount.used_bytes or 0):
        return None
    return found


def _hoards(case: HostCase, mount: Filesystem, usage: DiskUsageFacts) -> Iterable[Facts]:
    for ghost in usage.deleted_open[:1]:
        by = f"{', '.join(ghost.open_by[:3]) or 'a process'} still holds it open"
        said = f"the deleted file {ghost.path}; {by}"
        yield (
            _hoard("deleted", ghost.path, ghost.bytes, said)
            | ghost.model_dump(mode="json", include={"inode", "pid", "start_time", "unit"})
            | {"is_log": _is_log(ghost.path), "like_log": _LOG.search(ghost.path) is not None}
        )
    journals = [f for f in usage.files if _JOURNAL.search(f.path)]
    if journals:
        said = "the journal, which grew without its limit"
        total = sum(f.bytes for f in journals)
        yield _hoard("journal", journals[0].path, total, said) | {"keep": _kept(mount)}
    for place in PACKAGE_FILES:
        total = sum(f.bytes for f in usage.folders if beneath(f.path, place))
        yield _hoard("packages", place, total, f"downloaded package files below {place}")
    unfinished = [f for f in usage.files if _is_left_unfinished(f)]
    if len(unfinished) > 1:
        said = f"{len(unfinished)} files that were never finished, such as {unfinished[0].path}"
        total = sum(f.bytes for f in unfinished)
        yield _hoard("unfinished", unfinished[0].path, total, said)
    for file in usage.files[:1]:
        said_by = _container_of(case, file.path)
        if said_by is not None:
            said = f"what the container {said_by.name} has said, in {file.path}"
            of = {"container": said_by.name, "id": said_by.id}
            yield _hoard("container-log", file.path, file.bytes, said) | of
            continue
        kind = "log" if _is_log(file.path) else "file"
        yield _hoard(kind, file.path, file.bytes, file.path) | _written_by(file)


def _container_of(case: HostCase, path: str) -> ContainerFacts | None:
    """The container whose log a file is, as docker names such files."""
    found = _CONTAINER_LOG.search(path)
    known = () if case.view.containers is None else case.view.containers[0]
    return next((c for c in known if found is not None and c.id == found[1]), None)


def _written_by(file: BigFile) -> Facts:
    """The process that fills it, where that is one which nobody waits for."""
    one = file.writer
    if one is None:
        return {"has_writer": False}
    by = f"{one.command} (process {one.pid} of {one.user}), left behind by a login that has ended"
    said = f"{file.path}, which {by}, writes to"
    return {"has_writer": True, "writer": one.model_dump(mode="json"), "said": said}


def _hoard(kind: str, path: str, size: int, said: str) -> Facts:
    return {"kind": kind, "path": path, "bytes": size, "said": said}


def _is_log(path: str) -> bool:
    return beneath(path, LOGS) and _LOG.search(path) is not None


def _is_left_unfinished(file: BigFile) -> bool:
    return not file.open_by and _UNFINISHED.search(file.path) is not None


def _kept(mount: Filesystem) -> int:
    """Megabytes of the journal that may stay: what its own default would allow it."""
    share = _KEPT_SHARE * (mount.size_bytes or 0) / _MEGABYTE
    return int(min(max(share, 16), 500))


def foreign(
    case: HostCase, mount: Filesystem, usage: DiskUsageFacts, filled_by: str
) -> list[Facts]:
    """Large files that nothing has open and that are no database's own: somebody left them.

    Where it is unfinished files that fill it (`filled_by`, the filler's kind), those alone.
    """
    data = [
        one.server.data
        for view in (case.view, case.then)
        for one in (databases.servers(view) if view is not None else ())
        if isinstance(one.server, PostgresCluster) and one.server.data
    ]
    least = FOREIGN_SHARE * (mount.used_bytes or 0)
    only_unfinished = filled_by == "unfinished"
    return [
        file.model_dump(mode="json")
        for file in usage.files
        if (_is_left_unfinished(file) if only_unfinished else file.bytes >= least)
        and not file.open_by
        and not beneath(file.path, LOGS)
        and not _DATABASE.search(file.path)
        and not any(beneath(file.path, folder) for folder in data)
    ][:_MOST_FOREIGN]


def cleaners_off(case: HostCase, mount: str) -> list[Facts]:
    """Timers that ran while the host was healthy and do not now, those named like the mount first.

    What clears a folder away is a timer more often than not; which one is told by its name.
    """
    now = case.manifest_now
    if now is None or case.baseline is None:
        return []
    off = set(case.baseline.manifest.active_units) - set(now.active_units)
    timers = sorted(unit for unit in off if unit.endswith(".timer"))
    words = [w for w in re.findall(r"[a-z]{3,}", mount.lower()) if w not in ("var", "lib", "log")]
    named = [t for t in timers if any(_alike(word, t) for word in words)]
    return [
        {"timer": t, "service": f"{t.removesuffix('.timer')}.service", "named_like_it": t in named}
        for t in (*named, *(t for t in timers if t not in named))
    ]


def journal_changes(case: HostCase) -> list[Facts]:
    """What is not as it was among the journal's settings."""
    found = (case.drift or ((), 0))[0]
    return [c.model_dump(mode="json") for c in found if c.path.startswith(JOURNAL_SETTINGS)]


def _alike(word: str, timer: str) -> bool:
    return word in timer.lower() or (word.endswith("s") and word[:-1] in timer.lower())
