"""Scripts of jobs as subjects: those that pile up, and locks that their runs left behind."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.host import job_scripts
from app.host.drift import Change, ChangeKind
from app.host.facts import FileDiffFacts
from app.host.kept import timer_of
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.written import comments_of, diff_ask


def lock_subjects(case: HostCase) -> Iterable[Subject]:
    """Each lock that is asked about, or that a failing service takes, and that nobody is at."""
    asked = case.view.evidence(job_scripts.ASKED)
    checked = {p.probe.subject for p in case.red if p.probe.check == job_scripts.CHECK}
    for path, lock in job_scripts.known(case.view).items():
        service = lock.job if lock.job in case.failing else ""
        if asked is None or not (service or path in checked) or not lock.left_behind:
            continue
        facts, sources = case.common()
        told = {"whose": lock.whose, "says_whose": lock.pid is not None, "service": service}
        facts["lock"] = lock.model_dump(mode="json") | told
        yield Subject(
            kind="lock",
            host=case.host.name,
            name=path,
            facts=facts,
            sources=sources | {"lock": asked.id},
            nearness=0,
        )


def piling_subjects(case: HostCase) -> Iterable[Subject]:
    """Each script that is asked about and piles up, with the change that may have made it."""
    asked = case.view.evidence(job_scripts.ASKED)
    known = job_scripts.scripts(case.view)
    for path in _piling(case):
        if asked is None or path not in known:
            continue
        facts, sources = case.common()
        facts["script"] = known[path].model_dump(mode="json")
        sources["script"] = asked.id
        change = _schedule_changed(case, path)
        timer = None if change is None else timer_of(change.path)
        of_it = change is not None and _is_of_it(case, change, path)
        facts["script"] |= {
            "changed": change.path if change is not None and of_it else "",
            "looked_at": of_it is not None,
            "timers": [] if timer is None else [{"unit": timer}],
        }
        if change is not None and case.drift is not None:
            said = comments_of(case, change)
            comments = {} if said is None else {"comments": said[0]}
            facts["change"] = change.model_dump(mode="json") | comments
            sources["change"] = case.drift[1]
        yield Subject(
            kind="script",
            host=case.host.name,
            name=path,
            facts=facts,
            sources=sources,
            nearness=0,
        )


def piling_asks(case: HostCase) -> Iterable[ActionCall]:
    """What shows how a schedule was changed, and why."""
    for path in _piling(case):
        change = _schedule_changed(case, path)
        ask = None if change is None else diff_ask(case, change.model_dump(mode="json"))
        if ask is not None:
            yield ask


def _piling(case: HostCase) -> tuple[str, ...]:
    checked = (p.probe.subject for p in case.red if p.probe.check == job_scripts.PILES)
    return tuple(path for path in checked if path)


def _schedule_changed(case: HostCase, path: str) -> Change | None:
    """The change of what says when a script runs: its table, or its timer."""
    one = job_scripts.scripts(case.view).get(path)
    if one is None:
        return None
    timer = one.job.removesuffix(".service") + ".timer"
    for change in (case.drift or ((), 0))[0]:
        if timer_of(change.path) == timer:
            return change
        if change.path == one.job and change.kind is ChangeKind.CONTENT:
            return change
    return None


def _is_of_it(case: HostCase, change: Change, path: str) -> bool | None:
    """Whether a changed table says something else of this script; None where it was not read."""
    if timer_of(change.path) is not None:
        return True
    then = change.then.sha256 if change.then is not None else None
    asked = {"path": change.path, "sha256": then or ""}
    diff = case.view.facts(FileDiffFacts, "file.diff", **asked)
    if diff is None:
        return None
    lines = (line for line in diff[0].diff.splitlines() if line[:1] in "+-")
    return any(path in line for line in lines)
