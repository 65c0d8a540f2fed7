"""A unit as conditions read it, and the evidence behind each part of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.host import balancing, failed_jobs
from app.host.drift import Change, Relation, program
from app.host.facts import (
    BalancedFacts,
    ConfigProblem,
    JobProgressFacts,
    Listener,
    Manifest,
    MisspeltFacts,
    PortConnectionsFacts,
    ProcessesFacts,
    UnitFacts,
    UnixSocketFacts,
)
from app.host.needs import FULL_PERCENT
from app.host.probes import WEB_PROGRAMS, serves_nothing
from app.host.view import FIRST_PROCESS, beneath
from app.reasoning import damage
from app.reasoning.host_case import HostCase

Known = tuple[dict[str, Any], dict[str, int]]
"""Facts, and for each name that a condition may read the id of the evidence behind it."""


def unit_facts(case: HostCase, name: str) -> Known:
    """Everything known of a unit that was seen: `name` is in `case.view.units`."""
    unit, ident = case.view.units[name]
    facts: dict[str, Any] = unit.model_dump(mode="json")
    sources = {"unit": ident}
    suspected = name in case.suspects
    facts |= _then(case, name) | {
        "program": program(name),
        "host": case.host.name,
        "on_path": any(name in w.units for w in case.walks),
        "failing": name in case.failing or (suspected and case.view.steady(name) is False),
        "suspected": suspected,
        "declared": name in case.declared,
        "enabled": case.view.unit_files.get(name) or unit.unit_file_state,
        "steady": case.view.steady(name) is True,
        "flapping": case.view.flapping(name),
        "stoppers": _stoppers(case, unit),
        "lost_socket": _lost_socket(case, name),
        **_set_while_running(case, name),
        "progress": _progress(case, name),
    }
    parts = (_held, _config, _log, _mounts, _stopped)
    for part in (read(case, name) for read in parts):
        facts |= part[0]
        sources |= part[1]
    for part in (_changes(case, unit), _unread(case, unit)):
        facts |= part[0]
        sources |= part[1]
    return facts, sources


def _lost_socket(case: HostCase, name: str) -> str:
    """A Unix socket at which a unit listens and whose file is gone; "" where none is known."""
    for item in case.view.every("socket.state"):
        told = case.view.facts(UnixSocketFacts, "socket.state", **item.params)
        if told is not None and told[0].is_lost and told[0].unit == name:
            return told[0].path
    return ""


def _progress(case: HostCase, name: str) -> dict[str, Any] | None:
    """Whether a job that is at work gets anywhere; None: not asked."""
    found = case.view.facts(JobProgressFacts, failed_jobs.ASKED, unit=name)
    if found is None:
        return None
    one = found[0]
    return one.model_dump(mode="json") | {"hangs": one.hangs, "doing": one.doing}


def _set_while_running(case: HostCase, name: str) -> dict[str, str]:
    """What a load balancer was told while it runs, and a reload would forget."""
    found = case.view.facts(BalancedFacts, balancing.ASKED)
    if found is None or program(name) != balancing.PROGRAM:
        return {"set_while_running": "", "set_by_hand": ""}
    return {"set_while_running": found[0].strayed, "set_by_hand": ", ".join(found[0].by_hand)}


def _stoppers(case: HostCase, unit: UnitFacts) -> list[dict[str, Any]]:
    """Services that stop a unit whenever they start, and whether they are not as they were."""
    known = (n for n in unit.conflicts if n.endswith(".service") and n in case.view.units)
    return [
        {"name": name, "changed": any(True for _ in case.related(case.view.units[name][0]))}
        for name in known
    ]


def _then(case: HostCase, name: str) -> dict[str, Any]:
    found = None if case.then is None else case.then.units.get(name)
    if case.then is None or (found is None and not case.then.units):
        return {"active_then": None, "enabled_then": None, "restart_then": None}
    return {
        "restart_then": None if found is None else found[0].restart,
        "active_then": found is not None and found[0].active_state == "active",
        "enabled_then": case.then.unit_files.get(name),
    }


def _held(case: HostCase, name: str) -> Known:
    """Listeners of others on ports that this unit should serve."""
    if case.view.listeners is None:
        return {}, {}
    listening, ident = case.view.listeners
    ports = {
        p.probe.port
        for p in case.red
        if p.probe.port and case.serving.expected_unit(p.probe.port) == name
    }
    if case.then is not None and case.then.listeners is not None:
        ports |= {e.port for e in case.then.listeners[0] if e.unit == name}
    held = [
        e
        for e in listening
        if e.port in ports
        and e.protocol == "tcp"
        and not (case.serving.stands_for(e.unit, name) if e.unit else e.pid == FIRST_PROCESS)
    ]
    facts = {
        "moved": _moved(case, name),
        "ports": sorted(ports),
        "held": [e.model_dump(mode="json") | holder_facts(case, e) for e in held],
        "listening": any(e.unit == name for e in listening),
        "missing_ports": sorted(ports - {e.port for e in listening if e.unit == name}),
    }
    sources = {f"unit.{part}": ident for part in ("held", "listening", "missing_ports")}
    borrowed, asked = _borrowed(case, name, ports)
    return facts | borrowed, sources | asked


def _borrowed(case: HostCase, name: str, ports: Iterable[int]) -> Known:
    """The service of this host whose connection to elsewhere has one of a unit's ports for its own
    end; what the unit's own connections are is no news."""
    facts: dict[str, Any] = {"borrower": "", "borrowed_port": 0, "borrower_peer": ""}
    for port in sorted(ports):
        found = case.view.facts(PortConnectionsFacts, "sockets.at_port", port=port)
        if found is None:
            continue
        for one in found[0].connections:
            if one.unit in case.view.units and one.unit != name and one.unit.endswith(".service"):
                shown = {"borrower": one.unit, "borrowed_port": port, "borrower_peer": one.peer}
                return shown, {"unit.borrower": found[1]}
    return facts, {}


