"""Jobs that run to their end and failed the last time, as systemd tells it."""

from __future__ import annotations

from app.domain.host import asked_of
from app.domain.probe import Probe
from app.host.facts import UnitFacts
from app.host.view import HostView

CHECK = "ended"
"""The check that a job ended well the last time."""

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


def _failed(unit: UnitFacts) -> bool:
    return unit.type == "oneshot" and unit.active_state == "failed"
