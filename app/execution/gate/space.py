"""Room that is given back without anybody's data: what can be fetched again, what has no name."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator

from . import disk
from .answers import Params, answer, start_time_of
from .places import Places
from .refusal import Failed

_PACKAGE_CACHES = ("/var/cache/apt/archives", "/var/cache/dnf", "/var/cache/yum")
_PACKAGES = (".deb", ".rpm")
_LOCK = "lock"  # of apt; held while packages are fetched or installed
_DEEPEST = 4


def packages_clean_cache(_: Params, __: Places) -> int:
    """Remove downloaded packages; Failed while the package manager is at work."""
    freed = files = 0
    for cache in _PACKAGE_CACHES:
        if not os.path.isdir(cache):
            continue
        with disk.parent_of(f"{cache}/{_LOCK}") as (folder, _name), _idle(folder, cache):
            for size in _removed(folder, _DEEPEST):
                freed, files = freed + size, files + 1
    return answer({"files": files, "freed_bytes": freed})


@contextlib.contextmanager
def _idle(folder: int, cache: str) -> Iterator[None]:
    """Hold the package manager's own lock, where it has one; Failed where it is at work."""
    try:
        file = os.open(_LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        yield
        return
    try:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failed(f"a package manager is at work in {cache}; try again later") from None
        yield
    finally:
        os.close(file)


def _removed(folder: int, deepest: int) -> Iterator[int]:
    """Unlink the package files of a folder and of those in it; yields the bytes of each."""
    for name in os.listdir(folder):
        state = disk.state_of(folder, name)
        if state is None:
            continue
        if stat.S_ISDIR(state.st_mode) and deepest:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                yield from _removed(inner, deepest - 1)
            finally:
                os.close(inner)
        elif stat.S_ISREG(state.st_mode) and name.endswith(_PACKAGES):
            os.unlink(name, dir_fd=folder)
            yield state.st_blocks * 512


def log_truncate_deleted(params: Params, _: Places) -> int:
    """Empty a log that was deleted while a process still writes to it; the process goes on.

    Failed unless exactly that process still holds exactly that deleted file.
    """
    pid, inode, path = int(params["pid"]), int(params["inode"]), str(params["path"])
    if start_time_of(pid) != params["start_time"]:
        raise Failed(f"process {pid} is not the one that was meant: it is gone or another")
    folder = f"/proc/{pid}/fd"
    for number in os.listdir(folder):
        link = f"{folder}/{number}"
        if _is_it(link, inode, path):
            return answer({"path": path, "freed_bytes": _emptied(link, inode)})
    raise Failed(f"process {pid} holds no deleted file {path} any more")


def _is_it(link: str, inode: int, path: str) -> bool:
    try:
        state = os.stat(link)
        target = os.readlink(link)
    except OSError:
        return False  # closed in the meantime
    deleted = stat.S_ISREG(state.st_mode) and state.st_nlink == 0
    return deleted and state.st_ino == inode and target == f"{path} (deleted)"


def _emptied(link: str, inode: int) -> int:
    """Truncate what a descriptor refers to; the bytes on disk that this freed."""
    file = os.open(link, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        state = os.fstat(file)
        if state.st_ino != inode or state.st_nlink:
            raise Failed("the file was exchanged in the meantime")
        os.ftruncate(file, 0)
    finally:
        os.close(file)
    return state.st_blocks * 512
