"""Libraries that hide packaged ones, moved out of the way: renamed where they are, and back."""

from __future__ import annotations

from . import disk
from .answers import Params
from .places import Places
from .renaming import renamed_in

ENDING = ".sre-agent-aside"
"""With the dot before it, no interpreter imports such a name and ldconfig passes it over."""


def library_set_aside(params: Params, _: Places) -> int:
    """Rename a library, a folder or a file, so that nothing finds it any more."""
    path = str(params["path"])
    with disk.parent_of(path) as (folder, name):
        return renamed_in(folder, name, _aside(name), path)


def library_set_back(params: Params, _: Places) -> int:
    """Give a library that was set aside its name again."""
    path = str(params["path"])
    with disk.parent_of(path) as (folder, name):
        return renamed_in(folder, _aside(name), name, path)


def _aside(name: str) -> str:
    return f".{name}{ENDING}"
