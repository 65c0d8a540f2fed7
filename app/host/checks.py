"""What a host can be asked about itself, where no user can be: learned while it was healthy.

A check reads what the repair does not write: whether a unit runs, whether a program accepts its
configuration, whether a file system has room and can be written, whether a container runs. Only
what held while the host was healthy is asked for later, so an old fault that nobody minds is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from app.domain.action import ActionCall
from app.domain.host import Host, asked_of
from app.domain.incident import Incident
from app.domain.probe import Probe, ProbeResult
from app.host import (
    accounts,
    database_checks,
    databases,
    datagrams,
    failed_jobs,
    job_scripts,
    kept,
    load,
    may_write,
    mounts,
    network_state,
    redis_writes,
    web_limits,
)
from app.host.drift import program
from app.host.facts import Filesystem
from app.host.view import HostView, config_test_of, is_of_a_login

ROOM_THEN, ROOM_NOW = 90, 95
"""Per cent: a file system below the first while healthy is out of room from the second on."""

_WORDS_OF_STORAGE = re.compile(
    r"\b(disk|space|full|file ?systems?|inodes?|volumes?|storage|partition|no space left|read.?only"
    r"|upload|write|df|mount)\b"
)
_ABOUT = {
    "cron": job_scripts.ABOUT_JOBS,
    job_scripts.CHECK: job_scripts.ABOUT_JOBS,
    job_scripts.PILES: re.compile(f"{job_scripts.ABOUT_JOBS.pattern}|{load.ABOUT_LOAD.pattern}"),
    "clock": re.compile(r"\b(clock\w*|time|ntp|chrony|sync\w*|drift\w*|kerberos|token)\b"),
    load.CHECK: load.ABOUT_LOAD,
    accounts.CHECK: accounts.ABOUT,
    accounts.BELONGS: accounts.ABOUT,
    **network_state.ABOUT,
}
"""How people speak of what a check is about."""

_OF_STORAGE = frozenset({"room", "writable", *mounts.JUDGED_BY})

CHRONY = "chrony.service"
ENGINE = "docker.service"
CRON = "cron.service"

_ALERT_NAME = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Between the words of an alert's name: NodeFilesystemFull."""

_COMMON = frozenset(
    {"service", "timer", "socket", "server", "daemon", "agent", "systemd", "system", "daily"}
)

Said = tuple[bool, str]
"""Whether a check holds, and what was seen, as a sentence."""


def learned(then: HostView) -> tuple[Probe, ...]:
    """The checks that held when the host was healthy."""
    found = [
        *(asked_of(then.host, "runs", name) for name in then.units if _stays(then, name)),
        *(asked_of(then.host, "config", unit) for unit in then.units if _passes(then, unit)),
        *(asked_of(then.host, "conditions", unit) for unit in then.units if _met(then, unit)),
        *(asked_of(then.host, "room", f.mount) for f in _filesystems(then) if _used(f) < ROOM_THEN),
        *(asked_of(then.host, "writable", f.mount) for f in _filesystems(then) if not f.read_only),
        *(asked_of(then.host, "container", name) for name in _running(then)),
        *(asked_of(then.host, datagrams.CHECK, subject) for subject in datagrams.taken(then)),
        *(asked_of(then.host, "cron", path) for path in _well_formed(then)),
        *(asked_of(then.host, "database", name) for name in _well_databases(then)),
        *(asked_of(then.host, check, subject) for check, subject in redis_writes.learned(then)),
        *(asked_of(then.host, "clock", CHRONY) for _ in [0] if _follows(then)),
        *(asked_of(then.host, check, subject) for check, subject in network_state.learned(then)),
        *(asked_of(then.host, check, subject) for check, subject in load.learned(then)),
        *(asked_of(then.host, check, subject) for check, subject in mounts.learned(then)),
        *(asked_of(then.host, check, subject) for check, subject in accounts.learned(then)),
        *(asked_of(then.host, check, subject) for check, subject in accounts.memberships(then)),
        *(asked_of(then.host, check, subject) for check, subject in job_scripts.learned(then)),
        *(asked_of(then.host, check, subject) for check, subject in job_scripts.piles(then)),
    ]
    return tuple(found)


