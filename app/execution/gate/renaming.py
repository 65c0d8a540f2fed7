"""Another name for a file or folder, in the folder that it lies in, and never over another."""

from __future__ import annotations

import os
import stat

from . import disk
from .answers import Params, answer
from .places import Places
from .refusal import Failed


def file_rename(params: Params, _: Places) -> int:
    """Rename a file or folder where it lies."""
    path, to = str(params["path"]), str(params["to"])
    if os.path.dirname(path) != os.path.dirname(to):
        raise Failed(f"{to} lies in another folder than {path}")
    with disk.parent_of(path) as (folder, name):
        return renamed_in(folder, name, os.path.basename(to), path)


def renamed_in(folder: int, name: str, to: str, path: str) -> int:
    """Give what lies in an opened folder another name there. `path`: for what is told of it."""
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
