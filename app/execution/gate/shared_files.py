"""Files that lie in two folders at once, as second names of the same data."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from .answers import Params, answer
from .places import Places
from .refusal import Failed

_MOST_SEEN, _MOST_TOLD = 20000, 5


def files_shared(params: Params, _: Places) -> int:
    """SharedFilesFacts: what of one folder is the very same file in another."""
    path, other = str(params["path"]), str(params["other"])
    there = dict(_linked(other))
    same = sorted(name for inode, name in _linked(path) if inode in there)
    facts = {"path": path, "other": other, "shared": len(same), "examples": same[:_MOST_TOLD]}
    return answer(facts)


def _linked(top: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Regular files with more than one name, in a folder or the one that a path is."""
    if not os.path.lexists(top):
        raise Failed(f"{top} is not there")
    seen = 0
    if not os.path.isdir(top):
        yield from _if_linked(top)
    for folder, _, names in os.walk(top):
        for name in names:
            seen += 1
            if seen > _MOST_SEEN:
                raise Failed(f"{top} holds more than {_MOST_SEEN} files")
            yield from _if_linked(f"{folder}/{name}")


def _if_linked(path: str) -> Iterator[tuple[tuple[int, int], str]]:
    state = os.lstat(path)
    if stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
        yield (state.st_dev, state.st_ino), path