def declared(now: HostView) -> tuple[Probe, ...]:
    """The checks that the host's own files ask for, where it was never seen healthy."""
    pairs = (
        *network_state.declared(now),
        *load.declared(now),
        *mounts.declared(now),
        *job_scripts.declared(now),
        *redis_writes.declared(now),
    )
    return tuple(asked_of(now.host, check, subject) for check, subject in pairs)


def concerns(probe: Probe, incident: Incident, host: Host) -> bool:
    """Whether a ticket may be about it: by a word that they share, or by what the host is for."""
    if probe.check in ("database", web_limits.CHECK, *database_checks.JUDGED_BY):
        return True  # on the incident's own host its trouble always matters
    topical = probe.check in _OF_STORAGE or probe.check in _ABOUT
    declared = not topical and program(probe.subject) in host.services
    return declared or spoken_of(probe, incident)


def spoken_of(probe: Probe, incident: Incident) -> bool:
    """Whether a ticket has a word that this check is about."""
    text = f"{incident.short_description}\n{incident.description}\n{incident.claimed_service}"
    text = f"{text}\n{_ALERT_NAME.sub(' ', text)}".lower()
    if probe.check in _OF_STORAGE:
        place = mounts.path_of(probe.subject)
        named = len(place) > 1 and place in text
        return named or bool(_WORDS_OF_STORAGE.search(text))
    if probe.check in _ABOUT:
        return bool(_ABOUT[probe.check].search(text)) or probe.subject.rsplit("/", 1)[-1] in text
    words = {w for w in re.findall(r"[a-z0-9]{3,}", probe.subject.lower()) if w not in _COMMON}
    return any(word in text for word in words) or _is_container(probe, text)


def doubted(
    known: Iterable[Probe], view: HostView, incident: Incident, touched: Collection[str] = ()
) -> tuple[Probe, ...]:
    """The checks that fail by what is known, and that a ticket may be about.

    `touched`: units of whose files one changed since the host was healthy, and paths that changed;
    what they are for may suffer whatever the ticket calls it. A ticket that names nothing ("host
    state critical") may be about any check.
    """
    checks = tuple(known)
    failing = [c for c in checks if (judge(c, view) or (False, ""))[0] is False]
    meant = tuple(
        c
        for c in failing
        if concerns(c, incident, view.host) or unit_of(c) in touched or c.subject in touched
    )
    if meant or any(spoken_of(c, incident) for c in checks):
        return meant
    return tuple(failing)


def unit_of(probe: Probe) -> str:
    """The unit that does what a check is about."""
    if probe.check == datagrams.CHECK:
        return datagrams.unit_of(probe.subject)
    return {"container": ENGINE, "cron": CRON}.get(probe.check, probe.subject)


def calls(probe: Probe, host: str) -> tuple[ActionCall, ...]:
    """The diagnostics that tell whether a check holds."""
    action, params = _ASKED_BY[probe.check](probe.subject)
    asked = (ActionCall(action=action, host=host, params=params),)
    if action != databases.ACTIONS["postgres"]:
        return asked
    # how much WAL is too much depends on the volume that it lies on
    return (*asked, ActionCall(action="filesystems.list", host=host))


def answer(probe: Probe, view: HostView, *, taken_at: datetime, simulated: bool) -> ProbeResult:
    """The check's result. What could not be asked does not hold: nothing is proven by silence."""
    said = judge(probe, view)
    holds, detail = (False, "the host could not be asked") if said is None else said
    return ProbeResult(
        probe=probe,
        ok=holds,
        error=None if holds else "check",
        detail="" if holds else detail,
        taken_at=taken_at,
        simulated=simulated,
    )


