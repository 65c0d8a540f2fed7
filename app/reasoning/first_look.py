"""What is asked of a host before anything is suspected: cheap, and nearly always of use."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.action import ActionCall
from app.domain.host import Host
from app.host import accounts, balancing, job_scripts, load
from app.host.baseline import Baseline
from app.host.network_state import ABOUT_REACH, ABOUT_SPEED, text_of
from app.reasoning.databases import database_actions
from app.reasoning.port import Case

_ALWAYS = ("unit_files.list", "sockets.listening", "filesystems.list", "persons.list",
           "security.signs")  # fmt: skip

_OF_PROGRAMS = {
    "nginx.dump": ("nginx",),
    "apache.sites": ("apache2", "httpd"),
    balancing.ASKED: (balancing.PROGRAM,),
    "containers.list": ("docker",),
}
"""What is asked where a program may run."""


def first_look(case: Case, host: Host) -> Iterable[ActionCall]:
    """The diagnostics of a first look at a host of the case."""
    baseline = case.baseline_of(host.name)
    yield _call(host, "units.show", pattern="*.service")
    for action in _ALWAYS:
        yield _call(host, action)
    for action, programs in _OF_PROGRAMS.items():
        if any(_may_run(host, case, name, baseline) for name in programs):
            yield _call(host, action)
    if ABOUT_REACH.search(text_of(case.incident)):
        yield _call(host, "network.show")
    if ABOUT_SPEED.search(text_of(case.incident)):
        yield _call(host, "qdisc.list")
    if load.ABOUT_LOAD.search(text_of(case.incident)):
        yield _call(host, load.ASKED)
    if accounts.ABOUT.search(text_of(case.incident)):
        yield _call(host, accounts.ASKED)
    text = text_of(case.incident)
    if job_scripts.ABOUT_JOBS.search(text) or load.ABOUT_LOAD.search(text):
        yield _call(host, job_scripts.ASKED)
    for action in database_actions(case, host):
        yield _call(host, action)
    if baseline is not None:
        yield _call(host, "baseline.manifest")


def _may_run(host: Host, case: Case, program: str, baseline: Baseline | None) -> bool:
    """Whether a program is likely to be there: declared, seen while healthy, or blamed."""
    if any(program in service for service in host.services):
        return True
    if baseline is not None:
        return f"{program}.service" in baseline.view(host).units
    own = host.name == case.host.name
    return own and program in (case.incident.claimed_service or "")


def _call(host: Host, action: str, **params: str | int) -> ActionCall:
    return ActionCall(action=action, host=host.name, params=params)
