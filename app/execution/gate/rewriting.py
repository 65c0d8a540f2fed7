"""One file changed: what stood there is kept, and put back where its reader refuses the new."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Optional

from . import disk
from .answers import Params, group_name, mode_text, user_name
from .edits import put_back
from .places import Places
from .refusal import Failed
from .store import Store, read_file

Change = Callable[[list[str]], None]
"""Changes the lines of a file where they stand; Failed where they are not as expected."""

Refusal = Callable[[], Optional[str]]
"""What the program that reads the file says against it; None for nothing."""


def rewrite(path: str, change: Change, refusal: Refusal, places: Places) -> str:
    """The sha256 of what was replaced. Failed, and nothing changed, where the file is refused."""
    access, content = _read(path)
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise Failed(f"{path} is no text in UTF-8") from None
    change(lines)
    return _try(access, content, "\n".join(lines).encode(), refusal, places)


def replace(path: str, content: bytes, refusal: Refusal, places: Places) -> str:
    """The same with another content as a whole."""
    access, before = _read(path)
    return _try(access, before, content, refusal, places)


def _try(access: Params, content: bytes, wanted: bytes, refusal: Refusal, places: Places) -> str:
    before, after = Store(places).put(content), Store(places).put(wanted)
    put_back({**access, "sha256": after}, places)
    refused = refusal()
    if refused is not None:
        put_back({**access, "sha256": before}, places)
        raise Failed(f"all is as it was, since this was refused: {refused.strip()[-300:]}")
    return before


def line_at(lines: list[str], number: int) -> str:
    """A line by its number, from 1 on. Failed where there is none."""
    if not 0 < number <= len(lines):
        raise Failed(f"there is no line {number}")
    return lines[number - 1]


def _read(path: str) -> tuple[Params, bytes]:
    with disk.parent_of(path) as (folder, name):
        file = disk.open_regular(folder, name, path)
        try:
            state, content = os.fstat(file), read_file(file, path)
        finally:
            os.close(file)
    access: Params = {
        "path": path,
        "owner": user_name(state.st_uid),
        "group": group_name(state.st_gid),
        "mode": mode_text(state.st_mode),
    }
    return access, content
