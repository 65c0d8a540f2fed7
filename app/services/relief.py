"""Relief or cure: whether what helped will last, and is all that there was.

Ending the sessions that used up a database, or emptying a log that filled a disk, serves users
again. What made it so may be there still. Then the incident is not called resolved: what helped is
kept, and a person is told what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.action import ActionCall
from app.domain.evidence import Evidence
from app.domain.execution import Outcome, Step
from app.domain.probe import Probe
from app.host import database_losses, databases
from app.host.amiss import Amiss, filling_up
from app.host.network_state import ABOUT_SPEED, text_of
from app.host.view import HostView
from app.reasoning.host_case import READ_AT_START, HostCase
from app.services.looking import look_again
from app.services.ports import Conclusion, Effects
from app.services.progress import Applied, Progress
from app.services.telling import say

_STATES = frozenset(databases.ACTIONS.values())
_ROOM, _RUNS_JOB = "filesystems.list", "job.run"
_MOST_TOLD = 3
_MAKES_ROOM = frozenset(
    {"log.truncate", "log.truncate_deleted", "packages.clean_cache", "file.move_aside"}
)
"""Not the journal: it grows by whole files, up to the limit that it is given back."""


async def look_before(effects: Effects, key: str, applied: Applied) -> tuple[Evidence, ...]:
    """What must be known before health is watched, to tell afterwards whether it lasts."""
    calls = list(_about_room(applied))
    if not calls:
        return ()
    return await effects.observe(f"{key}.room", Step.VERIFY, calls, "How much room was made?")


async def left(
    at: Progress, effects: Effects, key: str, applied: Applied, before: tuple[Evidence, ...]
) -> tuple[Amiss, ...]:
    """What is still amiss though users are served."""
    calls = [*_about_room(applied), *_about_databases(at, applied), *_about_jobs(applied)]
    if not calls:
        return ()
    again = await effects.observe(f"{key}.left", Step.VERIFY, calls, "Is anything left amiss?")
    leader = at.assessment.leader if at.assessment is not None else None
    mounts = [leader.subject] if leader is not None else []
    found: list[Amiss] = []
    for name in dict.fromkeys(call.host for call in calls):
        host, baseline = at.known.host_named(name), at.known.baseline_of(name)
        view = HostView(host, again)
        found += filling_up(HostView(host, before), view, mounts)
        found += database_losses.losses(view, None if baseline is None else baseline.view(host))
        steps = [s for s in applied.plan.steps if s.host == name]
        found += _unended(view, [str(s.params["unit"]) for s in steps if s.action == _RUNS_JOB])
        ended = [s.params for s in steps if s.action in databases.ENDS_IDLE]
        for params in ended:
            found += database_losses.filling_again(view, str(params["group"]), int(params["count"]))
    return tuple(found)


def _about_room(applied: Applied) -> Iterable[ActionCall]:
    hosts = {step.host for step in applied.plan.steps if step.action in _MAKES_ROOM}
    return (ActionCall(action=_ROOM, host=host) for host in sorted(hosts))


def _about_jobs(applied: Applied) -> Iterable[ActionCall]:
    return (
        ActionCall(action="unit.show", host=step.host, params={"unit": step.params["unit"]})
        for step in applied.plan.steps
        if step.action == _RUNS_JOB
    )


def _unended(view: HostView, jobs: Sequence[str]) -> Iterable[Amiss]:
    """Jobs that were started and have not ended, or not well: what they are for is not done."""
    for name in jobs:
        unit = view.units.get(name)
        asked = view.evidence("unit.show", unit=name)
        if unit is None or asked is None:
            continue
        at_work = unit[0].active_state == "activating"
        if at_work or unit[0].result != "success":
            how = "is still at work" if at_work else f"has failed ({unit[0].result})"
            text = f"{name}, which was started anew, {how}"
            yield Amiss(key=f"job {name}", text=text, evidence_id=asked.id)


def _about_databases(at: Progress, applied: Applied) -> Iterable[ActionCall]:
    """Asked only where the repair was one of a database, or the ticket tells of slowness: an index
    may have been dropped for good reasons."""
    inside = any(step.action.partition(".")[0] in databases.ACTIONS for step in applied.plan.steps)
    if not inside and not ABOUT_SPEED.search(text_of(at.known.incident)):
        return ()
    asked = {(e.host, e.action): e for e in at.known.evidence if e.action in _STATES}
    return (ActionCall(action=e.action, host=e.host, params=e.params) for e in asked.values())


def left_as_they_are(at: Progress, applied: Applied) -> tuple[str, ...]:
    """Changes of the services that were mended which were not put back, as advice to a person.

    Users are served without it, so it may be somebody's good work; it may also be half of a fault.
    """
    paths = {str(step.params["path"]) for step in applied.plan.steps if "path" in step.params}
    case = HostCase(at.known, applied.plan.host)
    found: dict[str, str] = {}
    for unit, _ in case.view.units.values():
        related = [(c, how) for c, how in case.related(unit) if how in READ_AT_START]
        if not any(path in paths for change, _ in related for path in change.paths):
            continue
        for change, how in related:
            if not paths.intersection(change.paths):
                found[change.path] = (
                    f"Decide whether this is meant, it was left: {change.path} ({how.value} of "
                    f"{unit.name}) is not as it was while {case.host.name} was healthy either."
                )
    return tuple(found.values())[:_MOST_TOLD]


def tried_in_vain(at: Progress) -> tuple[str, ...]:
    """Changes that were put back, did not heal by themselves and were taken back, as advice.

    With two faults at once that may have been half of the cure: what runs may not show it yet.
    """
    told = []
    for host in at.known.hosts:
        for change in (HostCase(at.known, host.name).drift or ((), 0))[0]:
            if any(key.endswith(f"@{host.name}:{change.path}") for key in at.known.refuted):
                told.append(
                    f"Decide whether this is meant: {change.path} on {host.name} is not as it was; "
                    "putting it back alone did not heal, and was taken back."
                )
    return tuple(told[:_MOST_TOLD])


async def go_on(
    at: Progress, effects: Effects, key: str, checks: Sequence[Probe], told: str
) -> Progress:
    """Users are served, and the host can be asked for what is left amiss: look into that too."""
    await say(effects, f"{key}.left", Step.VERIFY, f"Users are served; looking into it that {told}")
    why = "Is that mended which is still amiss?"
    asked = await effects.probe(f"{key}.left.asked", Step.VERIFY, checks, why)
    at = at.with_probes(asked)
    if not at.known.red:
        return at
    at = at.step(kept=(*at.kept, *at.applied), applied=())
    return await look_again(at, effects, f"{key}.again")


async def relieved(
    at: Progress, effects: Effects, key: str, amiss: tuple[Amiss, ...], proving: Iterable[int]
) -> Progress:
    """Users are served, and it will not last or is not all: a person must go on."""
    assert at.assessment is not None
    assert at.assessment.leader is not None
    assert at.verification is not None
    leader = at.assessment.leader
    told = "; ".join(one.text for one in amiss[:3])
    await say(effects, f"{key}.left", Step.VERIFY, f"Users are served, yet {told}")
    conclusion = Conclusion(
        outcome=Outcome.ESCALATED,
        root_cause=f"{leader.text}; {told}",
        summary=f"{leader.text}. Relieved by {at.repaired}: {at.verification.statement}. "
        f"Not solved: {told}.",
        confidence=leader.confidence,
        evidence_ids=tuple(dict.fromkeys([*proving, *(one.evidence_id for one in amiss)])),
        recommended=tuple(f"See to it that this is mended: {one.text}." for one in amiss[:3]),
    )
    return at.step(conclusion=conclusion, next=Step.FINALIZE)
