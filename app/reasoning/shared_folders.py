"""Folders by which several accounts share files: what lies in them belongs to the folder's group.

Where such a folder lost what does that (its setgid bit, its group), every file that is made in it
belongs to its writer's own group, and whoever reads it as one of the shared group is refused. What
was made so keeps that group when the folder is put right.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.host.drift import Change, ChangeKind
from app.host.facts import Manifest
from app.host.folder_facts import FolderEntry, FolderListFacts
from app.reasoning.host_case import HostCase

ASKED = "folder.list"
_SETGID, _FOR_GROUP = 0o2000, 0o070
_MOST = 20
"""Files that are given the folder's group: more are a person's."""

_AT_WORK = timedelta(seconds=20)
"""Where files come at least as often as this, new ones are right by themselves in a moment."""
_PACE = 3
"""Files by whose times it is told how often they come."""


def lost_setgid(change: Change) -> bool:
    """Whether a folder no longer gives its group to what is made in it."""
    then, now = change.then, change.now
    if not _is_shared(change) or then is None or now is None:
        return False
    return bool(_mode(then) & _SETGID) and not _mode(now) & _SETGID


def shares_group(change: Change) -> bool:
    """Whether what was made in a folder since it changed may belong to the wrong group."""
    then, now = change.then, change.now
    if not _is_shared(change) or then is None or now is None:
        return False
    return bool(_mode(then) & _SETGID) and (lost_setgid(change) or then.group != now.group)


def left_behind(case: HostCase, change: Change) -> list[dict[str, Any]]:
    """Files of another group that were made since in a folder, where few and no newer come."""
    found = case.view.facts(FolderListFacts, ASKED, path=change.path)
    if found is None or case.baseline is None or change.then is None or not shares_group(change):
        return []
    group, since = change.then.group, case.baseline.taken_at
    files = [one for one in found[0].entries if one.kind == "file"]
    strange = [
        one
        for one in files
        if one.group != group and int(one.mode, 8) & _FOR_GROUP and one.modified > since
    ]
    if len(strange) > _MOST or _come_by_themselves(case, files):
        return []
    return [
        {"path": f"{change.path}/{one.name}", "owner": one.owner, "group": group} for one in strange
    ]


def _come_by_themselves(case: HostCase, files: list[FolderEntry]) -> bool:
    """Whether files are made all the time: those that users see next are new ones."""
    now = case.manifest_now
    times = sorted((datetime.fromisoformat(one.modified) for one in files), reverse=True)
    if now is None or len(times) < _PACE:
        return False
    newest = times[:_PACE]
    pace = (newest[0] - newest[-1]) / (_PACE - 1)
    looked = datetime.fromisoformat(now.taken_at)
    return pace <= _AT_WORK and looked - newest[0] <= _AT_WORK


def _is_shared(change: Change) -> bool:
    return (
        change.kind is ChangeKind.MODE and change.now is not None and change.now.kind == "directory"
    )


def _mode(folder: Manifest.File) -> int:
    return int(folder.mode, 8)
