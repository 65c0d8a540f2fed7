"""What differs in a host's file tree from the way it was made.

The host lies on an overlay, so its upper directory holds all that changed and nothing else: a
full comparison costs only what was touched. A file that was changed and put back counts as
unchanged.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

GONE = "gone"
OPAQUE = "trusted.overlay.opaque"

LAYERS_REMEMBERED = 200_000
"""Paths of layers whose state is kept: what lies beneath never changes, and each look asks anew."""
DIGESTS_REMEMBERED = 50_000
AT_REST = 2.0  # seconds since the last change, after which a file's stamps tell the next one


def changed_files(upper: Path, lowers: Sequence[Path]) -> dict[str, str]:
    """Every path whose state differs from the layers beneath, with its state now."""
    changed: dict[str, str] = {}
    for path in _walk(upper):
        name = "/" + str(path.relative_to(upper))
        if _is_whiteout(path):
            changed.update(_all_gone(name, lowers))
            continue
        now, before = _state(path), _lower_state(name, tuple(lowers))
        if now != before:
            changed[name] = now
        if stat.S_ISDIR(path.lstat().st_mode) and _is_opaque(path):
            changed.update(_hidden_beneath(path, name, lowers))
    return changed


def loose_files(disk: Path) -> dict[str, str]:
    """Files on a disk outside a database's own folders (those begin with its version)."""
    found: dict[str, str] = {}
    for path in disk.iterdir():
        if path.name[:1].isdigit() or path.name == "lost+found":
            continue
        for each in (path, *_walk(path)) if path.is_dir() else (path,):
            found["/" + str(each.relative_to(disk))] = _state(each)
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        path = Path(entry.path)
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path)


def _is_whiteout(path: Path) -> bool:
    info = path.lstat()
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def _is_opaque(folder: Path) -> bool:
    try:
        return os.getxattr(folder, OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False  # no such attribute: the folders beneath show through


def _state(path: Path) -> str:
    """Kind, mode, owner and content of one path, in a line."""
    info = path.lstat()
    common = f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}"
    if stat.S_ISLNK(info.st_mode):
        return f"{common} -> {path.readlink()}"
    if stat.S_ISREG(info.st_mode):
        if time.time() - max(info.st_mtime, info.st_ctime) < AT_REST:
            return f"{common} {_digest(path)}"
        stamps = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
        return f"{common} {_remembered_digest(path, stamps)}"
    return common


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:20]


@lru_cache(maxsize=DIGESTS_REMEMBERED)
def _remembered_digest(path: Path, _stamps: tuple[int, ...]) -> str:
    return _digest(path)


@lru_cache(maxsize=LAYERS_REMEMBERED)
def _lower_state(name: str, lowers: tuple[Path, ...]) -> str:
    for lower in lowers:
        path = lower / name.lstrip("/")
        if _hidden_on_the_way(lower, path):
            return GONE
        if path.is_symlink() or path.exists():
            return GONE if _is_whiteout(path) else _state(path)
    return GONE


def _hidden_on_the_way(lower: Path, path: Path) -> bool:
    """Whether a parent is a whiteout in this layer, so that lower ones do not count."""
    for parent in reversed(path.relative_to(lower).parents):
        place = lower / parent
        if place != lower and place.exists() and _is_whiteout(place):
            return True
    return False


def _all_gone(name: str, lowers: Sequence[Path]) -> dict[str, str]:
    """A removed path, and all that was beneath it."""
    if _lower_state(name, tuple(lowers)) == GONE:
        return {}
    gone = {name: GONE}
    for lower in lowers:
        folder = lower / name.lstrip("/")
        if folder.is_dir() and not folder.is_symlink():
            gone.update({f"{name}/{path.relative_to(folder)}": GONE for path in _walk(folder)})
    return gone


def _hidden_beneath(path: Path, name: str, lowers: Sequence[Path]) -> dict[str, str]:
    """What an opaque folder hides: it was removed and made anew."""
    before = _all_gone(name, lowers)
    return {
        place: GONE
        for place in before
        if place != name and not os.path.lexists(path / place.removeprefix(f"{name}/"))
    }
