"""Mounts that are not as they were, as subjects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.domain.probe import Probe
from app.host import may_write, mounts
from app.host.facts import LogFacts, MountStateFacts
from app.host.mounts import AmissMount, MountFault
from app.host.view import beneath
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts
from app.reasoning.written import comments_of

TABLE = "/etc/fstab"
ERRORS_READ = 100
"""Lines of `journal.errors`, as the modes ask for them."""

_COMPLAINTS = {
    MountFault.GONE: r"no such file|does not exist|not found|not a mount ?point|enoent",
    MountFault.READ_ONLY: r"read-only file ?system|erofs|permission denied",
    MountFault.HANGS: r"not responding|timed out|stale file handle|transport endpoint|i/o error",
    MountFault.SMALL: r"no space left|enospc|could not resize shared memory|cannot allocate",
}
"""What is said by who misses it."""

_SAID_PATH = re.compile(r"(?<![\w./:-])/[\w./-]+")

_DAMAGE = re.compile(
    r"(?:ext[234]|xfs|btrfs)[- (].*(?:error|corrupt)|remounting filesystem read-only"
    r"|i/o error|metadata corruption|journal has aborted",
    re.IGNORECASE,
)


def mounting_subjects(case: HostCase) -> Iterable[Subject]:
    """Each place where something is not mounted as it should be."""
    if case.case.red:
        for one in mounts.amiss(case.view, case.then):
            yield _subject(case, one)


def covering_subjects(case: HostCase) -> Iterable[Subject]:
    """Each file system that lies over a folder and was not there, where users suffer."""
    found = case.view.evidence(mounts.ASKED)
    if not case.case.red or found is None:
        return
    for one in mounts.covering(case.view, case.then):
        facts, sources = case.common()
        units = dict.fromkeys((*case.failing, *case.units))
        state = case.view.facts(MountStateFacts, "mount.state", path=one.path)
        facts["covering"] = one.model_dump(mode="json") | {
            "named": _named(case, one.path, units),
            "holds": None if state is None else state[0].holds,
        }
        yield Subject(
            kind="covering",
            host=case.host.name,
            name=one.path,
            facts=facts,
            sources=sources | {"covering": found.id},
            nearness=0,
        )


def _named(case: HostCase, path: str, units: Iterable[str]) -> str:
    """The last line of a service's log that names something there, or the folder; "" for none."""
    found = ""
    for name in units:
        log = case.view.log(name)
        for line in () if log is None else log[0].lines:
            said = (one.rstrip("/") for one in _SAID_PATH.findall(line.example))
            if any(beneath(one, path) for one in said):
                found = line.example
    return found


def _subject(case: HostCase, one: AmissMount) -> Subject:
    facts, sources = case.common()
    units = [name for name in case.units if name in case.view.units]
    using = [name for name in units if case.relation_of(one.path, case.view.units[name][0])]
    state = case.view.facts(MountStateFacts, "mount.state", path=one.path)
    facts["mounting"] = one.model_dump(mode="json", exclude={"evidence_id"}) | {
        "is_checked": any(
            mounts.path_of(p.probe.subject or "") == one.path
            or (p.probe.check == may_write.CHECK and beneath(_folder_of(p.probe), one.path))
            for p in case.red
            if p.probe.check
        ),
        "using": ", ".join(using),
        "complaint": _complaint(case, one, units),
        "entries": None if state is None else state[0].entries,
        "damage": _damage(case),
    }
    facts["units"] = [unit_facts(case, name)[0] for name in (using or units)]
    change = next((c for c in (case.drift or ((), 0))[0] if c.path == TABLE), None)
    if change is not None:
        assert case.drift is not None
        said = comments_of(case, change)
        comments = {} if said is None else {"comments": said[0]}
        facts["change"] = change.model_dump(mode="json") | comments
        sources["change"] = case.drift[1]
    sources["mounting"] = one.evidence_id
    return Subject(
        kind="mounting",
        host=case.host.name,
        name=one.path,
        facts=facts,
        sources=sources,
        nearness=min((case.nearness(name) for name in using), default=1),
    )


def _folder_of(probe: Probe) -> str:
    return probe.subject.partition(" ")[2]


def _complaint(case: HostCase, one: AmissMount, units: list[str]) -> str | None:
    """The last line in which a service says that it misses this."""
    wanted = re.compile(_COMPLAINTS[one.fault], re.IGNORECASE)
    named = re.compile(rf"(?<![\w/.-]){re.escape(one.path)}(?![\w-])")
    found: str | None = None
    for name in units:
        log = case.view.log(name)
        for line in () if log is None else log[0].lines:
            names_it = one.path != "/" and named.search(line.example) is not None
            if wanted.search(line.example) and (names_it or _is_telling(one, line.example)):
                found = line.example
    return found


def _is_telling(one: AmissMount, line: str) -> bool:
    """Whether a complaint is of this kind whatever path it names, or names none."""
    if one.fault is MountFault.GONE:
        return False
    if mounts.shares_memory(one.then) and "shared memory" in line:
        return True  # a segment has a name that looks like a path, and is none
    paths = re.findall(r"(?<![\w.])/[\w./-]+", line)
    inside = any(beneath(path, one.path) for path in paths)
    return inside or (not paths and one.fault is MountFault.READ_ONLY)


def _damage(case: HostCase) -> str | None:
    """What the kernel said of file systems that it found damaged; None where nothing is known."""
    found = case.view.facts(LogFacts, "journal.errors", lines=ERRORS_READ)
    if found is None:
        return None
    lines: list[Any] = [line.example for line in found[0].lines if _DAMAGE.search(line.example)]
    return str(lines[-1]) if lines else ""
