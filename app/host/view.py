"""One host as the evidence shows it: the latest facts of each kind, each with its evidence id.

A fact that nobody looked at is absent (None), never a default: what is absent is asked for next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from pydantic import ValidationError

from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.value import Value, canonical_json
from app.host.facts import (
    ApacheFacts,
    ClockFacts,
    ConfigTestFacts,
    ContainerFacts,
    ContainersFacts,
    CronFacts,
    DiskUsageFacts,
    Filesystem,
    FilesystemsFacts,
    Listener,
    ListenersFacts,
    LogFacts,
    NginxFacts,
    PersonsFacts,
    UnitFacts,
    UnitFilesFacts,
    UnitsFacts,
)

T = TypeVar("T", bound=Value)

_OF_A_LOGIN = re.compile(r"(?:user|user-runtime-dir)@[0-9]+\.service|session-\w+\.scope")

RECENT = timedelta(hours=1)
"""What a log file said before that is not about now."""

SETTLED = timedelta(seconds=60)
"""How long a service that systemd had to restart must run before its running means anything."""

FIRST_PROCESS, _UNIT_OF_THE_FIRST = 1, "init.scope"
"""systemd itself, which listens in place of what it starts for a connection."""


class HostView:
    """The latest evidence on one host, by kind. Built anew whenever evidence arrives: it is cheap.

    `sources` maps what a condition reads ("unit:nginx.service", "listeners") to an evidence id.
    """

    def __init__(self, host: Host, evidence: Iterable[Evidence]) -> None:
        self.host = host
        self._latest: dict[tuple[str, str], Evidence] = {}
        for item in evidence:
            if item.host == host.name:
                self._latest[(item.action, canonical_json(item.params))] = item

    def evidence(self, action: str, **params: str | int) -> Evidence | None:
        """The latest answer to exactly this diagnostic, also where it failed."""
        return self._latest.get((action, canonical_json(params)))

    def every(self, action: str) -> tuple[Evidence, ...]:
        """The latest answers to a diagnostic, whatever its parameters."""
        return tuple(item for (name, _), item in self._latest.items() if name == action)

    def asked(self, action: str, **params: str | int) -> bool:
        return self.evidence(action, **params) is not None

    @property
    def reachable(self) -> bool | None:
        """Whether anything could be asked of the host; None before it was tried."""
        if not self._latest:
            return None
        return any(item.ok or item.exit_code is not None for item in self._latest.values())

    def facts(self, model: type[T], action: str, **params: str | int) -> tuple[T, int] | None:
        """The typed facts of a diagnostic that worked, with their evidence id."""
        item = self.evidence(action, **params)
        return None if item is None else _typed(model, item)

    # --- what nearly every question needs --------------------------------------------------------

    @cached_property
    def units(self) -> dict[str, tuple[UnitFacts, int]]:
        """Every unit seen, the single look winning over the survey."""
        looks = (*self.every("units.show"), *self.every("unit.show"))
        return {unit.name: (unit, item.id) for item in looks for unit in _units_of(item)}

    @cached_property
    def unit_files(self) -> dict[str, str]:
        """Enablement by unit name, also of units that are not loaded."""
        listed = self.facts(UnitFilesFacts, "unit_files.list")
        return {} if listed is None else {f.name: f.state for f in listed[0].files}

    @cached_property
    def listeners(self) -> tuple[tuple[Listener, ...], int] | None:
        """What listens. Where process 1 does, it does so for a .socket unit: for that, if known."""
        found = self.facts(ListenersFacts, "sockets.listening")
        if found is None:
            return None
        return tuple(self._by_socket(entry) for entry in found[0].listeners), found[1]

    def _by_socket(self, entry: Listener) -> Listener:
        if entry.pid != FIRST_PROCESS and entry.unit != _UNIT_OF_THE_FIRST:
            return entry
        holding = (
            name
            for name, (unit, _) in self.units.items()
            for one in unit.listens
            if (one.protocol, one.port) == (entry.protocol, entry.port)
        )
        return entry.model_copy(update={"unit": next(holding, None)})

    @cached_property
    def filesystems(self) -> tuple[tuple[Filesystem, ...], int] | None:
        """Each once: a container's overlay has no room but that of what it lies on."""
        found = self.facts(FilesystemsFacts, "filesystems.list")
        if found is None:
            return None
        listed = found[0].filesystems
        return tuple(one for one in listed if not _lies_on_another(one, listed)), found[1]

    @cached_property
    def nginx(self) -> tuple[NginxFacts, int] | None:
        return self.facts(NginxFacts, "nginx.dump")

    @cached_property
    def apache(self) -> tuple[ApacheFacts, int] | None:
        return self.facts(ApacheFacts, "apache.sites")

    @cached_property
    def containers(self) -> tuple[tuple[ContainerFacts, ...], int] | None:
        found = self.facts(ContainersFacts, "containers.list")
        return None if found is None else (found[0].containers, found[1])

    @cached_property
    def cron(self) -> tuple[CronFacts, int] | None:
        return self.facts(CronFacts, "cron.tables")

    @cached_property
    def clock(self) -> tuple[ClockFacts, int] | None:
        return self.facts(ClockFacts, "clock.chrony")

    @cached_property
    def persons(self) -> tuple[PersonsFacts, int] | None:
        return self.facts(PersonsFacts, "persons.list")

    def config_test(self, unit: str) -> tuple[ConfigTestFacts, int] | None:
        """The configuration test of the program that a unit runs, where the catalog has one."""
        action = config_test_of(unit)
        return None if action is None else self.facts(ConfigTestFacts, action)

    def log(self, unit: str) -> tuple[LogFacts, int] | None:
        """What the unit said: its log files' recent lines, then its journal's."""
        written, journal = self._said("unit.logs", unit), self._said("journal.unit", unit)
        if written is None or journal is None:
            return journal or written
        lines = (*written[0].lines, *journal[0].lines)
        return journal[0].model_copy(update={"lines": lines}), journal[1]

    def _said(self, action: str, unit: str) -> tuple[LogFacts, int] | None:
        """A log of a unit, whatever number of lines was asked for, without what is long past."""
        for item in self.every(action):
            if item.params.get("unit") == unit and (found := _typed(LogFacts, item)) is not None:
                since = (item.taken_at - RECENT).isoformat()
                lines = found[0].lines
                if action == "unit.logs":
                    lines = tuple(x for x in lines if x.last is None or x.last >= since)
                return found[0].model_copy(update={"lines": lines}), found[1]
        return None

    def disk_usage(self, path: str) -> tuple[DiskUsageFacts, int] | None:
        return self.facts(DiskUsageFacts, "disk.usage", path=path)

    # --- questions over them ---------------------------------------------------------------------

    def flapping(self, unit: str) -> bool:
        """Whether a unit that runs at this moment dies again and again.

        A look that falls between two deaths of a crash loop shows an active unit and an open port;
        only its restarts tell it from a healthy one.
        """
        found = self.units.get(unit)
        if found is None or not found[0].n_restarts:
            return False
        return self._restarted_between_looks(unit) or self._just_restarted(*found)

    def _restarted_between_looks(self, unit: str) -> bool:
        seen = {
            looked.n_restarts
            for item in (*self.every("units.show"), *self.every("unit.show"))
            for looked in _units_of(item)
            if looked.name == unit
        }
        return len(seen - {None}) > 1

    def _just_restarted(self, unit: UnitFacts, ident: int) -> bool:
        if unit.active_since is None:
            return False
        taken = next(item.taken_at for item in self._latest.values() if item.id == ident)
        return abs(taken - datetime.fromisoformat(unit.active_since)) < SETTLED

    def steady(self, unit: str) -> bool | None:
        """Whether a unit runs, and has not only just been restarted; None where unknown."""
        found = self.units.get(unit)
        if found is None or found[0].active_state is None:
            return None
        running = found[0].active_state == "active" and found[0].sub_state != "auto-restart"
        return running and not self.flapping(unit)

    def listening_on(self, port: int) -> tuple[Listener, ...] | None:
        """TCP listeners on a port; None where listeners are unknown."""
        if self.listeners is None:
            return None
        return tuple(
            entry for entry in self.listeners[0] if entry.port == port and entry.protocol == "tcp"
        )

    def filesystem_of(self, path: str) -> Filesystem | None:
        """The file system that holds a path, by its longest mount point."""
        if self.filesystems is None:
            return None
        holding = [f for f in self.filesystems[0] if beneath(path, f.mount)]
        return max(holding, key=lambda f: len(f.mount.rstrip("/")), default=None)


