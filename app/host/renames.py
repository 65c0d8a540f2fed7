"""What is gone from its place and stands beside it under another name, whole.

A clean-up that renames what it takes for unused leaves everything where it was but for the name.
Told by what the baseline knows of the lost one: all of it must be there again, of the same owners
and modes, with the same content. Then only the name is missing, and giving it back loses nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from app.host.drift import Change, ChangeKind, acl_differs, points_to
from app.host.facts import Manifest
from app.host.view import beneath


def with_renames(
    changes: Iterable[Change], then: Manifest, now: Manifest, in_use: Collection[str] = ()
) -> tuple[Change, ...]:
    """The changes, those that are a rename told as one, without what came under the new name.

    `in_use`: paths that units run, read or work in; what they use under its new name is no mistake.
    """
    found = tuple(changes)
    before = {file.path for file in then.files}
    after = {file.path: file for file in now.files}
    used = (*in_use, *(points_to(file) for file in now.files if file.target))
    came = [f for f in now.files if f.path not in before and not _is_used(f.path, used)]
    names: dict[str, str] = {}
    for change in found:
        new = [one.path for one in came if _is_renamed(change, one, after, then.taken_at)]
        if len(new) == 1:
            names[change.path] = new[0]
    taken = Counter(names.values())
    names = {old: new for old, new in names.items() if taken[new] == 1}
    new_names = tuple(names.values())
    return tuple(
        change.model_copy(update={"renamed_to": names[change.path]})
        if change.path in names
        else change
        for change in found
        if change.kind is not ChangeKind.ADDED
        or not any(beneath(change.path, name) for name in new_names)
    )


def _is_used(path: str, used: Iterable[str]) -> bool:
    return any(beneath(one, path) for one in used)


def _is_renamed(
    change: Change, one: Manifest.File, after: Mapping[str, Manifest.File], since: str
) -> bool:
    """Whether a path that came is the one that is gone."""
    lost = change.then
    if change.kind is not ChangeKind.REMOVED or lost is None:
        return False
    if posixpath.dirname(one.path) != posixpath.dirname(lost.path) or not _is_alike(lost, one):
        return False
    if lost.kind == "file":
        return _holds_the_same(lost, one) and lost.bytes > 0
    return lost.kind == "directory" and _holds_all(change, one, after, since)


def _holds_all(
    change: Change, folder: Manifest.File, after: Mapping[str, Manifest.File], since: str
) -> bool:
    """Whether a folder holds all that is known to have lain in the lost one.

    What was written in it since the baseline was is no other content where the name tells, too,
    that it is the same folder; one file at least must be as it was, or only folders were known.
    """
    known_by_name = _has_the_name(change.path, folder.path)
    as_they_were = False
    for file in change.within:
        one = after.get(folder.path + file.path[len(change.path) :])
        if one is None or not _is_alike(file, one) or file.target != one.target:
            return False
        if file.kind != "file":
            continue
        same = _holds_the_same(file, one)
        if not same and not (known_by_name and one.modified > since):
            return False
        as_they_were = as_they_were or same
    return as_they_were or (known_by_name and all(f.kind != "file" for f in change.within))


def _is_alike(then: Manifest.File, now: Manifest.File) -> bool:
    """Whether it is the same kind of thing, of the same owner, and may be used alike."""
    return (then.kind, then.owner, then.group, then.mode) == (
        now.kind,
        now.owner,
        now.group,
        now.mode,
    ) and not acl_differs(then, now)


def _holds_the_same(then: Manifest.File, now: Manifest.File) -> bool:
    """Whether a file says the same; by its size and its time where it is too large to be read."""
    if None in (then.sha256, now.sha256):
        return (then.bytes, then.modified) == (now.bytes, now.modified)
    return then.sha256 == now.sha256


def _has_the_name(lost: str, path: str) -> bool:
    """Whether a name begins or ends with the lost one: pages.old, _pages; not pages2."""
    was, now = re.escape(posixpath.basename(lost)), posixpath.basename(path)
    return re.fullmatch(rf"[._-]*{was}(?:[^A-Za-z0-9].*)?|.*[^A-Za-z0-9]{was}", now) is not None
