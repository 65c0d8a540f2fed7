"""Changes since the baseline as subjects: what may have been broken by whom touched it last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.host.drift import (
    Change,
    ChangeKind,
    Relation,
    acl_differs,
    how_changed,
    points_to,
    program,
)
from app.host.facts import Manifest, UnitFacts
from app.host.network_state import text_of
from app.host.view import beneath
from app.reasoning.folder_owners import changed_hands, taken_within
from app.reasoning.host_case import HostCase
from app.reasoning.libraries import of_new_libraries
from app.reasoning.shared_folders import left_behind, lost_setgid, shares_group
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts
from app.reasoning.written import (
    comments_of,
    diff_of,
    lines_of,
    names_page,
    quoted,
    sets_of,
    settings_of,
)

_NEAR = {
    Relation.ENVIRONMENT: 0,
    Relation.DEFINITION: 0,
    Relation.CONFIGURATION: 1,
    Relation.PROGRAM: 2,
    Relation.CONTENT: 1,
    Relation.STATE: 1,
    Relation.NAMED: 1,
    Relation.NAMING: 3,
}

BY_RELOAD = "changed-since-healthy"
"""The mode that puts a change back and has the service read it by a reload, where it can."""

_WRITTEN = frozenset({Relation.DEFINITION, Relation.ENVIRONMENT, Relation.CONFIGURATION})
_TOGETHER = 2

_LISTED = ("/etc", "/opt", "/srv", "/usr/local")
"""Below these a manifest has every file and folder."""

_CODE = (".py", ".php", ".js", ".rb", ".pl", ".java", ".jar", ".go", ".ts", ".war", ".wsgi")
_SETTINGS = re.compile(
    r".*/(?:[^/]*[-_.])?(?:conf|config|settings?|environment|env|local|production|defaults?)"
    r"(?:[-_.][^/]*)?"
)
"""How files of settings are called, though they are written in a programming language."""


def change_subjects(case: HostCase) -> Iterable[Subject]:
    """Each changed path once, with the unit nearest to the failure that it belongs to.

    One that failed comes first: whoever else misses the same path may only miss that unit's socket.
    """
    found: dict[str, tuple[Change, Relation, str]] = {}
    names = dict.fromkeys((*case.failing, *case.units, *case.neighbours))
    known = {name: case.view.units[name][0] for name in names if name in case.view.units}
    for name in sorted(known, key=lambda name: _order(name, known)):
        for change, how in case.related(known[name]):
            found.setdefault(change.path, (change, how, name))
    changed = [change for change, _, _ in found.values()]
    brought = _brought_along(changed) | _closed_with(case, changed) | of_new_libraries(case)
    for change, how, name in found.values():
        if change.path not in brought:
            alone = not found.keys() - brought - {change.path}
            yield _subject(case, change, how, name, alone=alone)


def _order(name: str, known: Mapping[str, UnitFacts]) -> tuple[bool, bool]:
    """What failed first; what only stands for its instances last."""
    unit = known[name]
    instances = any(other.startswith(f"{program(name)}@") for other in known)
    return unit.active_state != "failed", unit.type == "oneshot" and instances and "@" not in name


def _brought_along(changes: list[Change]) -> frozenset[str]:
    """What came with a link that points to it now, and what went with where it pointed: one
    release for another, one site that was switched on, one change."""
    links = [c for c in changes if c.kind is ChangeKind.TARGET or _is_new_link(c)]
    places = {
        ChangeKind.ADDED: [points_to(link.now) for link in links if link.now is not None],
        ChangeKind.REMOVED: [points_to(link.then) for link in links if link.then is not None],
    }
    return frozenset(
        c.path for c in changes if any(beneath(c.path, place) for place in places.get(c.kind, ()))
    )


def _closed_with(case: HostCase, changes: list[Change]) -> frozenset[str]:
    """What got another owner or mode together with the folder that it lies in (chown -R).

    The folder is put right first, since it closed all of it; the rest where that did not heal.
    """
    others = [c for c in changes if c.kind is ChangeKind.MODE]
    folders = [
        c.path
        for c in others
        if c.now is not None
        and c.now.kind == "directory"
        and _key(BY_RELOAD, case, c) not in case.case.refuted
    ]
    return frozenset(
        c.path for c in others for place in folders if c.path != place and beneath(c.path, place)
    )


def _is_new_link(change: Change) -> bool:
    now = change.now
    return change.kind is ChangeKind.ADDED and now is not None and now.kind == "symlink"


def together_subjects(case: HostCase) -> Iterable[Subject]:
    """What changed of one service, all of it at once, where each alone was put back in vain."""
    if case.drift is None:
        return
    for name in dict.fromkeys((*case.failing, *case.units)):
        if name not in case.view.units:
            continue
        found = [c for c, how in case.related(case.view.units[name][0]) if how in _WRITTEN]
        tried = [c for c in found if _key(BY_RELOAD, case, c) in case.case.refuted]
        if len(found) < _TOGETHER or len(tried) < len(found):
            continue  # one of them may be somebody's good work: each is tried alone first
        facts, sources = case.common()
        facts["unit"], unit_sources = unit_facts(case, name)
        said = [told for change in found if (told := comments_of(case, change)) is not None]
        facts["changes"] = [change.model_dump(mode="json") for change in found]
        facts["together"] = {
            "paths": ", ".join(change.path for change in found),
            "comments": "\n".join(text for text, _ in said),
        }
        yield Subject(
            kind="changes",
            host=case.host.name,
            name=name,
            facts=facts,
            sources=sources | unit_sources | {"changes": case.drift[1], "together": case.drift[1]},
            nearness=case.nearness(name),
        )


def _subject(case: HostCase, change: Change, how: Relation, unit: str, *, alone: bool) -> Subject:
    facts, sources = case.common()
    facts["unit"], unit_sources = unit_facts(case, unit)
    assert case.drift is not None
    facts["starving"] = case.starving if unit in case.neighbours else None
    facts["change"] = {
        "path": change.path,
        "kind": change.kind.value,
        "relation": how.value,
        "how": how_changed(change),
        "then": None if change.then is None else change.then.model_dump(mode="json"),
        "now": None if change.now is None else change.now.model_dump(mode="json"),
        "renamed_to": change.renamed_to,
        "within": [file.model_dump(mode="json") for file in change.within],
        "blamed": _blamed(case, change.paths, facts["unit"]),
        "alone": alone,
        "is_code": is_code(change),
        "stray_code": alone and _is_stray_code(case, change, unit),
        "is_settings": any(_SETTINGS.fullmatch(path) for path in change.paths),
        "reload_refuted": _key(BY_RELOAD, case, change) in case.case.refuted,
        "unread": _unread(case, change, case.view.units[unit][0]),
        "points_to": None if change.now is None else change.now.target,
        "points_nowhere": _dangles(case, change.now) if change.kind is ChangeKind.TARGET else None,
        "dangling": _dangles(case, change.then) if change.kind is ChangeKind.TARGET else None,
        "sets": sets_of(case, change),
        "lines": lines_of(case, change),
        "named": _is_named(case, unit),
        "names_page": names_page(case, change),
        "quoted": quoted(case, change),
        "named_in_log": case.names_path(change.path, unit),
        "access_differs": _access_differs(change),
        "still_readable": _still_readable(change),
        "settings": list(settings_of(case, change)),
        "lost_setgid": lost_setgid(change),
        "shares_group": shares_group(change),
        "left_behind": left_behind(case, change),
        "changed_hands": changed_hands(change),
        "taken_within": taken_within(case.view, change),
        "others_refuted": any(key.startswith(f"{BY_RELOAD}@") for key in case.case.refuted),
    }
    sources |= unit_sources | {"change": case.drift[1]}
    diff = diff_of(case, change)
    if diff is not None:
        facts["change"]["diff"] = diff[0].diff
        sources |= {"change.diff": diff[1]}
    said = comments_of(case, change)
    if said is not None:
        facts["change"]["comments"] = said[0]
        sources |= {"change.comments": said[1]}
    return Subject(
        kind="change",
        host=case.host.name,
        name=change.path,
        facts=facts,
        sources=sources,
        nearness=case.nearness(unit) + _NEAR[how],
    )


def is_code(change: Change) -> bool:
    """Whether it is an application's own program, and not what configures it."""
    return any(p.endswith(_CODE) and not _SETTINGS.fullmatch(p) for p in change.paths)