def _moved(case: HostCase, name: str) -> bool:
    """Whether a unit listens elsewhere than while it was healthy: another address is enough."""
    if case.view.listeners is None or case.then is None or case.then.listeners is None:
        return False
    now, then = (
        {(e.address, e.port) for e in seen if e.unit == name and e.protocol == "tcp"}
        for seen in (case.view.listeners[0], case.then.listeners[0])
    )
    return bool(then) and now != then


def holder_facts(case: HostCase, entry: Listener) -> dict[str, Any]:
    """What speaks for or against a unit that listens where another one should."""
    site = {"serves_site": _serves_site(case, entry)} | _stray(case, entry)
    if entry.unit is None:
        return site | {"declared": False, "active_then": None, "enabled": None}
    declared = entry.unit in {case.serving.unit_named(s) for s in case.host.services}
    return (
        _then(case, entry.unit)
        | site
        | {
            "declared": declared,
            "enabled": case.view.unit_files.get(entry.unit),
            "new_site": _new_site(case, entry.unit),
        }
    )


def _stray(case: HostCase, entry: Listener) -> dict[str, Any]:
    """The process that listens, where a login left it behind: no unit can be stopped instead."""
    found = case.view.facts(ProcessesFacts, "processes.list")
    for one in () if found is None else found[0].processes:
        if one.pid == entry.pid and one.stray:
            told = one.model_dump(mode="json", include={"command", "start_time", "user", "stray"})
            return dict(told)
    return {"stray": None if found is None else False}


def _new_site(case: HostCase, unit: str) -> bool | None:
    """Whether it was configured anew since the host was healthy: somebody wants it to serve."""
    if case.drift is None or unit not in case.view.units:
        return None
    ways = {how for _, how in case.related(case.view.units[unit][0])}
    return Relation.CONFIGURATION in ways