CONFIG_TESTS = {
    "nginx": "nginx.test",
    "apache2": "apache.test",
    "httpd": "apache.test",
    "ssh": "sshd.test",
    "sshd": "sshd.test",
    "named": "named.test",
    "haproxy": "haproxy.test",
}
"""The catalog's configuration test by the name of the unit whose program it is for."""


def _lies_on_another(one: Filesystem, listed: Sequence[Filesystem]) -> bool:
    return one.fstype == "overlay" and any(
        other.fstype != one.fstype
        and other.size_bytes == one.size_bytes
        and beneath(one.mount, other.mount)
        for other in listed
    )


def config_test_of(unit: str) -> str | None:
    """The catalog's configuration test for a unit, by the program it is named after."""
    return CONFIG_TESTS.get(unit.removesuffix(".service").split("@", 1)[0])


def beneath(path: str, folder: str) -> bool:
    """Whether a path is the folder or lies below it."""
    root = folder.rstrip("/")
    return path == root or path.startswith(root + "/")


def is_of_a_login(unit: str) -> bool:
    """Whether a unit comes and goes with somebody's logins: user@1000.service."""
    return _OF_A_LOGIN.fullmatch(unit) is not None


def _units_of(item: Evidence) -> tuple[UnitFacts, ...]:
    """The units of a survey, or the one of a single look."""
    if item.action == "unit.show":
        one = _typed(UnitFacts, item)
        return () if one is None else (one[0],)
    many = _typed(UnitsFacts, item)
    return () if many is None else many[0].units


def _typed(model: type[T], item: Evidence) -> tuple[T, int] | None:
    if not item.ok:
        return None
    try:
        return model.model_validate(item.facts), item.id
    except ValidationError:  # written by another version: as good as not known
        return None
