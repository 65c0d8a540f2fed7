"""Jobs that run to their end: which failed the last time, are at work just now, or hang."""

from __future__ import annotations

from app.domain.host import asked_of
from app.domain.probe import Probe
from app.host.facts import JobProgressFacts, UnitFacts
from app.host.view import HostView

CHECK = "ended"
"""The check that a job ended well the last time."""

AT_REST = "at rest"
"""The check that a job is not at work just now: how it ends is not known before."""

MOVES, ASKED = "moves on", "job.progress"
"""The check that a job that is at work gets anywhere, and the diagnostic that tells."""

Said = tuple[bool, str]


def doubted(now: HostView, then: HostView | None) -> tuple[Probe, ...]:
    """Whether jobs that failed end well, where they did not fail while healthy.

    A job that waits for its timer is not even loaded, so it is not looked for among what was known.
    """
    failed = [name for name, (unit, _) in now.units.items() if _failed(unit)]
    known = {} if then is None else then.units
    new = (name for name in failed if name not in known or not _failed(known[name][0]))
    return tuple(asked_of(now.host, CHECK, name) for name in new)


def ended_well(view: HostView, unit: str) -> Said | None:
    """Whether a job ended well; None where it is not known."""
    if unit not in view.units:
        return None
    found = view.units[unit][0]
    how = f"{found.result or 'failed'}, status {found.exec_main_status}"
    return not _failed(found), f"the job {unit} fails ({how}), and did not while healthy"


def at_work(now: HostView, then: HostView | None) -> tuple[Probe, ...]:
    """Whether jobs that are at work just now, and were not while healthy, have ended.

    systemd forgets how a job ended the last time once it is started anew.
    """
    return _of_those_at_work(now, then, AT_REST)


def stuck(now: HostView, then: HostView | None) -> tuple[Probe, ...]:
    """The same: whether they get anywhere."""
    return _of_those_at_work(now, then, MOVES)


def _of_those_at_work(now: HostView, then: HostView | None, check: str) -> tuple[Probe, ...]:
    known = {} if then is None else then.units
    working = [name for name, (unit, _) in now.units.items() if _works(unit)]
    new = (name for name in working if name not in known or not _works(known[name][0]))
    return tuple(asked_of(now.host, check, name) for name in new)


def gets_anywhere(view: HostView, unit: str) -> Said | None:
    """Whether a job that is at work does anything, or has not been so for long; None: not known."""
    found = view.facts(JobProgressFacts, ASKED, unit=unit)
    if found is None:
        return None
    one = found[0]
    every = (
        "" if one.timer is None else f" ({one.timer} is to run it every {one.period_seconds:g} s)"
    )
    return not one.hangs, f"the job {unit} is at work for {one.seconds:.0f} s, doing nothing{every}"


def is_at_rest(view: HostView, unit: str) -> Said | None:
    """Whether a job is not at work; None where it is not known."""
    if unit not in view.units:
        return None
    return not _works(view.units[unit][0]), f"the job {unit} is at work"


def _works(unit: UnitFacts) -> bool:
    return unit.type == "oneshot" and unit.active_state == "activating"


def _failed(unit: UnitFacts) -> bool:
    return unit.type == "oneshot" and unit.active_state == "failed"
