"""What changed and the ticket is about, as subjects: each theme once, with all its paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.domain.action import ActionCall
from app.host import job_scripts
from app.host.drift import Change
from app.host.kept import timer_of
from app.reasoning.change_subjects import comments_of, diff_ask
from app.reasoning.host_case import OF_A_JOB, HostCase
from app.reasoning.subjects import Subject

_RUNNING = ("cron.service",)
"""What keeps the time zone that it was started with."""


def difference_subjects(case: HostCase) -> Iterable[Subject]:
    """Each theme of the ticket under which something is not as it was."""
    for theme, changes in case.themed.items():
        assert case.drift is not None
        facts, sources = case.common()
        said = [found for change in changes if (found := comments_of(case, change)) is not None]
        asks = [ask for change in changes if (ask := _ask(case, change)) is not None]
        facts["changes"] = [change.model_dump(mode="json") for change in changes]
        facts["difference"] = {
            "theme": theme,
            "paths": ", ".join(change.path for change in changes),
            "how": ", ".join(dict.fromkeys(change.kind.value for change in changes)),
            "alone": len(case.themed) == 1,
            "looked_at": all(case.view.asked(ask.action, **ask.params) for ask in asks),
            "words_unread": len(said) < len(asks),
            "comments": "\n".join(text for text, _ in said),
            "timers": _timers(changes),
            "jobs": _jobs(case, changes),
            "of_a_unit": any(c.path.startswith("/etc/systemd/system/") for c in changes),
            "running": [{"unit": name} for name in _RUNNING if case.view.steady(name)],
        }
        idents: dict[str, int] = {"difference": case.drift[1]}
        if said:
            idents["difference.comments"] = said[0][1]
        yield Subject(
            kind="difference",
            host=case.host.name,
            name=theme,
            facts=facts,
            sources=sources | idents,
            nearness=0,
        )


def difference_asks(case: HostCase) -> Iterable[ActionCall]:
    """What shows the words that were written."""
    for changes in case.themed.values():
        for change in changes:
            ask = _ask(case, change)
            if ask is not None:
                yield ask


def _ask(case: HostCase, change: Change) -> ActionCall | None:
    return diff_ask(case, change.model_dump(mode="json"))


def _jobs(case: HostCase, changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    """The jobs of timers that ran with what changed, and so may have done nothing useful since."""
    paths = {change.path for change in changes}
    ran = [
        unit.name
        for unit in case.timed
        if unit.type == "oneshot" and any(case.relation_of(p, unit) in OF_A_JOB for p in paths)
    ]
    ran += [
        script.job
        for script in job_scripts.scripts(case.view).values()
        if script.kind == "oneshot" and paths.intersection((script.path, *script.reads))
    ]
    return [{"unit": name} for name in dict.fromkeys(ran)]


def _timers(changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    names = (timer_of(change.path) for change in changes)
    return [{"unit": name} for name in dict.fromkeys(names) if name is not None]
