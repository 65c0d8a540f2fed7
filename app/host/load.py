"""Who uses a host's processors: what is a job at work, and what nobody waits for any more."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.host.facts import UnitFacts
from app.host.process_facts import BusyProcess, ProcessorsFacts
from app.host.view import HostView

ASKED = "processors.busy"
CHECK, SUBJECT = "load", "processors"

ABOUT_LOAD = re.compile(
    r"\b(cpus?|cpu\w*|processors?|cores?|(?:high|host|system|server)[-_ ]?load\w*|load average"
    r"|\w*(?:high|host)(?:cpu|load)\w*|busy|overloaded|runaway|hogs?|hogging|pegged|spinning|slow\w*"
    r"|sluggish|laggy|processes)\b"
)
"""How people and alerts speak of processors that are used up."""

RUNS_AWAY, USES = 60.0, 15.0
"""Per cent of a processor that one process wants, now and ever since it started, and that it gets,
from which it counts: on a host that is used up nobody gets all that he wants."""

AT_WORK = 20.0
"""Per cent of a processor from which a job is worth naming as what keeps a host busy."""

CRON = "cron.service"


def busy(view: HostView | None) -> tuple[ProcessorsFacts, int] | None:
    """The processes that use the processors, and the evidence."""
    return None if view is None else view.facts(ProcessorsFacts, ASKED)


def running_away(view: HostView) -> tuple[BusyProcess, ...]:
    """Processes that a login left behind and that use up a processor."""
    found = busy(view)
    return tuple(
        one
        for one in (() if found is None else found[0].processes)
        if one.stray
        and min(one.demand_percent, one.lifetime_percent) >= RUNS_AWAY
        and one.busy_percent >= USES
    )


def jobs(view: HostView) -> tuple[tuple[str, float], ...]:
    """Jobs that are at work, with their share of one processor in per cent, the busiest first.

    What a timer started and has not ended is at work, though it may wait for a disk or another host
    in the very second that was measured. Cron is always there: its jobs count by what they use.
    """
    found = busy(view)
    shares = {name: 0.0 for name, (unit, _) in view.units.items() if _is_at_work(unit)}
    for one in () if found is None else found[0].processes:
        if one.unit == CRON or one.unit in shares:
            shares[one.unit] = shares.get(one.unit, 0.0) + one.busy_percent
    told = [(name, share) for name, share in shares.items() if name != CRON or share >= AT_WORK]
    return tuple(sorted(told, key=lambda pair: -pair[1]))


def commands_of(view: HostView, unit: str) -> frozenset[str]:
    """What runs of a unit and uses a processor, by name."""
    found = busy(view)
    return frozenset(
        one.command
        for one in (() if found is None else found[0].processes)
        if one.unit == unit and one.busy_percent >= AT_WORK
    )


def _is_at_work(unit: UnitFacts) -> bool:
    timed = any(name.endswith(".timer") for name in unit.triggered_by)
    return timed and unit.active_state == "activating" and unit.sub_state == "start"


def learned(then: HostView) -> Iterable[tuple[str, str]]:
    """The check, where it was looked at and nothing ran away."""
    if busy(then) is not None and not running_away(then):
        yield CHECK, SUBJECT


def declared(now: HostView) -> Iterable[tuple[str, str]]:
    """The check where nothing older is known: a stray process is one on any host."""
    if busy(now) is not None:
        yield CHECK, SUBJECT


def nothing_runs_away(view: HostView, _subject: str) -> tuple[bool, str] | None:
    """Whether no stray process uses up a processor; None where that was not looked at."""
    if busy(view) is None:
        return None
    found = running_away(view)
    told = ", ".join(f"{one.command} ({one.busy_percent:.0f} %)" for one in found[:3])
    return not found, f"a processor is used up by what a login left running: {told}"
