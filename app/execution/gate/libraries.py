"""Libraries that hide packaged ones, moved out of the way: renamed where they are, and back."""

from __future__ import annotations

import os
import stat

from . import disk
from .answers import Params, answer
from .places import Places
from .refusal import Failed

ENDING = ".sre-agent-aside"
"""With the dot before it, no interpreter imports such a name and ldconfig passes it over."""


def library_set_aside(params: Params, _: Places) -> int:
    """Rename a library, a folder or a file, so that nothing finds it any more."""
    path = str(params["path"])
    with disk.parent_of(path) as (folder, name):
        return _renamed(folder, name, _aside(name), path)


def library_set_back(params: Params, _: Places) -> int:
    """Give a library that was set aside its name again."""
    path = str(params["path"])
    with disk.parent_of(path) as (folder, name):
        return _renamed(folder, _aside(name), name, path)


def _aside(name: str) -> str:
    return f".{name}{ENDING}"


def _renamed(folder: int, name: str, to: str, path: str) -> int:
    try:
        kind = stat.S_IFMT(os.lstat(name, dir_fd=folder).st_mode)
    except FileNotFoundError:
        raise Failed(f"{name} is not where {path} stands") from None
    if kind not in (stat.S_IFDIR, stat.S_IFREG):
        raise Failed(f"{path} is neither a folder nor a file of its own")
    try:
        os.lstat(to, dir_fd=folder)
    except FileNotFoundError:
        os.rename(name, to, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
        return answer({"path": path, "renamed_to": to})
    raise Failed(f"{to} stands there already; both are left as they are")
