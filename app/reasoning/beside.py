"""What else is not as it was on a host whose users suffer, though nothing says that it matters.

A file that no failing service is known to read may still be what breaks it: an address that another
unit brings up, a limit for every login, a job that stops what it should not. Where nothing else
explains the failure, the little that changed since the host was healthy is the likeliest cause; it
can be put back, proven, or put as it was again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from app.host.drift import Change, ChangeKind, Relation, program
from app.host.facts import UnitFacts
from app.host.probes import NAME_SERVERS
from app.host.view import HostView, beneath
from app.reasoning.change_subjects import is_code
from app.reasoning.host_case import READ_AT_START, HostCase
from app.reasoning.libraries import of_new_libraries
from app.reasoning.since_healthy import shared_words, telling
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts
from app.reasoning.written import comments_of, diff_of, lines_of, quoted

_OTHER_MODES = re.compile(
    r"/etc/(?:passwd|shadow|group|gshadow|sub[ug]id|sudoers|ssh|pam\.d|security|sre-agent"
    r"|fstab|nftables|iptables|network|netplan|systemd/network|NetworkManager|sysconfig"
    r"|sysctl\.conf|sysctl\.d|hosts|resolv\.conf|nsswitch\.conf|host\.conf|shells|ssl/private"
    r"|localtime|timezone)(?:[/.-].*)?"
)
"""Who may do what, and what a file alone does not bring into effect: other modes know these."""

_SECRET = re.compile(
    r"passw|passphrase|\bpass\b"
    r"|(?<!proxy)(?<!fastcgi)(?<!uwsgi)(?<!scgi)(?<!grpc)(?<!memcached)_pass\b"
    r"|requirepass|masterauth|secret|token|credential|api_?key|redacted|^[+-]?user\b|[+-]user ",
    re.IGNORECASE,
)
"""How a change of who gets in shows: whoever knows the new secret would be shut out by the old."""

_APPLICATIONS = ("/opt", "/srv", "/usr/local")
_LATE = 2.0  # seconds until a name is answered, as the mode of names has it
_MOST = 8
"""More changes than these are no accident that one could find by trying."""


def beside_subjects(case: HostCase) -> Iterable[Subject]:
    """Each change that no failing service is known to read, with the unit that reads it if any."""
    if not case.case.red or case.drift is None:
        return
    found = list(_beside(case))
    if not 0 < len(found) <= _MOST:
        return
    victim = next((name for name in (*case.failing, *case.units) if name in case.view.units), None)
    of_secrets = any(_SECRET.search(f"{c.path} {_written(case, c)}") for c, _ in found)
    for change, reader in found:
        subject = _subject(case, change, reader, victim, alone=len(found) == 1)
        subject.facts["change"]["with_secrets"] = of_secrets
        yield subject


def _beside(case: HostCase) -> Iterator[tuple[Change, UnitFacts | None]]:
    suspected = {*case.failing, *case.suspects, *case.neighbours}
    known = [case.view.units[name][0] for name in suspected if name in case.view.units]
    near = {change.path for unit in known for change, _ in case.related(unit)}
    near |= of_new_libraries(case)
    others = [unit for name, (unit, _) in case.view.units.items() if name not in suspected]
    for change in _telling(case):
        ways = {case.relation_of(change.path, unit) for unit in (*known, *others)}
        if change.path not in near and ways.isdisjoint((Relation.CONTENT, Relation.STATE)):
            yield change, _reader(case, change, others)


def _telling(case: HostCase) -> Iterator[Change]:
    configured = {change.path: change for change in telling(case)}
    for change in (case.drift or ((), 0))[0]:
        in_applications = any(beneath(change.path, place) for place in _APPLICATIONS)
        if _OTHER_MODES.fullmatch(change.path) or change.is_folder_gone:
            continue
        if change.path in configured or (in_applications and not _is_folder(change)):
            yield change


def _is_folder(change: Change) -> bool:
    either = change.now if change.now is not None else change.then
    return either is not None and either.kind == "directory"


def _reader(case: HostCase, change: Change, units: list[UnitFacts]) -> UnitFacts | None:
    """The unit that a changed path belongs to, the most direct way first, those that run first."""

    def order(unit: UnitFacts) -> tuple[int, bool, str]:
        how = case.relation_of(change.path, unit)
        nearness = list(Relation).index(how) if how is not None else len(Relation)
        return nearness, unit.active_state != "active", unit.name

    belong = partial(_reads, case, change)
    return min(filter(belong, units), key=order, default=None)


def _reads(case: HostCase, change: Change, unit: UnitFacts) -> bool:
    return case.relation_of(change.path, unit) in (*READ_AT_START, Relation.PROGRAM)


def _subject(
    case: HostCase, change: Change, reader: UnitFacts | None, victim: str | None, *, alone: bool
) -> Subject:
    assert case.drift is not None
    facts, sources = case.common()
    said, diff = comments_of(case, change), diff_of(case, change)
    words = f"{change.path} {diff[0].diff if diff else ''} {reader.name if reader else ''}"
    shown: dict[str, Any] = change.model_dump(mode="json") | {
        "comments": None if said is None else said[0],
        "alone": alone,
        "is_code": is_code(change),
        "shared": shared_words(case, words),
        "looked_at": said is not None or change.kind not in (ChangeKind.ADDED, ChangeKind.CONTENT),
        "written": _written(case, change),
        "relation": None if reader is None else case.relation_of(change.path, reader),
        "quoted": quoted(case, change),
        "serves_names": reader is not None
        and program(reader.name) in NAME_SERVERS
        and _lacks_names(case),
    }
    sources |= {"change": case.drift[1]}
    if diff is not None:
        shown["diff"] = diff[0].diff
        sources |= {"change.diff": diff[1]}
    if said is not None:
        sources |= {"change.comments": said[1]}
    facts["change"] = shown
    for name, unit in (("reader", None if reader is None else reader.name), ("victim", victim)):
        if unit is not None:
            facts[name], found = unit_facts(case, unit)
            sources |= {name: found["unit"]}
    facts["has_reader"] = reader is not None
    facts["timers"] = [{"unit": t} for t in _timers(reader)]
    return Subject(
        kind="beside",
        host=case.host.name,
        name=change.path,
        facts=facts,
        sources=sources,
        nearness=len(case.units) + 1,
    )


def _lacks_names(case: HostCase) -> bool:
    """Whether a name that somebody needs does not resolve, or late, on any host looked at."""
    views = (HostView(host, case.case.evidence) for host in case.case.hosts)
    asked = (item for view in views for item in view.every("name.resolve"))
    return any(
        item.ok and (not item.facts.get("ok") or item.facts.get("seconds", 0.0) >= _LATE)
        for item in asked
    )


def _written(case: HostCase, change: Change) -> str:
    """How it changed and what was written, in a line."""
    said = lines_of(case, change)
    return f"{change.kind.value}: {said}" if said else change.kind.value


def _timers(reader: UnitFacts | None) -> list[str]:
    return [] if reader is None else [t for t in reader.triggered_by if t.endswith(".timer")]
