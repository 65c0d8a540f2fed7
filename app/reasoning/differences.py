"""What changed and the ticket is about, as subjects: each theme once, with all its paths."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Any

from app.domain.action import ActionCall
from app.domain.host import asked_of
from app.domain.probe import Probe, ProbeKind
from app.host import database_settings, job_scripts, kept
from app.host.drift import Change, ChangeKind, Relation, how_changed
from app.host.kept import is_startup_file, is_told, timer_of
from app.host.network_state import text_of
from app.host.view import beneath
from app.knowledge.setting_meanings import meant
from app.reasoning.change_subjects import is_code
from app.reasoning.host_case import OF_A_JOB, HostCase
from app.reasoning.since_healthy import CONFIGURATION, findings, telling
from app.reasoning.subjects import Subject
from app.reasoning.written import comments_of, diff_ask, settings_of

_RUNNING = ("cron.service",)
"""What keeps the time zone that it was started with."""

_READ = frozenset({Relation.DEFINITION, Relation.ENVIRONMENT, Relation.CONFIGURATION})
_UNIT_FILES = ("/etc/systemd/system", "/run/systemd/system")
_MOST_READ = 6
_OF_A_SETTING = "the setting "
_NOTHING_ELSE = "nothing else changed"
"""The theme of what the ticket does not speak of, where it is the one thing that changed."""


def themed(case: HostCase) -> dict[str, tuple[Change, ...]]:
    """What changed that the ticket may be about: by what a file is for, or by what was set in it.

    The latter only of what was looked at (`set_otherwise_asks`), and where no user is refused: what
    they are refused speaks louder than what a setting is about.
    """
    found = dict(case.themed)
    known = {change.path for changes in found.values() for change in changes}
    text = text_of(case.case.incident)
    if any(p.probe.kind is not ProbeKind.HOST for p in case.case.red):
        return found
    for change in _set_otherwise(case):
        names = meant(settings_of(case, change), text)
        if names and change.path not in known:
            theme = f"{_OF_A_SETTING}{names[0]}"
            found[theme] = (*found.get(theme, ()), change)
    asked = {p.probe.subject for p in case.red if p.probe.check == kept.ALONE}
    alone = tuple(change for change in telling(case) if change.path in asked)
    return found | ({_NOTHING_ELSE: alone} if alone else {})


def only_thing(case: HostCase) -> tuple[Probe, ...]:
    """The checks of the one thing that is not as it was, whatever the ticket is about: a file that
    configures something, or a switch of a running database.

    None where more was found, or less is known. Judged by what `since_healthy.asks` has to answer.
    """
    found = findings(case)
    if len(found) != 1 or themed(case):
        return ()
    changes = [
        change
        for change in telling(case)
        if change.path == found[0].key and is_told(change) and not is_code(change)
        if is_startup_file(change.path) or any(beneath(change.path, root) for root in CONFIGURATION)
    ]
    switches = [
        one.subject
        for one in database_settings.changed(case.view, case.then)
        if found[0].key == f"inside {one.subject}" and (one.is_word or one.engine == "postgres")
    ]
    of_switches = (asked_of(case.host, database_settings.CHECK, one) for one in switches)
    return (*kept.probes_of(case.host, changes, kept.ALONE), *of_switches)


def set_otherwise_asks(case: HostCase) -> tuple[ActionCall, ...]:
    """What shows which settings were changed."""
    asks = (_ask(case, change) for change in _set_otherwise(case))
    return tuple(ask for ask in asks if ask is not None)[:_MOST_READ]


def _set_otherwise(case: HostCase) -> list[Change]:
    changes = telling(case) if case.may_be_meant else []
    if not case.is_own:
        units = [case.view.units[name][0] for name in case.units if name in case.view.units]
        needed = {change.path for unit in units for change, _ in case.related(unit)}
        changes = [change for change in changes if change.path in needed]
    return [c for c in changes if c.kind in (ChangeKind.ADDED, ChangeKind.CONTENT) and is_told(c)]


def difference_subjects(case: HostCase) -> Iterable[Subject]:
    """Each theme of the ticket under which something is not as it was."""
    themes = themed(case)
    for theme, changes in themes.items():
        assert case.drift is not None
        facts, sources = case.common()
        said = [found for change in changes if (found := comments_of(case, change)) is not None]
        asks = [ask for change in changes if (ask := _ask(case, change)) is not None]
        facts["changes"] = [change.model_dump(mode="json") for change in changes]
        facts["difference"] = {
            "theme": theme,
            "paths": ", ".join(change.path for change in changes),
            "how": ", ".join(dict.fromkeys(how_changed(change) for change in changes)),
            "alone": len(themes) == 1,
            "meant": theme != _NOTHING_ELSE,
            "refused": _is_refused(case, changes),
            "looked_at": all(case.view.asked(ask.action, **ask.params) for ask in asks),
            "words_unread": len(said) < len(asks),
            "comments": "\n".join(text for text, _ in said),
            "timers": _timers(case, changes),
            "jobs": _jobs(case, changes),
            "of_a_unit": any(c.path.startswith(_UNIT_FILES) for c in changes),
            "reloaded": _readers(case, theme, changes, reload=True),
            "restarted": _readers(case, theme, changes, reload=False),
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
    for changes in themed(case).values():
        for change in changes:
            ask = _ask(case, change)
            if ask is not None:
                yield ask


def _is_refused(case: HostCase, changes: tuple[Change, ...]) -> bool:
    """Whether the program that reads one of these refuses it: it may be meant, and misspelt."""
    said = " ".join(p.detail for p in case.red if p.probe.check == "config")
    return any(change.path in said for change in changes)


def _readers(
    case: HostCase, theme: str, changes: tuple[Change, ...], *, reload: bool
) -> list[dict[str, Any]]:
    """Units that run and have read a changed setting: by a reload where they can and it is enough.

    What else people speak of (logins, jobs, the time zone) is read whenever it is needed, but for
    how the daemon itself is run that starts jobs.
    """
    found: list[dict[str, Any]] = []
    whole = theme == _NOTHING_ELSE or theme.startswith(_OF_A_SETTING)
    read = _READ if whole else {Relation.DEFINITION}
    timed = {unit.name for unit in case.timed}
    for name, (unit, _) in case.view.units.items():
        if not case.view.steady(name) or unit.type == "oneshot" or name in timed:
            continue
        how = {case.relation_of(change.path, unit) for change in changes} & read
        by_reload = bool(unit.can_reload) and how == {Relation.CONFIGURATION}
        if how and by_reload is reload:
            found.append({"unit": name})
    return found


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


def _timers(case: HostCase, changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    """Timers that changed, and those that ran and do not since the job that they start changed."""
    names = [timer_of(change.path) for change in changes]
    down = {p.probe.subject for p in case.red if p.probe.check == "runs"}
    known = {} if case.then is None else case.then.units
    for unit in (posixpath.basename(change.path) for change in changes):
        told = known[unit][0].triggered_by if unit in known else ()
        by_name = f"{unit.removesuffix('.service')}.timer"  # a job at rest may not be loaded
        names += [name for name in (*told, by_name) if name in down]
    return [{"unit": name} for name in dict.fromkeys(names) if name is not None]
