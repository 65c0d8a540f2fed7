"""The service with one part of its diagnosis taken out: what it adds is what is lost then.

`baseline`: it never sees the host while it is healthy. `modes`: of the failure modes only those
that speak of what changed are left. `path`: no path is walked, so no hop says where it breaks.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from unittest.mock import patch

from app.domain.probe import ProbeResult
from app.host.hops import Walk
from app.host.path import PathWalker
from app.knowledge.library import Library

BASELINE, MODES, PATH = PARTS = ("baseline", "modes", "path")
_OF_CHANGES = "drift"
_LOAD_ALL = Library.load


def take_out(part: str) -> None:
    """Take a part out of this process. The baseline is not taken in the first place."""
    if part == MODES:
        patch.object(Library, "load", _changes_only).start()
    elif part == PATH:
        patch.object(PathWalker, "walk", _nowhere).start()


def _changes_only(*folders: Path) -> Library:
    whole = _LOAD_ALL(*folders)
    left = [mode for mode in whole.modes if mode.family == _OF_CHANGES]
    return Library(left, f"{whole.digest} without modes")


def _nowhere(_: PathWalker, failing: ProbeResult) -> Walk:
    return Walk(probe=failing.probe.name, hops=(), units=())


if __name__ == "__main__":
    _, part, *rest = sys.argv
    take_out(part)
    sys.argv = ["start_server.py", *rest]
    runpy.run_path("start_server.py", run_name="__main__")
