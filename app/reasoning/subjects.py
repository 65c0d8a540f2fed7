"""What failure modes are asked about: the units, changes, mounts and names on the user's path.

Each subject carries its facts as plain data (what conditions read) and, for every name that a
condition may read, the id of the evidence behind it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from app.domain.action import ActionCall
from app.domain.value import Value
from app.host.drift import Change, Relation, changes, program, relation
from app.host.facts import FileDiffFacts, Manifest, UnitFacts
from app.host.path import FULL_PERCENT, HopState, PathWalker, Walk
from app.host.view import HostView
from app.reasoning.port import Case


class Subject(Value):
    """One thing that may be at fault."""

    kind: str  # unit | change | mount | name
    host: str
    name: str  # the unit, path, mount point or name
    facts: dict[str, Any]
    sources: dict[str, int]  # name read by conditions ("unit", "unit.log") -> evidence id
    nearness: int  # 0: the first failing hop; counted along the path

    def evidence_for(self, read: str) -> int | None:
        """The evidence behind a name that a condition reads, by its longest known prefix."""
        parts = read.split(".")
        for length in range(len(parts), 0, -1):
            if (found := self.sources.get(".".join(parts[:length]))) is not None:
                return found
        return None


_NEAR = {
    Relation.ENVIRONMENT: 0,
    Relation.DEFINITION: 0,
    Relation.CONFIGURATION: 1,
    Relation.PROGRAM: 2,
    Relation.NAMING: 3,
}


class HostCase:
    """One host of a case: its view, its failing paths, and the subjects they lead to."""

    def __init__(self, case: Case, host: str) -> None:
        self.case = case
        self.host = case.host_named(host)
        self.view = HostView(self.host, case.evidence)
        self.baseline = case.baseline_of(host)
        self.then = None if self.baseline is None else self.baseline.view(self.host)
        self.red = tuple(p for p in case.red if p.probe.address == self.host.address)
        claimed = case.incident.claimed_service if host == case.host.name else None
        self.walker = PathWalker(self.view, self.baseline, claimed)

    @cached_property
    def walks(self) -> tuple[Walk, ...]:
        return tuple(self.walker.walk(p) for p in self.red)

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Units on failing paths, nearest to the user first; then the claimed and declared ones."""
        named = [self.walker.claimed, *self.host.services]
        declared = [self.walker.unit_named(s) for s in named if s]
        on_paths = [u for walk in self.walks for u in walk.units]
        return tuple(dict.fromkeys([*on_paths, *(u for u in declared if u is not None)]))

    @cached_property
    def drift(self) -> tuple[tuple[Change, ...], int] | None:
        """What changed since the baseline, and the evidence; None where that is not known."""
        now = self.view.facts(Manifest, "baseline.manifest")
        if now is None or self.baseline is None:
            return None
        return changes(self.baseline.manifest, now[0]), now[1]

    def failing_units(self) -> tuple[str, ...]:
        """Units of failing hops, in the order of the path."""
        failed = [h.subject for w in self.walks for h in w.hops if h.state is HopState.FAILED]
        return tuple(dict.fromkeys(s for s in failed if s.endswith(".service")))

    # --- subjects --------------------------------------------------------------------------------

    def subjects(self) -> tuple[Subject, ...]:
        """Everything that may be at fault on this host."""
        return (
            *(self._unit(u) for u in self.units if u in self.view.units),
            *self._changes(),
            *self._mounts(),
            *self._names(),
        )

    def _common(self) -> tuple[dict[str, Any], dict[str, int]]:
        probe = self.red[0] if self.red else None
        facts: dict[str, Any] = {
            "host": {"name": self.host.name, "address": self.host.address},
            "has_baseline": self.baseline is not None,
            "suffering": bool(self.red),
            "probe": None if probe is None else probe.model_dump(mode="json", exclude={"probe"}),
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

    def _unit(self, name: str) -> Subject:
        facts, sources = self._common()
        facts["unit"], unit_sources = self.unit_facts(name)
        return Subject(
            kind="unit",
            host=self.host.name,
            name=name,
            facts=facts,
            sources=sources | unit_sources,
            nearness=self._nearness(name),
        )

    def unit_facts(self, name: str) -> tuple[dict[str, Any], dict[str, int]]:
        """A unit as conditions read it, and the evidence behind each part."""
        unit, ident = self.view.units[name]
        facts: dict[str, Any] = unit.model_dump(mode="json")
        sources = {"unit": ident}
        facts |= self._unit_then(name) | {
            "program": program(name),
            "host": self.host.name,
            "on_path": any(name in w.units for w in self.walks),
            "failing": name in self.failing_units(),
            "declared": name in {self.walker.unit_named(s) for s in self.host.services},
            "enabled": self.view.unit_files.get(name) or unit.unit_file_state,
            "steady": self.view.steady(name) is True,
            "flapping": self.view.flapping(name),
        }
        self._add_held(name, facts, sources)
        self._add_config(name, facts, sources)
        self._add_log(name, facts, sources)
        self._add_changes(unit, facts, sources)
        self._add_full_mounts(name, facts, sources)
        return facts, sources

    def _unit_then(self, name: str) -> dict[str, Any]:
        found = None if self.then is None else self.then.units.get(name)
        if self.then is None or (found is None and not self.then.units):
            return {"active_then": None, "enabled_then": None}
        return {
            "active_then": found is not None and found[0].active_state == "active",
            "enabled_then": self.then.unit_files.get(name),
        }

    def _add_held(self, name: str, facts: dict[str, Any], sources: dict[str, int]) -> None:
        """Listeners of others on ports that this unit should serve."""
        if self.view.listeners is None:
            return
        ports = {p.probe.port for p in self.red if self.walker.expected_unit(p.probe.port) == name}
        if self.then is not None and self.then.listeners is not None:
            ports |= {e.port for e in self.then.listeners[0] if e.unit == name}
        held = [
            e for e in self.view.listeners[0]
            if e.port in ports and e.protocol == "tcp" and e.unit != name
        ]  # fmt: skip
        facts["ports"] = sorted(ports)
        facts["held"] = [e.model_dump(mode="json") | self._holder(e.unit) for e in held]
        facts["listening"] = any(e.unit == name for e in self.view.listeners[0])
        sources |= {"unit.held": self.view.listeners[1], "unit.listening": self.view.listeners[1]}

    def _holder(self, unit: str | None) -> dict[str, Any]:
        if unit is None:
            return {"declared": False, "active_then": None, "enabled": None}
        declared = unit in {self.walker.unit_named(s) for s in self.host.services}
        return self._unit_then(unit) | {
            "declared": declared,
            "enabled": self.view.unit_files.get(unit),
        }

    def _add_config(self, name: str, facts: dict[str, Any], sources: dict[str, int]) -> None:
        found = self.view.config_test(name)
        if found is not None:
            facts["config"] = found[0].model_dump(mode="json")
            sources["unit.config"] = found[1]

    def _add_log(self, name: str, facts: dict[str, Any], sources: dict[str, int]) -> None:
        found = self.view.log(name)
        if found is not None:
            facts["log"] = [line.model_dump(mode="json") for line in found[0].lines]
            facts["log_text"] = "\n".join(line.example for line in found[0].lines[-40:])
            sources |= {"unit.log": found[1], "unit.log_text": found[1]}

    def _add_changes(self, unit: UnitFacts, facts: dict[str, Any], sources: dict[str, int]) -> None:
        if self.drift is None:
            return
        found = self._related(unit)
        facts["changes"] = [{"path": c.path, "kind": c.kind.value, "relation": r} for c, r in found]
        sources["unit.changes"] = self.drift[1]

    def _add_full_mounts(self, name: str, facts: dict[str, Any], sources: dict[str, int]) -> None:
        if self.view.filesystems is None:
            return
        entries, sources["unit.full_mounts"] = self.view.filesystems
        facts["full_mounts"] = [
            e.mount
            for e in entries
            if max(e.used_percent or 0, e.inodes_used_percent or 0) >= FULL_PERCENT
            and self.walker.writes_to(e.mount, [name])
        ]

    def _related(self, unit: UnitFacts) -> list[tuple[Change, Relation]]:
        nginx = next((v.nginx[0] for v in (self.then, self.view) if v and v.nginx), None)
        pairs = ((c, relation(c.path, unit, nginx)) for c in (self.drift or ((), 0))[0])
        return [(c, r) for c, r in pairs if r is not None]

    # --- changes ---------------------------------------------------------------------------------

    def _changes(self) -> Iterable[Subject]:
        seen: set[str] = set()
        for name in (*self.failing_units(), *self.units):
            if name not in self.view.units:
                continue
            for change, how in self._related(self.view.units[name][0]):
                if change.path not in seen:
                    seen.add(change.path)
                    yield self._change(change, how, name)

    def _change(self, change: Change, how: Relation, unit: str) -> Subject:
        facts, sources = self._common()
        facts["unit"], unit_sources = self.unit_facts(unit)
        assert self.drift is not None
        facts["change"] = {
            "path": change.path,
            "kind": change.kind.value,
            "relation": how.value,
            "then": None if change.then is None else change.then.model_dump(mode="json"),
            "now": None if change.now is None else change.now.model_dump(mode="json"),
            "blamed": self._blamed(change.path, facts["unit"]),
        }
        sources |= unit_sources | {"change": self.drift[1]}
        diff = self._diff(change)
        if diff is not None:
            facts["change"]["diff"] = diff[0].diff
            facts["change"]["comments"] = "\n".join(diff[0].comments)
            sources |= {"change.diff": diff[1], "change.comments": diff[1]}
        return Subject(
            kind="change",
            host=self.host.name,
            name=change.path,
            facts=facts,
            sources=sources,
            nearness=self._nearness(unit) + _NEAR[how],
        )

    def _blamed(self, path: str, unit: Mapping[str, Any]) -> bool | None:
        """Whether the unit's own configuration test names this file."""
        config = unit.get("config")
        if config is None:
            return None
        named = {p.get("file") for p in config["problems"]} | {
            p.get("subject") for p in config["problems"]
        }
        return path in named or self._real(path) in named

    def _real(self, path: str) -> str | None:
        """Where a symlink of the same content points: sites-enabled and sites-available."""
        now = self.view.facts(Manifest, "baseline.manifest")
        links = () if now is None else (f for f in now[0].files if f.target)
        return next((f.path for f in links if _points_to(f) == path), None)

    def _diff(self, change: Change) -> tuple[FileDiffFacts, int] | None:
        if change.then is None or change.then.sha256 is None:
            return None
        return self.view.facts(
            FileDiffFacts, "file.diff", path=change.path, sha256=change.then.sha256
        )

    def diff_ask(self, change: Mapping[str, Any]) -> ActionCall | None:
        """The diagnostic that shows a changed file's difference, where there are two versions."""
        then, now = change.get("then"), change.get("now")
        if not then or not now or not then.get("sha256") or change["kind"] != "content":
            return None
        params = {"path": change["path"], "sha256": then["sha256"]}
        return ActionCall(action="file.diff", host=self.host.name, params=params)

    # --- mounts and names ------------------------------------------------------------------------

    def _mounts(self) -> Iterable[Subject]:
        for walk in self.walks[:1]:
            for hop in walk.failed:
                if hop.layer.value == "storage":
                    yield self._mount(hop.subject, hop.evidence_ids[0])

    def _mount(self, mount: str, ident: int) -> Subject:
        facts, sources = self._common()
        entries, _ = self.view.filesystems or ((), 0)
        entry = next(e for e in entries if e.mount == mount)
        facts["mount"] = entry.model_dump(mode="json") | {"path": mount}
        sources |= {"mount": ident}
        usage = self.view.disk_usage(mount)
        if usage is not None:
            facts["mount"]["files"] = [f.model_dump(mode="json") for f in usage[0].files]
            facts["mount"]["deleted_open"] = [
                f.model_dump(mode="json") for f in usage[0].deleted_open
            ]
            sources["mount.files"] = usage[1]
        units = [u for u in self.units if u in self.view.units]
        facts["units"] = [self.unit_facts(u)[0] for u in units]
        return Subject(
            kind="mount",
            host=self.host.name,
            name=mount,
            facts=facts,
            sources=sources,
            nearness=0,
        )

    def _names(self) -> Iterable[Subject]:
        for walk in self.walks[:1]:
            for hop in walk.failed:
                if hop.layer.value == "dependency" and self.view.asked(
                    "name.resolve", name=hop.subject
                ):
                    yield self._name(hop.subject, hop.evidence_ids)

    def _name(self, name: str, idents: tuple[int, ...]) -> Subject:
        facts, sources = self._common()
        item = self.view.evidence("name.resolve", name=name)
        facts["name"] = {"asked": name, **(item.facts if item is not None else {})}
        naming = [c for c in (self.drift or ((), 0))[0] if c.path in _NAMING_FILES]
        facts["name"]["changed_files"] = [c.path for c in naming]
        sources |= {"name": idents[-1]}
        return Subject(
            kind="name", host=self.host.name, name=name, facts=facts, sources=sources, nearness=3
        )

    def _nearness(self, unit: str) -> int:
        failing = self.failing_units()
        if unit in failing:
            return failing.index(unit)
        return len(failing) + 1


_NAMING_FILES = frozenset({"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"})


def host_cases(case: Case) -> tuple[HostCase, ...]:
    """The incident's host first, then those it depends on that have been looked at."""
    looked_at = {e.host for e in case.evidence} | {case.host.name}
    names = [case.host.name, *(h.name for h in case.hosts if h.name != case.host.name)]
    return tuple(HostCase(case, name) for name in names if name in looked_at)


def _points_to(link: Manifest.File) -> str:
    """The absolute path that a symlink names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(link.path), link.target or ""))
