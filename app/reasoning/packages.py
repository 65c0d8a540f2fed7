"""Packages that were removed and that a service misses, as subjects."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.action import ActionCall
from app.host import packages
from app.host.packages import PackageStateFacts
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts

_MISSES = re.compile(
    r"no module named ['\"]?(?P<module>[\w.]+)"
    r"|can(?:no|')t locate (?P<perl>[\w/:]+?)(?:\.pm)? in @inc"
    r"|(?P<library>[\w.+-]+\.so[\w.]*): cannot open shared object"
    r"|cannot load such file -- (?P<gem>[\w/-]+)|cannot find module ['\"](?P<node>[\w@/.-]+)"
    r"|(?P<command>[\w./+-]+): command not found|[0-9]: (?P<tool>[\w./+-]+): not found"
    r"|failed to (?:execute|locate executable) (?P<program>/[\w./+-]+)",
    re.IGNORECASE,
)
_NO_SUCH_PROGRAM = 203
"""systemd's exit code where it finds no program to run."""

_MOST_GONE = 30
"""Packages of which more than so many are gone were taken away on purpose."""


def package_subjects(case: HostCase) -> Iterable[Subject]:
    """Each package that is gone since the host was healthy, where a service misses something."""
    gone = packages.removed(case.view, case.then)
    missing = _missing(case)
    if gone is None or missing is None or not 0 < len(gone[0]) <= _MOST_GONE:
        return
    unit, what, said = missing
    for name, version in gone[0].items():
        facts, sources = case.common()
        facts["unit"], unit_sources = unit_facts(case, unit)
        state = case.view.facts(PackageStateFacts, "package.state", package=name)
        facts["package"] = {
            "name": name,
            "version": version,
            "missing": what,
            "complaint": said,
            "named": _named(name, what),
            "alone": len(gone[0]) == 1,
            "is_cached": None if state is None else version in state[0].cached,
        }
        yield Subject(
            kind="package",
            host=case.host.name,
            name=name,
            facts=facts,
            sources=sources | unit_sources | {"package": gone[1]},
            nearness=case.nearness(unit),
        )


def package_asks(case: HostCase) -> Iterable[ActionCall]:
    """What tells the packages, where a service misses something at its start."""
    if case.then is not None and _missing(case) is not None:
        yield ActionCall(action=packages.ASKED, host=case.host.name)


def _missing(case: HostCase) -> tuple[str, str, str] | None:
    """A unit that does not run well, what it misses, and the line that says so."""
    for name in case.units:
        found = case.view.units.get(name)
        if found is None or case.view.steady(name):
            continue
        log = case.view.log(name)
        for line in reversed(() if log is None else log[0].lines):
            match = _MISSES.search(line.example)
            if match is not None:
                return name, next(word for word in match.groups() if word), match[0]
        if found[0].exec_main_status == _NO_SUCH_PROGRAM and found[0].exec_start:
            program = found[0].exec_start[0]
            return name, program, f"systemd finds no {program}"
    return None


def _named(package: str, missing: str) -> bool:
    """Whether a package's name has what is missing as one of its words."""
    stem = re.split(r"\.so\b", missing.lower())[0].rsplit("/", 1)[-1]
    words = {w for w in re.split(r"[^a-z0-9]+", stem) if len(w) > 2} - _COMMON
    parts = {re.sub(r"[0-9]+$", "", part) for part in re.split(r"[^a-z0-9]+", package.lower())}
    return bool({re.sub(r"[0-9]+$", "", word) for word in words} & (parts - _COMMON))


_COMMON = frozenset({"lib", "python", "python3", "perl", "ruby", "node", "bin", "usr", "common"})
