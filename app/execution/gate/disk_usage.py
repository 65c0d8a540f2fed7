"""Where the space of a folder went: its largest files, and deleted files that are still open."""

from __future__ import annotations

import heapq
import os
import stat
import time
from collections.abc import Iterator

from .answers import (
    Params,
    answer,
    command_of,
    iso,
    process_ids,
    start_time_of,
    stat_fields,
    unit_of,
    user_name,
)
from .places import Places
from .processes import is_stray, owner_of

_MOST_FILES = 25
_MOST_FOLDERS = 12
_MOST_ENTRIES = 200_000
_SECONDS = 8.0


def disk_usage(params: Params, _: Places) -> int:
    """DiskUsageFacts, bounded in entries and time; other file systems are left out."""
    path = str(params["path"])
    device = os.stat(path).st_dev
    opened = OpenFiles(device)
    folders: dict[str, list[int]] = {}
    largest = heapq.nlargest(
        _MOST_FILES,
        _counted(_files_below(path, device), folders),
        key=lambda one: _bytes(one[1]),
    )
    deleted = sorted(opened.deleted.items(), key=lambda one: -_bytes(one[1][1]))
    return answer(
        {
            "path": path,
            "files": [
                _shown(f, state, opened.holders(state.st_ino)) | opened.stray(state.st_ino)
                for f, state in largest
            ],
            "deleted_open": [
                _shown(name, state, opened.holders(inode)) | opened.holder(inode)
                for inode, (name, state) in deleted[:_MOST_FILES]
            ],
            "folders": _largest_folders(folders),
        }
    )


def _counted(
    files: Iterator[tuple[str, os.stat_result]], folders: dict[str, list[int]]
) -> Iterator[tuple[str, os.stat_result]]:
    """The same files, their bytes and number added up by the folder they lie in."""
    for path, state in files:
        one = folders.setdefault(os.path.dirname(path), [0, 0])
        one[0] += _bytes(state)
        one[1] += 1
        yield path, state


def _largest_folders(folders: dict[str, list[int]]) -> list[dict[str, object]]:
    """Those with the most bytes, and those with the most files: either may be what fills it."""
    by_bytes = heapq.nlargest(_MOST_FOLDERS, folders, key=lambda path: folders[path][0])
    by_files = heapq.nlargest(_MOST_FOLDERS, folders, key=lambda path: folders[path][1])
    return [
        {"path": path, "bytes": folders[path][0], "files": folders[path][1]}
        for path in dict.fromkeys((*by_bytes, *by_files))
    ]


class OpenFiles:
    """Which regular files of one device are open, by whom, and which of them are deleted."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._holders: dict[int, set[str]] = {}
        self._pids: dict[int, set[str]] = {}
        self._first: dict[int, str] = {}
        self.deleted: dict[int, tuple[str, os.stat_result]] = {}
        for pid in process_ids():
            try:
                numbers = os.listdir(f"/proc/{pid}/fd")
            except OSError:
                continue  # the process has ended
            for number in numbers:
                self._see(pid, f"/proc/{pid}/fd/{number}")

    def holders(self, inode: int) -> list[str]:
        """Names of the processes that hold a file open."""
        return sorted(self._holders.get(inode, ()))

    def holder(self, inode: int) -> dict[str, object]:
        """One process that holds a file open, so exactly that no other one is meant by it."""
        pid = self._first[inode]
        return {
            "pid": int(pid),
            "start_time": start_time_of(pid),
            "unit": unit_of(pid),
            "inode": inode,
        }

    def stray(self, inode: int) -> dict[str, object]:
        """The one process that holds a file open, where nobody waits for it any more."""
        pids = self._pids.get(inode, set())
        fields = stat_fields(next(iter(pids))) if len(pids) == 1 else None
        if fields is None:
            return {}
        (pid,) = pids
        if not is_stray(pid, terminal=fields[4] != "0"):
            return {}
        return {
            "writer": {
                "pid": int(pid),
                "start_time": int(fields[19]),
                "command": command_of(pid),
                "user": owner_of(pid),
            }
        }

    def _see(self, pid: str, link: str) -> None:
        try:
            state = os.stat(link)
            target = os.readlink(link)
        except OSError:
            return  # closed in the meantime
        if state.st_dev != self._device or not stat.S_ISREG(state.st_mode):
            return
        self._holders.setdefault(state.st_ino, set()).add(command_of(pid))
        self._pids.setdefault(state.st_ino, set()).add(pid)
        self._first.setdefault(state.st_ino, pid)
        if state.st_nlink == 0:
            self.deleted[state.st_ino] = (target.removesuffix(" (deleted)"), state)


def _files_below(path: str, device: int) -> Iterator[tuple[str, os.stat_result]]:
    until = time.monotonic() + _SECONDS
    waiting = [path]
    seen = 0
    while waiting and seen < _MOST_ENTRIES and time.monotonic() < until:
        for found, state in _entries(waiting.pop()):
            seen += 1
            if state.st_dev != device:
                continue
            if stat.S_ISDIR(state.st_mode):
                waiting.append(found)
            elif stat.S_ISREG(state.st_mode):
                yield found, state


def _entries(folder: str) -> list[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            return [(entry.path, entry.stat(follow_symlinks=False)) for entry in entries]
    except OSError:
        return []  # gone or unreadable in the meantime: the others still count


def _bytes(state: os.stat_result) -> int:
    """Space taken on the disk, not the size that a sparse file claims."""
    return state.st_blocks * 512


def _shown(path: str, state: os.stat_result, open_by: list[str]) -> dict[str, object]:
    return {
        "path": path,
        "bytes": _bytes(state),
        "modified": iso(state.st_mtime),
        "open_by": open_by,
        "owner": user_name(state.st_uid),
    }
