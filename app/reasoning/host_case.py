"""One host of a case: what is known of it, where its users' paths break, what changed on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from app.domain.probe import ProbeResult
from app.host import checks, job_scripts, kept
from app.host.denials import denied_paths
from app.host.drift import (
    Change,
    ChangeKind,
    Relation,
    changes,
    is_among_pages,
    points_to,
    program,
    relation,
)
from app.host.facts import Manifest, UnitFacts
from app.host.hops import HopState, Layer, Walk
from app.host.path import PathWalker
from app.host.renames import with_renames
from app.host.view import HostView, beneath, is_of_a_login
from app.reasoning.port import Case

_OTHERS_DATA = (Relation.CONTENT, Relation.STATE)
"""Where services and users put new files every day: one that was added there means nothing."""


_NEAREST = tuple(Relation)
"""Relations, the most direct first."""

READ_AT_START = frozenset({Relation.DEFINITION, Relation.ENVIRONMENT, Relation.CONFIGURATION})
"""What a service reads when it starts or reloads, and not again."""

OF_A_JOB = frozenset({Relation.ENVIRONMENT, Relation.CONFIGURATION, Relation.PROGRAM})
"""What a job runs and reads; how it is run stands in its unit."""

_KILLED = re.compile(
    r"oom-?kill|out of memory|memory cgroup|killed process|status=9/KILL|\bSIGKILL\b|signal 9\b",
    re.IGNORECASE,
)
_UNIT_ADDED = re.compile(r"/etc/systemd/system/(?:[^/]+\.(?:wants|requires)/)?([^/]+\.service)")
_DEFINES = re.compile(r"/etc/systemd/system/([^/]+\.service)(?:\.d(?:/|$)|$)")

_SAME_MOMENT = timedelta(seconds=1)
"""systemd tells seconds: a file written just before a start may seem written after it."""


_RELEASES = ("/opt", "/srv", "/usr/local", "/var/www", "/home")
"""Where applications lie, the release that runs behind a link."""

_ROOT_OF_A_UNIT = "/run/systemd/unit-root"
"""What systemd puts before the paths of a unit that it shows only a part of the host."""


class HostCase:
    """One host of a case: its view, its failing paths, and what they lead to."""

    def __init__(self, case: Case, host: str) -> None:
        self.case = case
        self.host = case.host_named(host)
        self.view = HostView(self.host, case.evidence)
        self._logs: dict[str, str] = {}
        self._denied: dict[str, frozenset[str]] = {}
        self.baseline = case.baseline_of(host)
        self.then = None if self.baseline is None else self.baseline.view(self.host)
        self.red = tuple(p for p in case.red if p.probe.address == self.host.address)
        claimed = case.incident.claimed_service if host == case.host.name else None
        asked = (p for p in case.probes if p.probe.address == self.host.address)
        answered = frozenset(p.probe.port for p in asked if p.status is not None)
        self.walker = PathWalker(self.view, self.baseline, claimed, answered)
        self.serving = self.walker.serving

    @cached_property
    def walks(self) -> tuple[Walk, ...]:
        return tuple(self.walker.walk(p) for p in self.red)

    @cached_property
    def declared(self) -> tuple[str, ...]:
        """Units of the services that the ticket and the inventory name."""
        named = (
            self.serving.unit_named(s) for s in (self.serving.claimed, *self.host.services) if s
        )
        return tuple(dict.fromkeys(u for u in named if u is not None))

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Units on failing paths, nearest to the user first; then the claimed and declared ones."""
        on_paths = [u for walk in self.walks for u in walk.units]
        return tuple(dict.fromkeys([*on_paths, *self.declared, *self.gone]))

    @cached_property
    def failing(self) -> tuple[str, ...]:
        """Units of failing hops, in the order of the path."""
        failed = [h.subject for w in self.walks for h in w.hops if h.state is HopState.FAILED]
        return tuple(dict.fromkeys(s for s in failed if s.endswith((".service", ".socket"))))

    @property
    def is_own(self) -> bool:
        """Whether it is the incident's own host."""
        return self.host.name == self.case.host.name

    @property
    def may_be_meant(self) -> bool:
        """Whether the ticket may be about this host: its own, or one behind it where nothing fails
        on its own."""
        own = self.case.host.address
        return self.is_own or not any(p.probe.address == own for p in self.case.red)

    @cached_property
    def starving(self) -> str | None:
        """A failing service that is killed for want of memory, where its log or systemd says so."""
        for name in self.failing:
            unit = self.view.units.get(name)
            if unit is not None and unit[0].result == "oom-kill":
                return name
            if _KILLED.search(self.said(name)):
                return name
        return None

    @cached_property
    def neighbours(self) -> tuple[str, ...]:
        """Other services whose definition changed, where one is starving: they may be the cause."""
        if self.starving is None or self.drift is None:
            return ()
        found = (_DEFINES.match(change.path) for change in self.drift[0])
        named = (match[1] for match in found if match is not None)
        return tuple(
            dict.fromkeys(n for n in named if n in self.view.units and n not in self.units)
        )

    @cached_property
    def suspects(self) -> tuple[str, ...]:
        """Services that may be behind a failure that shows in another one.

        Where the path breaks at a service that does nothing wrong by itself, whatever stands
        before it or is declared beside it may be what it misses; so may everything on a host
        that suffers only through others.
        """
        if not self._may_lie_behind:
            return self._engine_of_containers
        return tuple(u for u in self.units if u in self.view.units and u not in self.failing)

    @property
    def _engine_of_containers(self) -> tuple[str, ...]:
        """The engine, where users do not reach a container: it makes the way to it."""
        known = () if self.view.containers is None else self.view.containers[0]
        published = {port.port for container in known for port in container.ports}
        reached = published.isdisjoint(p.probe.port for p in self.red)
        engine = checks.ENGINE
        return () if reached or engine in self.failing else (engine,) * (engine in self.view.units)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Services that ran, or are declared, and that systemd has not even loaded now: one that
        was stopped is forgotten by it until somebody asks."""
        if not self._may_lie_behind:
            return ()
        return tuple(u for u in (*self.gone, *self.declared) if u not in self.view.units)

    @property
    def _may_lie_behind(self) -> bool:
        """Whether something that fails nowhere on the path may be at fault."""
        return bool(self.case.red) and (not self.red or self.breaks_at_a_service)

    @property
    def breaks_at_a_service(self) -> bool:
        """Whether a path breaks where a service answers badly, with nothing broken beneath it."""
        firsts = [walk.first_failed for walk in self.walks]
        layers = (Layer.APPLICATION, Layer.UPSTREAM)
        return any(
            hop is not None and hop.layer in layers and self.view.steady(hop.subject) is not False
            for hop in firsts
        )

    def is_gone(self, path: str) -> bool:
        """Whether a file of the system's configuration is known not to be there, then or now."""
        now = self.manifest_now
        if now is None or self.baseline is None or not path.startswith("/etc/"):
            return False
        known = (*now.files, *self.baseline.manifest.files)
        return all(file.path != path for file in known)

    @property
    def manifest_now(self) -> Manifest | None:
        """The host's files and units as they are."""
        now = self.view.facts(Manifest, "baseline.manifest")
        return None if now is None else now[0]

    @cached_property
    def drift(self) -> tuple[tuple[Change, ...], int] | None:
        """What changed since the baseline, and the evidence; None where that is not known."""
        now = self.view.facts(Manifest, "baseline.manifest")
        if now is None or self.baseline is None:
            return None
        found = with_renames(
            changes(self.baseline.manifest, now[0]), self.baseline.manifest, now[0], self._in_use
        )
        return tuple(change for change in found if not self._is_idle(change)), now[1]

    @property
    def _in_use(self) -> tuple[str, ...]:
        """Paths that units run, read and work in."""
        units = [unit for unit, _ in self.view.units.values()]
        worked_in = (u.working_directory.lstrip("!-") for u in units if u.working_directory)
        named = (path for u in units for path in (*u.exec_start, *u.environment_files))
        return tuple(path for path in (*worked_in, *named) if path.startswith("/"))

    def _is_idle(self, change: Change) -> bool:
        """Whether it only brings a unit that was not there and does not run, which harms nobody, or
        a table of cron that a user has made: that is what they are for."""
        if change.kind is ChangeKind.ADDED and change.path.startswith("/var/spool/cron/"):
            return True
        named = _UNIT_ADDED.fullmatch(change.path)
        if named is None or change.kind is not ChangeKind.ADDED:
            return False
        now = self.view.units.get(named[1])
        then = None if self.then is None else self.then.units.get(named[1])
        return now is not None and then is None and now[0].active_state in ("inactive", "failed")

    @cached_property
    def themed(self) -> dict[str, tuple[Change, ...]]:
        """What changed that the ticket may be about, by theme."""
        if self.drift is None or not self.may_be_meant:
            return {}
        # A job that waits for its timer is not loaded, and so not among the units.
        scripts = (job_scripts.scripts(view) for view in (self.then, self.view))
        jobs = {unit.name for unit in self.timed} | {
            s.job for seen in scripts for s in seen.values()
        }
        return kept.themes(
            self.drift[0], self.case.incident, frozenset(jobs), self._files_of_jobs()
        )

    def _files_of_jobs(self) -> dict[str, str]:
        """What jobs run and read, each with the words by which people know its job."""
        found = {
            change.path: program(unit.name)
            for unit in self.timed
            for change, how in self.related(unit)
            if how in OF_A_JOB
        }
        for view in (self.then, self.view):
            for table in view.cron[0].tables if view is not None and view.cron else ():
                job = table.path.rsplit("/", 1)[-1]
                found |= {one: f"{job} {one.rsplit('/', 1)[-1]}" for one in table.programs}
                found |= {path: f"{found.get(path, '')} {job}" for path in self._of_cron}
            for script in job_scripts.scripts(view).values():
                job = program(script.job.rsplit("/", 1)[-1])
                found |= dict.fromkeys((script.path, *script.reads), job)
        return found

    @cached_property
    def _of_cron(self) -> tuple[str, ...]:
        """What changed of the daemon itself that starts every job of the tables."""
        unit = self.view.units.get(checks.CRON)
        related = [] if unit is None else self.related(unit[0])
        return tuple(c.path for c, how in related if how is Relation.DEFINITION)

    @cached_property
    def timed(self) -> tuple[UnitFacts, ...]:
        """Services that timers start."""
        found = (unit for unit, _ in self.view.units.values())
        return tuple(u for u in found if any(t.endswith(".timer") for t in u.triggered_by))

    @cached_property
    def touched(self) -> frozenset[str]:
        """Units of whose files one changed since the host was healthy, and every changed file."""
        changed = (self.drift or ((), 0))[0]
        differing = (f for c in changed for f in (c.then, c.now, *c.within) if f is not None)
        paths = {f.path for f in differing if f.kind == "file"}
        of_units = {
            name
            for name, (unit, _) in self.view.units.items()
            if any(how is not Relation.NAMING for _, how in self.related(unit))
        }
        return frozenset(paths | of_units | self._programs_of(paths))

    def _programs_of(self, paths: set[str]) -> set[str]:
        """What the tables of cron among these run, or ran, and the locks of that."""
        programs = {
            program
            for view in (self.then, self.view)
            for table in (view.cron[0].tables if view is not None and view.cron else ())
            if table.path in paths
            for program in table.programs
        }
        locks = job_scripts.known(self.view).values()
        return programs | {one.path for one in locks if one.script in programs}

    def related(self, unit: UnitFacts) -> list[tuple[Change, Relation]]:
        """The changes that have to do with a unit, and how."""
        pairs = ((c, self._relation_of(c, unit)) for c in (self.drift or ((), 0))[0])
        return [
            (c, r)
            for c, r in pairs
            if r is not None and not (r in _OTHERS_DATA and c.kind is ChangeKind.ADDED)
        ]

    def relation_of(self, path: str, unit: UnitFacts) -> Relation | None:
        """How a path has to do with a unit; what everything resolves by is none of one unit."""
        how = self._relation(path, unit)
        return None if how is Relation.NAMING else how

    def _relation_of(self, change: Change, unit: UnitFacts) -> Relation | None:
        """How a change has to do with a unit: as the nearest of what it took with it has."""
        nearest = (self._relation(path, unit) for path in change.paths)
        found = [how for how in nearest if how is not None]
        if change.is_folder_gone and f"{change.path}/" in self.said(unit.name):
            found.append(Relation.NAMED)  # by the path of something that lay in it
        if not found and self._closes(change, unit.name):
            found.append(Relation.NAMED)
        return min(found, key=_NEAREST.index, default=None)

    def _closes(self, change: Change, unit: str) -> bool:
        """Whether a folder is other than it was in whose files a unit is refused something: who
        may read them is told by it, too."""
        folder = change.now
        if change.kind is not ChangeKind.MODE or folder is None or folder.kind != "directory":
            return False
        if change.path.count("/") < 2:  # what closes /srv closes more than one unit's files
            return False
        if unit not in self._denied:
            self._denied[unit] = denied_paths(self.said(unit))
        return any(beneath(path, change.path) for path in self._denied[unit])

    def _relation(self, path: str, unit: UnitFacts) -> Relation | None:
        nginx = next((v.nginx[0] for v in (self.then, self.view) if v and v.nginx), None)
        ways = (relation(name, unit, nginx) for name in (path, *self._by_links(path)))
        how = next((way for way in ways if way is not None), None)
        return Relation.NAMED if how is None and self.names_path(path, unit.name) else how

    def _by_links(self, path: str) -> Iterator[str]:
        """What a path is called through links to a folder that it lies in: .../current/x."""
        for target, link in self._of_releases:
            if beneath(path, target):
                yield link + path[len(target) :]

    @cached_property
    def _of_releases(self) -> tuple[tuple[str, str], ...]:
        """Where links lead that applications are reached by, and the links."""
        return tuple(
            (target, link)
            for target, links in self._links.items()
            for link in links
            if any(beneath(link, root) for root in _RELEASES)
        )

    @cached_property
    def _links(self) -> dict[str, list[str]]:
        """Every link by what it leads to."""
        found: dict[str, list[str]] = {}
        files = () if self.manifest_now is None else self.manifest_now.files
        for file in files:
            if file.target and (target := points_to(file)) != "/":
                found.setdefault(target, []).append(file.path)
        return found

    def names_path(self, path: str, unit: str) -> bool:
        """Whether a unit's log has this very path, as a word of its own."""
        said = self.said(unit)
        if path.count("/") < 2:  # /etc or /srv alone says nothing
            return False
        names = (path, *self._by_links(path), *self._links.get(path, ()))
        known = (name for name in names if name in said)
        words = (rf"(?<![\w/.-]){re.escape(name)}(?![\w/-])" for name in known)
        return any(re.search(word, said) for word in words)

    def said(self, unit: str) -> str:
        """A unit's log as one text, joined once: every change is looked for in it."""
        if unit not in self._logs:
            found = self.view.log(unit)
            lines = () if found is None else found[0].lines
            said = "\n".join(line.example for line in lines)
            self._logs[unit] = said.replace(_ROOT_OF_A_UNIT, "")
        return self._logs[unit]

    @cached_property
    def gone(self) -> tuple[str, ...]:
        """Services that ran while the host was healthy and do not now."""
        now = self.manifest_now
        if now is None or self.baseline is None:
            return ()
        off = set(self.baseline.manifest.active_units) - set(now.active_units)
        return tuple(sorted(u for u in off if u.endswith(".service") and self._is_lasting(u)))

    def _is_lasting(self, unit: str) -> bool:
        """Whether it is meant to go on running: a job that has ended is no loss."""
        then = None if self.then is None else self.then.units.get(unit)
        running = then is not None and then[0].sub_state == "running"
        return running and not is_of_a_login(unit)

    def unread(self, file: Manifest.File, unit: UnitFacts) -> bool | None:
        """Whether a service runs since before a file was written that it reads only at its start
        or when it is told to; None where that is not known, or the file is of another kind."""
        read = max((m for m in (unit.active_since, unit.state_since) if m), default=None)
        if read is None or not file.modified:
            return None
        if file.modified <= read:  # both ISO 8601 in UTC, by the host's own clock
            return False
        if self._relation(file.path, unit) not in READ_AT_START or is_among_pages(file.path):
            return None
        written = datetime.fromisoformat(file.modified)
        return written - datetime.fromisoformat(read) >= _SAME_MOMENT

    def nearness(self, unit: str) -> int:
        """How far down the path a unit stands: 0 for the first that fails."""
        if unit in self.failing:
            return self.failing.index(unit)
        return len(self.failing) + 1

    def common(self) -> tuple[dict[str, Any], dict[str, int]]:
        """What every condition may read, and the evidence behind it."""
        probe = self.red[0] if self.red else next(iter(self.case.red), None)
        facts: dict[str, Any] = {
            "host": {"name": self.host.name, "address": self.host.address},
            "has_baseline": self.baseline is not None,
            "suffering": bool(self.case.red),
            "probe": None if probe is None else _answer(probe),
        }
        sources: dict[str, int] = {}
        if probe is not None and probe.evidence_id is not None:
            sources |= {"probe": probe.evidence_id, "suffering": probe.evidence_id}
        if self.view.persons is not None:
            persons, sources["persons"] = self.view.persons
            facts["persons"] = {
                "logged_in": list(persons.logged_in),
                "notes": [{"path": p, "text": t} for p, t in persons.notes.items()],
            }
        return facts, sources


def _answer(probe: ProbeResult) -> dict[str, Any]:
    return probe.model_dump(mode="json", exclude={"probe"}) | {"late": probe.late}


def host_cases(case: Case) -> tuple[HostCase, ...]:
    """The incident's host first, then those it depends on that have been looked at."""
    looked_at = {e.host for e in case.evidence} | {case.host.name}
    names = [case.host.name, *(h.name for h in case.hosts if h.name != case.host.name)]
    return tuple(HostCase(case, name) for name in names if name in looked_at)