def judge(probe: Probe, view: HostView) -> Said | None:
    """Whether a check holds by what is known of the host; None where that is not known."""
    if probe.check in kept.CHECKS:
        return kept.is_as_it_was(view, probe.subject, probe.expect_text[0])
    return _JUDGED_BY[probe.check](view, probe.subject)


def _is_container(probe: Probe, text: str) -> bool:
    return probe.check == "container" and ("container" in text or "docker" in text)


def _stays(then: HostView, unit: str) -> bool:
    return then.steady(unit) is True and not is_of_a_login(unit)


def _passes(then: HostView, unit: str) -> bool:
    tested = then.config_test(unit)
    return tested is not None and tested[0].ok


def _filesystems(view: HostView) -> tuple[Filesystem, ...]:
    """Those that stay: a login's own comes and goes with it."""
    found = () if view.filesystems is None else view.filesystems[0]
    return tuple(one for one in found if not one.mount.startswith("/run/user/"))


def _used(entry: Filesystem) -> int:
    return int(max(entry.used_percent or 0, entry.inodes_used_percent or 0))


def _running(view: HostView) -> Iterable[str]:
    known = () if view.containers is None else view.containers[0]
    return (c.name for c in known if c.state == "running" and not c.stale_files)


def _well_formed(view: HostView) -> Iterable[str]:
    tables = () if view.cron is None else view.cron[0].tables
    return (t.path for t in tables if t.jobs and not t.problems)


def _well_databases(view: HostView) -> Iterable[str]:
    return (f.subject for f in databases.servers(view) if not databases.troubles(view, f))


def _follows(view: HostView) -> bool:
    return view.clock is not None and view.clock[0].synchronised


# --- how each is asked and judged ----------------------------------------------------------------


def _unit_runs(view: HostView, unit: str) -> Said | None:
    steady = view.steady(unit)
    if steady is None:
        return None
    found = view.units[unit][0]
    return steady, f"{unit} is {found.active_state} ({found.sub_state}), and it ran while healthy"


def _met(then: HostView, unit: str) -> bool:
    return then.units[unit][0].condition_failed is False


def _conditions_hold(view: HostView, unit: str) -> Said | None:
    """Whether systemd last started a unit, or passed over it: to be skipped is no failure to it."""
    if unit not in view.units:
        return None
    failed = view.units[unit][0].condition_failed
    said = f"systemd skips {unit}: a condition in its definition does not hold any more"
    return not failed, said


def _config_passes(view: HostView, unit: str) -> Said | None:
    tested = view.config_test(unit)
    if tested is None:
        return None
    said = tested[0].problems[0].message if tested[0].problems else "it fails"
    return tested[0].ok, f"the configuration test of {program(unit)} fails: {said}"


def _has_room(view: HostView, mount: str) -> Said | None:
    entry = next((f for f in _filesystems(view) if f.mount == mount), None)
    if entry is None:
        return None
    return _used(entry) < ROOM_NOW, f"{mount} is {_used(entry)} % full"


def _is_writable(view: HostView, mount: str) -> Said | None:
    entry = next((f for f in _filesystems(view) if f.mount == mount), None)
    if entry is None:
        return None if view.filesystems is None else (False, f"{mount} is not mounted")
    return not entry.read_only, f"{mount} is mounted read-only"


def _container_runs(view: HostView, name: str) -> Said | None:
    if view.containers is None:
        return None
    found = next((c for c in view.containers[0] if c.name == name), None)
    if found is not None and found.state == "running" and found.stale_files:
        return False, f"the container {name} still has the old {found.stale_files[0]}"
    state = "missing" if found is None else found.state
    return state == "running", f"the container {name} is {state}, and it ran while healthy"


def _cron_runs_it(view: HostView, path: str) -> Said | None:
    if view.cron is None:
        return None
    table = next((t for t in view.cron[0].tables if t.path == path), None)
    if table is None:
        return False, f"{path} is gone, and cron ran its jobs while the host was healthy"
    if not table.jobs:
        return False, f"{path} holds no job any more"
    return not table.problems, f"{path}: {'; '.join(table.problems[:2])}"


