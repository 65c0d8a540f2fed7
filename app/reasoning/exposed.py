"""Files that programs refuse because others may read or write them, as their logs say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.domain.action import ActionCall
from app.domain.value import Value
from app.host.facts import FileStateFacts
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts

ASKED = "file.state"
_MOST = 4
_READABLE = re.compile(
    r"group or (?:world|others?) access|unprotected private key|bad permissions|(?:are|is) too open"
    r"|(?:readable|accessible) by (?:group|others?|anyone|everybody|the world)|world.readable",
    re.IGNORECASE,
)
_WRITABLE = re.compile(
    r"(?:world|group).writable|writable by (?:group|others?|anyone|everybody|the world)"
    r"|insecure (?:permissions|mode)|bad ownership or modes?",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<![\w./:-])(/(?:[\w@%+=,.-]+/)*[\w@%+=,.-]*[\w@%+=,-])(?![\w/])")
_FOR_OTHERS, _WRITE_FOR_OTHERS = 0o077, 0o022


class Refused(Value):
    """A file that a program does not take, and the bits of its mode that keep it from that."""

    path: str
    unit: str
    line: str  # of the log
    bits: int


def exposed_subjects(case: HostCase) -> Iterable[Subject]:
    """Each file that was refused for what others may do with it, and still may."""
    for one in _refused(case):
        found = case.view.facts(FileStateFacts, ASKED, path=one.path)
        if found is None or found[0].mode is None or found[0].kind != "file":
            continue
        mode = int(found[0].mode, 8)
        if not mode & one.bits:
            continue
        facts, sources = case.common()
        facts["unit"], unit_sources = unit_facts(case, one.unit)
        facts["exposed"] = {
            **one.model_dump(include={"path", "unit", "line"}),
            "mode": found[0].mode,
            "wanted": f"{mode & ~one.bits:04o}",
        }
        yield Subject(
            kind="exposed",
            host=case.host.name,
            name=one.path,
            facts=facts,
            sources=sources | unit_sources | {"exposed": found[1]},
            nearness=case.nearness(one.unit),
        )


def exposed_asks(case: HostCase) -> Iterable[ActionCall]:
    """What stands at each path that was refused."""
    for one in _refused(case):
        yield ActionCall(action=ASKED, host=case.host.name, params={"path": one.path})


def _refused(case: HostCase) -> tuple[Refused, ...]:
    found = {one.path: one for one in _complaints(case)}
    return tuple(found.values())[:_MOST]


def _complaints(case: HostCase) -> Iterator[Refused]:
    for name in dict.fromkeys((*case.failing, *case.units)):
        log = case.view.log(name)
        for line in () if log is None else log[0].lines:
            said = line.example
            bits = _FOR_OTHERS if _READABLE.search(said) else 0
            bits |= _WRITE_FOR_OTHERS if _WRITABLE.search(said) else 0
            for path in _PATH.findall(said) if bits else ():
                yield Refused(path=path, unit=name, line=said[:200], bits=bits)
