"""What lies in a folder: names and what they are, never what is in them."""

from __future__ import annotations

import os

from . import disk
from .answers import Params, answer
from .files import described
from .places import Places

_MOST = 500


def folder_list(params: Params, _: Places) -> int:
    """FolderListFacts: the newest first, for it is they that tell what goes on."""
    path = str(params["path"])
    folder = disk.open_folder(path)
    try:
        names = os.listdir(folder)
        found = [(state.st_mtime, name, state) for name in names if (state := _state(folder, name))]
    finally:
        os.close(folder)
    newest = sorted(found, key=lambda one: (-one[0], one[1]))[:_MOST]
    return answer(
        {
            "path": path,
            "count": len(names),
            "entries": [{"name": name, **described(state)} for _, name, state in newest],
        }
    )


def _state(folder: int, name: str) -> os.stat_result | None:
    try:
        return disk.state_of(folder, name)
    except OSError:
        return None  # removed in the meantime, or on a server that does not answer
