"""Folders that another account was given with all that lies in them: restored or copied as root."""

from __future__ import annotations

from app.host.drift import Change, ChangeKind
from app.host.folder_facts import FolderEntry, FolderListFacts
from app.host.view import HostView

ASKED = "folder.list"


def changed_hands(change: Change) -> bool:
    """Whether a folder belongs to another account than it did."""
    then, now = change.then, change.now
    if change.kind is not ChangeKind.MODE or then is None or now is None:
        return False
    return now.kind == "directory" and then.owner != now.owner


def taken_within(view: HostView, change: Change) -> bool:
    """Whether what lies in it went the same way, so that its owner is refused that too."""
    then, now = change.then, change.now
    found = view.facts(FolderListFacts, ASKED, path=change.path)
    if found is None or then is None or now is None or not changed_hands(change):
        return False
    return any(
        entry.owner == now.owner and not _may_use(entry, then.group) for entry in found[0].entries
    )


def _may_use(entry: FolderEntry, group: str | None) -> bool:
    """Whether whoever is of a group, and not its owner, may still read and write it."""
    if entry.kind not in ("file", "directory"):
        return True
    wanted = 0o7 if entry.kind == "directory" else 0o6
    mode = int(entry.mode, 8)
    given = mode >> 3 if entry.group == group else mode
    return given & wanted == wanted