def _is_stray_code(case: HostCase, change: Change, unit: str) -> bool:
    """Whether one program came to a release and the service that fails since complains of it by its
    path: it belongs to no release, and can be taken out of the way."""
    return (
        change.kind is ChangeKind.ADDED and is_code(change) and case.names_path(change.path, unit)
    )


def _access_differs(change: Change) -> bool:
    """Whether who may use it changed beside what it says."""
    then, now = change.then, change.now
    if then is None or now is None or change.kind is not ChangeKind.CONTENT:
        return False
    return (then.owner, then.group, then.mode) != (now.owner, now.group, now.mode)


def _still_readable(change: Change) -> bool:
    """Whether a file only changed hands, and everybody may read it as before."""
    then, now = change.then, change.now
    if then is None or now is None or change.kind is not ChangeKind.MODE or now.kind != "file":
        return False
    return now.mode == then.mode and int(now.mode, 8) & 0o004 != 0 and not acl_differs(then, now)


def _key(mode: str, case: HostCase, change: Change) -> str:
    """The hypothesis that a mode draws of a change."""
    return f"{mode}@{case.host.name}:{change.path}"


def _unread(case: HostCase, change: Change, unit: UnitFacts) -> bool | None:
    """Whether the running service has not read the file as it is now; None where not known."""
    if change.now is None or change.kind is not ChangeKind.CONTENT:
        return None
    return case.unread(change.now, unit)


def _blamed(case: HostCase, paths: tuple[str, ...], unit: Mapping[str, Any]) -> bool | None:
    """Whether the unit's own configuration test, or a check on the host, names one of these."""
    if any(p.probe.subject in paths for p in case.red):
        return True
    config = unit.get("config")
    if config is None:
        return None
    named = {p.get("file") for p in config["problems"]} | {
        p.get("subject") for p in config["problems"]
    }
    return any(path in named or _real(case, path) in named for path in paths)


def _real(case: HostCase, path: str) -> str | None:
    """Where a symlink of the same content points: sites-enabled and sites-available."""
    now = case.view.facts(Manifest, "baseline.manifest")
    links = () if now is None else (f for f in now[0].files if f.target)
    return next((f.path for f in links if points_to(f) == path), None)


def _dangles(case: HostCase, link: Manifest.File | None) -> bool | None:
    """Whether a link points, or would point, to what is not there now; None: not known."""
    now = case.manifest_now
    if link is None or now is None:
        return None
    target = points_to(link)
    if not any(beneath(target, root) for root in _LISTED):
        return None
    return all(f.path != target for f in now.files)


def _is_named(case: HostCase, unit: str) -> bool:
    """Whether the ticket is about the service that a change belongs to, by its own words."""
    incident = case.case.incident
    claimed = case.is_own and case.serving.unit_named(incident.claimed_service or "") == unit
    return claimed or program(unit) in text_of(incident)
