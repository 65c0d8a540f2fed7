"""Limits of the web server that are too low for what users ask, as subjects."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from app.domain.action import ActionCall
from app.host import web_limits
from app.host.facts import FileStateFacts
from app.host.web_limits import LowLimit
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject

GATEWAY_TIMEOUT = 504


def limit_subjects(case: HostCase) -> Iterable[Subject]:
    """Each limit that refuses what is asked."""
    for one in _low(case):
        asked = case.view.evidence(web_limits.ASKED)
        assert asked is not None
        facts, sources = case.common()
        facts["limit"] = one.model_dump(mode="json") | {
            "real_file": _real(case, one.file),
            "stands": one.value or "not set",
            "others_served": any(
                p.ok and p.status is not None and p.probe.address == case.host.address
                for p in case.case.probes
            ),
        }
        yield Subject(
            kind="limit",
            host=case.host.name,
            name=f"{one.directive} {one.file}:{one.line}",
            facts=facts,
            sources=sources | {"limit": asked.id},
            nearness=0,
        )


def limit_asks(case: HostCase) -> Iterable[ActionCall]:
    """What tells whether nginx reads a file by a link."""
    for file in dict.fromkeys(one.file for one in _low(case)):
        yield ActionCall(action="file.state", host=case.host.name, params={"path": file})


def _low(case: HostCase) -> tuple[LowLimit, ...]:
    found: list[LowLimit] = []
    if any(p.probe.check == web_limits.CHECK for p in case.red):
        found += web_limits.low_sizes(case.view, case.case.incident)
    for failing in case.red:
        if failing.status == GATEWAY_TIMEOUT:
            found += web_limits.low_times(case.view, failing)
    return tuple({(one.directive, one.file, one.line): one for one in found}.values())


def _real(case: HostCase, file: str) -> str | None:
    """The file that a name leads to; None where it was not looked at."""
    state = case.view.facts(FileStateFacts, "file.state", path=file)
    if state is None:
        return None
    target = state[0].target
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), target)) if target else file