def _serves_site(case: HostCase, entry: Listener) -> bool | None:
    """Whether a web server answers users there with a page that somebody made."""
    asked = (p for p in case.red if p.probe.port == entry.port and p.status is not None)
    answered = next(asked, None)
    if answered is None or (entry.process or "") not in WEB_PROGRAMS:
        return None
    served = answered.status is not None and answered.status < 400 and bool(answered.body)
    return served and not serves_nothing(answered.body)


def _config(case: HostCase, name: str) -> Known:
    found = case.view.config_test(name)
    if found is None:
        return {}, {}
    facts = {"config": found[0].model_dump(mode="json")}
    sources = {"unit.config": found[1]}
    for problem in found[0].problems[:1]:
        near = _nearest(case, problem)
        if near is not None:
            facts["misspelt"] = near[0].model_dump(mode="json")
            sources["unit.misspelt"] = near[1]
    return facts, sources


def _nearest(case: HostCase, problem: ConfigProblem) -> tuple[MisspeltFacts, int] | None:
    """The words nearest to one that a configuration test does not know."""
    file, line, word = problem.file, problem.line, problem.subject
    if file is None or line is None or word is None:
        return None
    return case.view.facts(MisspeltFacts, "config.misspelt", path=file, line=line, word=word)


def _log(case: HostCase, name: str) -> Known:
    found = case.view.log(name)
    if found is None:
        return {}, {}
    facts = {
        "log": [line.model_dump(mode="json") for line in found[0].lines],
        "log_text": "\n".join(line.example for line in found[0].lines[-40:]),
        "damage": damage.line_of(case, name),
    }
    return facts, dict.fromkeys(("unit.log", "unit.log_text", "unit.damage"), found[1])


def _stopped(case: HostCase, name: str) -> Known:
    """Processes of the unit that a signal stopped: they hold everything and do nothing."""
    found = case.view.facts(ProcessesFacts, "processes.list")
    if found is None:
        return {}, {}
    stopped = [
        p.model_dump(mode="json") for p in found[0].processes if p.unit == name and p.state == "T"
    ]
    return {"stopped": stopped}, {"unit.stopped": found[1]}


def _changes(case: HostCase, unit: UnitFacts) -> Known:
    if case.drift is None:
        return {}, {}
    found = case.related(unit)
    told = [{"path": c.path, "kind": c.kind.value, "relation": r.value} for c, r in found]
    related = {change.path for change, _ in found}
    others = [c for c in case.drift[0] if c.path not in related and _is_of_nobody(case, c)]
    shown = {"changes": told, "others_changed": len(others)}
    return shown, dict.fromkeys(("unit.changes", "unit.others_changed"), case.drift[1])


def _is_of_nobody(case: HostCase, change: Change) -> bool:
    """Whether it is read by no unit that is known, and was not put back in vain."""
    if not beneath(change.path, "/etc") or change.is_folder_gone:
        return False
    if f"changed-beside@{case.host.name}:{change.path}" in case.case.refuted:
        return False
    return all(case.relation_of(change.path, unit) is None for unit, _ in case.view.units.values())


def _unread(case: HostCase, unit: UnitFacts) -> Known:
    """Files that a running service reads only at its start, written since it last did."""
    now = case.view.facts(Manifest, "baseline.manifest")
    if now is None or case.view.steady(unit.name) is not True:
        return {}, {}
    changed = {c.path for c in (case.drift or ((), 0))[0]}  # those are weighed as changes
    files = [
        f.path
        for f in now[0].files
        if f.kind == "file" and f.path not in changed and case.unread(f, unit)
    ]
    return {"unread": files}, {"unit.unread": now[1]}


def _mounts(case: HostCase, name: str) -> Known:
    if case.view.filesystems is None:
        return {}, {}
    entries, ident = case.view.filesystems
    full = [
        e.mount
        for e in entries
        if max(e.used_percent or 0, e.inodes_used_percent or 0) >= FULL_PERCENT
        and case.walker.needs.writes_to(e.mount, [name])
    ]
    return {"full_mounts": full}, {"unit.full_mounts": ident}
