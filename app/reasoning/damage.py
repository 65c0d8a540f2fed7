"""Databases that say that their data is damaged: they are left alone, whatever a ticket asks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.action import ActionCall
from app.host.databases import NAMES
from app.host.drift import program
from app.host.network_state import text_of
from app.reasoning.host_case import HostCase

LINES = 200
_MOST = 3
_DAMAGED = re.compile(
    r"invalid page in block|page verification failed|checksum (?:mismatch|failure|error)"
    r"|could not read block|missing chunk number|unexpected chunk (?:number|size)"
    r"|database page corruption|tablespace .{0,40}corrupt|is marked as crashed"
    r"|(?:index|table|page|block|data) .{0,60}\bcorrupt(?:ed|ion)?\b"
    r"|bad file format reading the append only file|wrong signature trying to load the db",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:databases?|dbs?|sql|postgres\w*|mariadb|mysql|redis|tables?|rows?|quer(?:y|ies)|blocks?"
    r"|pages? .{0,40}(?:corrupt|invalid|checksum)\w*)\b"
)


def asks(case: HostCase) -> Iterable[ActionCall]:
    """What databases wrote down lately, where the ticket may be about one."""
    for unit in _databases(case):
        for action in ("unit.logs", "journal.unit"):
            params: dict[str, str | int] = {"unit": unit, "lines": LINES}
            yield ActionCall(action=action, host=case.host.name, params=params)


def told(case: HostCase) -> str:
    """The newest line by which a database says that its data is damaged; "" where none does."""
    for unit in _databases(case):
        if line := line_of(case, unit):
            return f"{unit} on {case.host.name} says that its data is damaged: {line}"
    return ""


def line_of(case: HostCase, unit: str) -> str:
    """The newest line by which a unit's log tells of damaged data; "" where none does."""
    log = case.view.log(unit)
    lines = () if log is None else log[0].lines
    return next((one.example for one in reversed(lines) if _DAMAGED.search(one.example)), "")


def _databases(case: HostCase) -> tuple[str, ...]:
    """Units of databases that run, where the ticket may be about one."""
    names = [name for known in NAMES.values() for name in known]
    claimed = (case.case.incident.claimed_service or "").lower()
    meant = any(name in claimed for name in names)
    if not meant and not _ABOUT.search(text_of(case.case.incident)):
        return ()
    units = (
        unit
        for unit, (facts, _) in case.view.units.items()
        if facts.active_state == "active"
        and facts.sub_state == "running"
        and any(name in program(unit) for name in names)
    )
    return tuple(units)[:_MOST]
