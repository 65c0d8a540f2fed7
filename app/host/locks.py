"""Locks that jobs take by themselves, and runs that left theirs behind."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.value import Value
from app.host.view import HostView

ASKED, CHECK = "jobs.locks", "lock"
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

    @property
    def left_behind(self) -> bool:
        """Whether it keeps the job from running and nobody is at it."""
        there = self.kind not in ("missing", "symlink")
        return there and not self.open and not self.running and (self.ended or self.pid is None)

    @property
    def whose(self) -> str:
        """By whom it was taken, as a sentence."""
        if self.pid is not None:
            return f"process {self.pid}, which took it, has ended"
        return "it was taken before the host started" if self.before_boot else "nobody is at it"


class JobLocksFacts(Value):
    locks: tuple[JobLock, ...] = ()


def known(view: HostView | None) -> dict[str, JobLock]:
    """Locks by path; none where they were not asked for."""
    found = None if view is None else view.facts(JobLocksFacts, ASKED)
    return {} if found is None else {one.path: one for one in found[0].locks}


def learned(then: HostView) -> Iterable[tuple[str, str]]:
    """Pairs of the check and a lock that kept no job from running."""
    return ((CHECK, one.path) for one in known(then).values() if not one.left_behind)


def declared(now: HostView) -> Iterable[tuple[str, str]]:
    """Every lock that names a process which has ended: others may mean nothing by being there."""
    return ((CHECK, one.path) for one in known(now).values() if one.ended and one.pid is not None)


def is_free(view: HostView, path: str) -> Said | None:
    """Whether a lock is free, or held by a run that is at work; None where that is not known."""
    if view.facts(JobLocksFacts, ASKED) is None:
        return None
    one = known(view).get(path)
    if one is None:
        return True, ""
    return not one.left_behind, f"{path} keeps {one.script} from running: {one.whose}"
