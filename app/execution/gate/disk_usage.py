"""Where the space of a folder went: its largest files, and deleted files that are still open."""

from __future__ import annotations

import heapq
import os
import stat
import time
from collections.abc import Iterator

from .answers import Params, answer, command_of, iso, process_ids, user_name
from .places import Places

_MOST_FILES = 25
_MOST_ENTRIES = 200_000
_SECONDS = 8.0


def disk_usage(params: Params, _: Places) -> int:
    """DiskUsageFacts, bounded in entries and time; other file systems are left out."""
    path = str(params["path"])
    device = os.stat(path).st_dev
    opened = OpenFiles(device)
    largest = heapq.nlargest(
        _MOST_FILES, _files_below(path, device), key=lambda one: _bytes(one[1])
    )
    deleted = sorted(opened.deleted.items(), key=lambda one: -_bytes(one[1][1]))
    return answer(
        {
            "path": path,
            "files": [_shown(f, state, opened.holders(state.st_ino)) for f, state in largest],
            "deleted_open": [
                _shown(name, state, opened.holders(inode))
                for inode, (name, state) in deleted[:_MOST_FILES]
            ],
        }
    )


class OpenFiles:
    """Which regular files of one device are open, by whom, and which of them are deleted."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._holders: dict[int, set[str]] = {}
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

    def _see(self, pid: str, link: str) -> None:
        try:
            state = os.stat(link)
            target = os.readlink(link)
        except OSError:
            return  # closed in the meantime
        if state.st_dev != self._device or not stat.S_ISREG(state.st_mode):
            return
        self._holders.setdefault(state.st_ino, set()).add(command_of(pid))
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
