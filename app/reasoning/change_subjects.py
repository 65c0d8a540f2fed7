"""Changes since the baseline as subjects: what may have been broken by whom touched it last."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.action import ActionCall
from app.host.drift import Change, ChangeKind, Relation, program
from app.host.facts import ConfigFileFacts, FileDiffFacts, Manifest, UnitFacts
from app.host.network_state import text_of
from app.host.view import beneath
from app.knowledge.setting_meanings import settings_in
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import unit_facts

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

_SETS = re.compile(r"^\+?[ \t]*([A-Z][A-Za-z]+)=", re.MULTILINE)
"""A setting of a unit file, in a text or in what a difference adds."""

_LISTED = ("/etc", "/opt", "/srv", "/usr/local")
"""Below these a manifest has every file and folder."""

_CODE = (".py", ".php", ".js", ".rb", ".pl", ".java", ".jar", ".go", ".ts", ".war", ".wsgi")


def change_subjects(case: HostCase) -> Iterable[Subject]:
    """Each changed path once, with the unit nearest to the failure that it belongs to."""
    found: dict[str, tuple[Change, Relation, str]] = {}
    for name in dict.fromkeys((*case.failing, *case.units, *case.neighbours)):
        if name in case.view.units:
            for change, how in case.related(case.view.units[name][0]):
                found.setdefault(change.path, (change, how, name))
    brought = _brought_along([change for change, _, _ in found.values()])
    for change, how, name in found.values():
        if change.path not in brought:
            alone = not found.keys() - brought - {change.path}
            yield _subject(case, change, how, name, alone=alone)


def _brought_along(changes: list[Change]) -> frozenset[str]:
    """What came with a link that points to it now, and what went with where it pointed: one
    release for another, one change."""
    links = [c for c in changes if c.kind is ChangeKind.TARGET]
    places = {
        ChangeKind.ADDED: [_points_to(link.now) for link in links if link.now is not None],
        ChangeKind.REMOVED: [_points_to(link.then) for link in links if link.then is not None],
    }
    return frozenset(
        c.path for c in changes if any(beneath(c.path, place) for place in places.get(c.kind, ()))
    )


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


def diff_ask(case: HostCase, change: Mapping[str, Any]) -> ActionCall | None:
    """The diagnostic that shows what was written: the difference, or all of a new file."""
    then, now = change.get("then"), change.get("now")
    if change["kind"] == "added" and now and now.get("kind") == "file":
        path = {"path": change["path"]}
        return ActionCall(action="config.read", host=case.host.name, params=path)
    if not then or not now or not then.get("sha256") or change["kind"] != "content":
        return None
    params = {"path": change["path"], "sha256": then["sha256"]}
    return ActionCall(action="file.diff", host=case.host.name, params=params)


def _subject(case: HostCase, change: Change, how: Relation, unit: str, *, alone: bool) -> Subject:
    facts, sources = case.common()
    facts["unit"], unit_sources = unit_facts(case, unit)
    assert case.drift is not None
    facts["starving"] = case.starving if unit in case.neighbours else None
    facts["change"] = {
        "path": change.path,
        "kind": change.kind.value,
        "relation": how.value,
        "then": None if change.then is None else change.then.model_dump(mode="json"),
        "now": None if change.now is None else change.now.model_dump(mode="json"),
        "within": [file.model_dump(mode="json") for file in change.within],
        "blamed": _blamed(case, change.paths, facts["unit"]),
        "alone": alone,
        "is_code": any(path.endswith(_CODE) for path in change.paths),
        "reload_refuted": _key(BY_RELOAD, case, change) in case.case.refuted,
        "unread": _unread(case, change, case.view.units[unit][0]),
        "points_to": None if change.now is None else change.now.target,
        "points_nowhere": _dangles(case, change.now) if change.kind is ChangeKind.TARGET else None,
        "dangling": _dangles(case, change.then) if change.kind is ChangeKind.TARGET else None,
        "sets": _sets(case, change),
        "named": _is_named(case, unit),
        "names_page": _names_page(case, change),
        "others_refuted": any(key.startswith(f"{BY_RELOAD}@") for key in case.case.refuted),
    }
    sources |= unit_sources | {"change": case.drift[1]}
    diff = _diff(case, change)
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


def _key(mode: str, case: HostCase, change: Change) -> str:
    """The hypothesis that a mode draws of a change."""
    return f"{mode}@{case.host.name}:{change.path}"


def comments_of(case: HostCase, change: Change) -> tuple[str, int] | None:
    """What the writer of a change says to people in it, and the evidence; None: not looked at."""
    diff = _diff(case, change)
    if diff is not None:
        return "\n".join(diff[0].comments), diff[1]
    added = _text_of_added(case, change)
    return None if added is None else ("\n".join(_comments(added[0])), added[1])


def settings_of(case: HostCase, change: Change) -> tuple[str, ...]:
    """The settings that a change gives another value, or gives one at all; none: not looked at."""
    diff, added = _diff(case, change), _text_of_added(case, change)
    if added is not None:
        return settings_in(added[0], changed_only=False)
    return () if diff is None else settings_in(diff[0].diff, changed_only=True)


def _text_of_added(case: HostCase, change: Change) -> tuple[str, int] | None:
    """What a file says that was not there before."""
    if change.kind is not ChangeKind.ADDED:
        return None
    found = case.view.facts(ConfigFileFacts, "config.read", path=change.path)
    return None if found is None else (found[0].text, found[1])


def _comments(text: str) -> Iterable[str]:
    """The lines in which its writer speaks to people."""
    lines = (line.strip() for line in text.splitlines())
    return (line for line in lines if line.startswith(("#", ";", "//", "--", "/*", "*")))


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
    return next((f.path for f in links if _points_to(f) == path), None)


def _dangles(case: HostCase, link: Manifest.File | None) -> bool | None:
    """Whether a link points, or would point, to what is not there now; None: not known."""
    now = case.manifest_now
    if link is None or now is None:
        return None
    target = _points_to(link)
    if not any(beneath(target, root) for root in _LISTED):
        return None
    return all(f.path != target for f in now.files)


def _sets(case: HostCase, change: Change) -> str | None:
    """What a change of a unit's definition sets, as names; None: not looked at."""
    diff, added = _diff(case, change), _text_of_added(case, change)
    if added is not None:
        return " ".join(_SETS.findall(added[0]))
    return None if diff is None else " ".join(_SETS.findall(diff[0].diff or ""))


def _names_page(case: HostCase, change: Change) -> str | None:
    """The page that fails and that what changed is about, by its path; None: not looked at."""
    diff, added = _diff(case, change), _text_of_added(case, change)
    text = added[0] if added is not None else None if diff is None else diff[0].diff
    if text is None:
        return None
    paths = (p.probe.path for p in case.red if p.probe.path.strip("/"))
    return next((path for path in paths if re.search(rf"{re.escape(path)}(?![\w-])", text)), "")


def _is_named(case: HostCase, unit: str) -> bool:
    """Whether the ticket is about the service that a change belongs to, by its own words."""
    incident = case.case.incident
    claimed = case.is_own and case.serving.unit_named(incident.claimed_service or "") == unit
    return claimed or program(unit) in text_of(incident)


def _points_to(link: Manifest.File) -> str:
    """The absolute path that a symlink names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(link.path), link.target or ""))


def _diff(case: HostCase, change: Change) -> tuple[FileDiffFacts, int] | None:
    if change.then is None or change.then.sha256 is None:
        return None
    return case.view.facts(FileDiffFacts, "file.diff", path=change.path, sha256=change.then.sha256)
