"""Processes as subjects: what a login left behind that uses up a processor."""

from __future__ import annotations

from collections.abc import Iterable

from app.host import load
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject


def process_subjects(case: HostCase) -> Iterable[Subject]:
    """Each process that runs away, and what is known of it from while the host was healthy."""
    found, then = load.busy(case.view), load.busy(case.then)
    if found is None:
        return
    known = None if then is None else {one.command for one in then[0].processes}
    for one in load.running_away(case.view):
        facts, sources = case.common()
        facts["process"] = one.model_dump(mode="json") | {
            "busy_then": None if known is None else one.command in known,
        }
        yield Subject(
            kind="process",
            host=case.host.name,
            name=f"{one.command}/{one.pid}",
            facts=facts,
            sources=sources | {"process": found[1]},
            nearness=0,
        )
