"""Whom all that lies in a folder belongs to: given from one account to another, and given back.

What was copied or restored as root belongs to root, with all that lies in it, and whoever works
with it is refused. Nothing is followed out of the folder: no link, no other file system, no file
that has a second name elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from . import disk, made
from .answers import Params, answer
from .edits import ids_of
from .moving import lies_among_databases
from .places import Places
from .refusal import Failed
from .store import Store

_MOST, _DEEPEST = 2000, 8
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SET_ID = stat.S_ISUID | stat.S_ISGID


class _Entry(NamedTuple):
    """A file or folder by its path in the folder that was asked for ("": the folder itself)."""

    path: str
    inode: int
    uid: int
    gid: int
    mode: int
    links: int


def folder_set_owners(params: Params, places: Places) -> int:
    """Give a folder, and what in it belongs to one account, to another; what was is kept.

    Failed, with nothing changed, where more lies there than is looked through, where a program
    works with its owner's rights (setuid, setgid), or where a file has a second name.
    """
    path, (was, uid, gid) = str(params["path"]), _accounts(params)
    sign = lies_among_databases(path)
    if sign is not None:
        raise Failed(f"{path} lies among the files of a database ({sign})")
    folder = disk.open_folder(path)
    try:
        meant = [one for one in _entries(folder) if one.uid == was]
        for one in meant:
            _refuse_unusual(path, one)
        if not meant:
            raise Failed(f"nothing in {path} belongs to {params['was']}")
        kept = [list(one) for one in meant]
        sha256 = Store(places).put(json.dumps(kept, separators=(",", ":")).encode())
        made.note(_noted(path), places, f"{sha256} {uid}")
        changed = sum(_given(folder, one, uid, gid) for one in meant)
    finally:
        os.close(folder)
    return answer({"path": path, "changed": changed})


def folder_owners_back(params: Params, places: Places) -> int:
    """Give back what this gate gave to another; what was made or given away since is left."""
    path = str(params["path"])
    noted = made.noted(_noted(path), places)
    if noted is None:
        raise Failed(f"what lies in {path} was not given to anybody by the gate")
    sha256, uid = noted.split()
    entries = [_Entry(*one) for one in json.loads(Store(places).get(sha256))]
    folder = disk.open_folder(path)
    try:
        given = ((one._replace(uid=int(uid)), one) for one in entries)
        back = sum(_given(folder, now, was.uid, was.gid) for now, was in given)
    finally:
        os.close(folder)
    made.forget(_noted(path), places)
    return answer({"path": path, "changed": back})


def _accounts(params: Params) -> tuple[int, int, int]:
    was, _ = ids_of({"owner": params["was"], "group": params["group"]})
    uid, gid = ids_of(params)
    return was, uid, gid


def _entries(folder: int) -> Iterator[_Entry]:
    """The folder, and the files and folders below it on the same file system."""
    below = _below(folder, "", os.fstat(folder).st_dev, _DEEPEST)
    for seen, one in enumerate(below, start=1):
        if seen > _MOST:
            raise Failed(f"more than {_MOST} files and folders lie there; a person must look")
        yield one


def _below(folder: int, path: str, device: int, deeper: int) -> Iterator[_Entry]:
    state = os.fstat(folder)
    yield _entry(path, state)
    if not deeper:
        raise Failed(f"folders lie in one another more than {_DEEPEST} deep; a person must look")
    for name in sorted(os.listdir(folder)):
        inner = disk.state_of(folder, name)
        if inner is None or inner.st_dev != device:
            continue
        below = f"{path}/{name}" if path else name
        if stat.S_ISREG(inner.st_mode):
            yield _entry(below, inner)
        elif stat.S_ISDIR(inner.st_mode):
            entered = os.open(name, _FOLDER, dir_fd=folder)
            try:
                yield from _below(entered, below, device, deeper - 1)
            finally:
                os.close(entered)


def _entry(path: str, state: os.stat_result) -> _Entry:
    links = 1 if stat.S_ISDIR(state.st_mode) else state.st_nlink
    mode = stat.S_IMODE(state.st_mode) | (stat.S_IFDIR if stat.S_ISDIR(state.st_mode) else 0)
    return _Entry(path, state.st_ino, state.st_uid, state.st_gid, mode, links)


def _refuse_unusual(path: str, one: _Entry) -> None:
    if one.links > 1:
        raise Failed(f"{path}/{one.path} has a second name; a person must look")
    if one.mode & _SET_ID and not one.mode & stat.S_IFDIR:
        raise Failed(f"{path}/{one.path} works with its owner's rights; a person must look")


def _given(folder: int, one: _Entry, uid: int, gid: int) -> bool:
    """Give away exactly what was seen; False where it is gone or another by now."""
    with contextlib.ExitStack() as opened:
        try:
            file = _opened(folder, one, opened)
        except (Failed, OSError):
            return False
        state = os.fstat(file)
        if (state.st_ino, state.st_uid) != (one.inode, one.uid):
            return False
        mode = stat.S_IMODE(state.st_mode)
        os.fchown(file, uid, gid)
        os.fchmod(file, mode)  # chown clears setgid of folders: put it back
        os.fsync(file)
    return True


def _opened(folder: int, one: _Entry, opened: contextlib.ExitStack) -> int:
    """A file or folder, opened part by part without following a link."""
    at = folder
    *folders, name = one.path.split("/")
    for part in folders:
        at = _entered(at, part, opened)
    if not name:
        return folder
    if one.mode & stat.S_IFDIR:
        return _entered(at, name, opened)
    file = disk.open_regular(at, name, one.path)
    opened.callback(os.close, file)
    return file


def _entered(at: int, part: str, opened: contextlib.ExitStack) -> int:
    entered = os.open(part, _FOLDER, dir_fd=at)
    opened.callback(os.close, entered)
    return entered


def _noted(path: str) -> str:
    return f"owners {path}"
