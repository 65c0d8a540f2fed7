"""Scripts that cron, timers and failing services run: runs that pile up, and locks left behind."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.value import Value
from app.host.view import HostView

ASKED, CHECK = "jobs.scripts", "lock"
PILES = "piles"
"""The check that a job does not run beside itself again and again."""

PILED_UP = 3
"""Runs of one script at once: two may meet, three are no accident."""

ABOUT_JOBS = re.compile(
    r"\b(cron\w*|jobs?|back-?ups?|schedul\w*|nightly|hourly|daily|dump|report)\b"
)
"""How people speak of what cron and timers run."""

Said = tuple[bool, str]


class JobLock(Value):
    """A file by which the script of a job tells other runs of it that it is at work."""

    path: str
    script: str
    job: str  # the table or the service that runs the script
    kind: str  # missing | file | directory | symlink | other
    pid: int | None = None  # that it names
    ended: bool = False  # whoever took it runs no more: its process is gone, or the host restarted
    before_boot: bool = False  # taken before the host started
    open: bool = False  # a process has it open
    running: bool = False  # the script runs now
    age_seconds: int | None = None
    reused: bool = False  # the number that it names is another process's by now
    holder: str = ""  # the program of that one

    @property
    def left_behind(self) -> bool:
        """Whether it keeps the job from running and nobody is at it."""
        there = self.kind not in ("missing", "symlink")
        return there and not self.open and not self.running and (self.ended or self.pid is None)

    @property
    def whose(self) -> str:
        """By whom it was taken, as a sentence."""
        if self.reused:
            return f"its number, {self.pid}, is by now that of {self.holder or 'another process'}"
        if self.pid is not None:
            return f"process {self.pid}, which took it, has ended"
        return "it was taken before the host started" if self.before_boot else "nobody is at it"


class JobScript(Value):
    """A script that a job runs."""

    path: str
    job: str  # the table or the service that runs it
    kind: str = ""  # oneshot, simple, ...; empty: a table runs it
    reads: tuple[str, ...] = ()  # environment files of the service
    runs: int = 0  # at work now, those that it has forked itself not counted
    oldest_seconds: int | None = None


class JobScriptsFacts(Value):
    scripts: tuple[JobScript, ...] = ()
    locks: tuple[JobLock, ...] = ()


def known(view: HostView | None) -> dict[str, JobLock]:
    """Locks by path; none where they were not asked for."""
    found = None if view is None else view.facts(JobScriptsFacts, ASKED)
    return {} if found is None else {one.path: one for one in found[0].locks}


def scripts(view: HostView | None) -> dict[str, JobScript]:
    """Scripts of jobs by path; none where they were not asked for."""
    found = None if view is None else view.facts(JobScriptsFacts, ASKED)
    return {} if found is None else {one.path: one for one in found[0].scripts}


def piles(then: HostView) -> Iterable[tuple[str, str]]:
    """Pairs of the check and a script that did not pile up."""
    return ((PILES, one.path) for one in scripts(then).values() if one.runs < PILED_UP)


def runs_alone(view: HostView, path: str) -> Said | None:
    """Whether a job's script does not pile up; None where that is not known."""
    if view.facts(JobScriptsFacts, ASKED) is None:
        return None
    one = scripts(view).get(path)
    runs = 0 if one is None else one.runs
    return runs < PILED_UP, f"{path} runs {runs} times at once: it is started faster than it ends"


def learned(then: HostView) -> Iterable[tuple[str, str]]:
    """Pairs of the check and a lock that kept no job from running."""
    return ((CHECK, one.path) for one in known(then).values() if not one.left_behind)


def declared(now: HostView) -> Iterable[tuple[str, str]]:
    """Every lock that names a process which has ended: others may mean nothing by being there."""
    return ((CHECK, one.path) for one in known(now).values() if one.ended and one.pid is not None)


def is_free(view: HostView, path: str) -> Said | None:
    """Whether a lock is free, or held by a run that is at work; None where that is not known."""
    if view.facts(JobScriptsFacts, ASKED) is None:
        return None
    one = known(view).get(path)
    if one is None:
        return True, ""
    return not one.left_behind, f"{path} keeps {one.script} from running: {one.whose}"
