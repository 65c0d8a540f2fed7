"""Libraries that somebody put where programs look before they look at the packaged ones.

`sudo pip install`, `make install`, a `.so` that was copied: what comes to /usr/local hides what the
distribution keeps working, for every service of that language, from its next start on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.host.drift import Change, ChangeKind
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts

_SEARCHED_FIRST = re.compile(
    r"(?P<place>/usr/local/lib(?:64)?/python3[^/]*/(?:dist|site)-packages"
    r"|/usr/local/lib/(?:site_ruby|ruby)(?:/[0-9][^/]*)?"
    r"|/usr/local/(?:share|lib)(?:/[^/]+-linux-[^/]+)?/perl5?(?:/[0-9][^/]*)?"
    r"|/usr/local/lib/node_modules"
    r"|/usr/local/lib(?:64)?(?:/[^/]+-linux-[^/]+)?(?=/lib[^/]+\.so))"
    r"/(?P<name>[^/]+)(?:/.*)?"
)
"""Where interpreters and the loader look before the distribution's folders, and what for."""

_METADATA = re.compile(r"[-_.](?:dist-info|egg-info|egg-link|pth|so|py|pyc)\b.*|-[0-9][0-9a-z.]*$")
_COMPLAINS = re.compile(
    r"cannot open shared object|file too short|undefined symbol|invalid elf|wrong elf class"
    r"|modulenotfounderror|importerror|no module named|cannot (?:find module|import name)"
    r"|cannot load such file|bus error|signal (?:7|11)\b|segmentation fault"
    r"|version .{0,40}not found|attributeerror|syntaxerror|partially initialized",
    re.IGNORECASE,
)
"""How programs end that load a library which is not what they were made for."""

_MOST_TOPS = 6


def of_new_libraries(case: HostCase) -> frozenset[str]:
    """Paths that are of such a library, and so are judged with all of it."""
    if not any(True for _ in library_subjects(case)):
        return frozenset()
    libraries = _new_libraries((case.drift or ((), 0))[0])
    return frozenset(change.path for files in libraries.values() for change in files)


def library_subjects(case: HostCase) -> Iterable[Subject]:
    """Each library that came since the host was healthy, where a service dies as of one."""
    if case.drift is None or not case.case.red:
        return
    complaining = [(name, said) for name in case.failing if (said := _complaint(case, name))]
    if not complaining:
        return
    unit, said = complaining[0]
    for name, files in _new_libraries(case.drift[0]).items():
        facts, sources = case.common()
        facts["unit"], unit_sources = unit_facts(case, unit)
        paths = [change.path for change in files]
        facts["library"] = {
            "name": name,
            "place": _place_of(paths[0]),
            "said": said,
            "named": any(path in case.said(unit) for path in paths) or _is_named(name, said),
            "tops": [{"path": top} for top in _tops(paths)],
        }
        yield Subject(
            kind="library",
            host=case.host.name,
            name=f"{_place_of(paths[0])}/{name}",
            facts=facts,
            sources=sources | unit_sources | {"library": case.drift[1]},
            nearness=case.nearness(unit),
        )


def _new_libraries(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """Files that were added, by the library that they are of; one that was there before and is
    another now is no new one."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        match = _SEARCHED_FIRST.fullmatch(change.path)
        if match is None:
            continue
        name = _METADATA.sub("", match["name"]) or match["name"]
        found.setdefault(name, []).append(change)
    return {
        name: files
        for name, files in _joined(found).items()
        if all(c.kind is ChangeKind.ADDED for c in files)
        and len(_tops(c.path for c in files)) <= _MOST_TOPS
    }


def _joined(found: dict[str, list[Change]]) -> dict[str, list[Change]]:
    """What a distribution of a library is called goes with the library: x_binary with x."""
    joined: dict[str, list[Change]] = {}
    for name in sorted(found, key=len):
        head = next((one for one in joined if name.lower().startswith(one.lower())), name)
        joined.setdefault(head, []).extend(found[name])
    return joined


def _tops(paths: Iterable[str]) -> list[str]:
    """What stands in the place itself, each once."""
    found = ((path, _place_of(path)) for path in paths)
    tops = (f"{place}/{path[len(place) + 1 :].split('/')[0]}" for path, place in found)
    return list(dict.fromkeys(tops))


def _place_of(path: str) -> str:
    match = _SEARCHED_FIRST.fullmatch(path)
    assert match is not None
    return match["place"]


def _complaint(case: HostCase, unit: str) -> str:
    log = case.view.log(unit)
    lines = () if log is None else log[0].lines
    return next((ln.example for ln in reversed(lines) if _COMPLAINS.search(ln.example)), "")


def _is_named(name: str, said: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", said, re.IGNORECASE) is not None
