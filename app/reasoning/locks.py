"""Locks that runs of a job left behind, as subjects."""

from __future__ import annotations

from collections.abc import Iterable

from app.host import locks
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject


def lock_subjects(case: HostCase) -> Iterable[Subject]:
    """Each lock that is asked about and that nobody is at."""
    asked = case.view.evidence(locks.ASKED)
    checked = {p.probe.subject for p in case.red if p.probe.check == locks.CHECK}
    for path, lock in locks.known(case.view).items():
        if asked is None or path not in checked or not lock.left_behind:
            continue
        facts, sources = case.common()
        told = {"whose": lock.whose, "says_whose": lock.pid is not None}
        facts["lock"] = lock.model_dump(mode="json") | told
        yield Subject(
            kind="lock",
            host=case.host.name,
            name=path,
            facts=facts,
            sources=sources | {"lock": asked.id},
            nearness=0,
        )