def _clock_follows(view: HostView, _unit: str) -> Said | None:
    if view.clock is None:
        return None
    return view.clock[0].synchronised, "the clock follows no source of time any more"


def _database_is_well(view: HostView, subject: str) -> Said | None:
    engine = subject.partition(":")[0]
    found = databases.server(view, subject)
    if found is None:
        asked = view.evidence(databases.ACTIONS[engine])
        gone = f"no {engine} server runs on port {subject.partition(':')[2]} any more"
        return (False, gone) if asked is not None and asked.ok else None
    wrong = databases.troubles(view, found)
    return not wrong, "; ".join(wrong[:3])


_Params = dict[str, str | int]
_Asks = Callable[[str], tuple[str, _Params]]


def _whole(action: str) -> _Asks:
    """Asked by a diagnostic that tells of all its subjects at once."""
    return lambda _subject: (action, {})


def _inside(check: str) -> _Asks:
    return lambda subject: (database_checks.diagnostic_of(check, subject), {})


_ASKED_BY: dict[str, _Asks] = {
    **{check: _whole(action) for check, action in network_state.ASKED_BY.items()},
    "runs": lambda unit: ("unit.show", {"unit": unit}),
    "conditions": lambda unit: ("unit.show", {"unit": unit}),
    failed_jobs.CHECK: lambda unit: ("unit.show", {"unit": unit}),
    failed_jobs.AT_REST: lambda unit: ("unit.show", {"unit": unit}),
    failed_jobs.MOVES: lambda unit: (failed_jobs.ASKED, {"unit": unit}),
    datagrams.CHECK: _whole(datagrams.ASKED),
    "config": lambda unit: (config_test_of(unit) or "", {}),
    load.CHECK: _whole(load.ASKED),
    accounts.CHECK: _whole(accounts.ASKED),
    accounts.BELONGS: _whole(accounts.ASKED),
    job_scripts.CHECK: _whole(job_scripts.ASKED),
    job_scripts.PILES: _whole(job_scripts.ASKED),
    web_limits.CHECK: _whole(web_limits.ASKED),
    **dict.fromkeys(kept.CHECKS, lambda path: (kept.ASKED, {"path": path})),
    "room": _whole("filesystems.list"),
    "writable": _whole("filesystems.list"),
    **dict.fromkeys(mounts.JUDGED_BY, _whole(mounts.ASKED)),
    "container": _whole("containers.list"),
    "cron": _whole("cron.tables"),
    "clock": _whole("clock.chrony"),
    **{check: _inside(check) for check in database_checks.JUDGED_BY},
    may_write.CHECK: may_write.asks,
    "database": lambda subject: (databases.ACTIONS[subject.partition(":")[0]], {}),
}

_JUDGED_BY: dict[str, Callable[[HostView, str], Said | None]] = {
    **network_state.JUDGED_BY,
    **mounts.JUDGED_BY,
    "runs": _unit_runs,
    "conditions": _conditions_hold,
    failed_jobs.CHECK: failed_jobs.ended_well,
    failed_jobs.AT_REST: failed_jobs.is_at_rest,
    failed_jobs.MOVES: failed_jobs.gets_anywhere,
    datagrams.CHECK: datagrams.are_taken,
    "config": _config_passes,
    load.CHECK: load.nothing_runs_away,
    accounts.CHECK: accounts.can_log_in,
    accounts.BELONGS: accounts.belongs,
    job_scripts.CHECK: job_scripts.is_free,
    job_scripts.PILES: job_scripts.runs_alone,
    web_limits.CHECK: web_limits.takes,
    "room": _has_room,
    "writable": _is_writable,
    "container": _container_runs,
    "cron": _cron_runs_it,
    "clock": _clock_follows,
    "database": _database_is_well,
    **database_checks.JUDGED_BY,
    **may_write.JUDGED_BY,
}
