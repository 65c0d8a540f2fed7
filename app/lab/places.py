"""Where the lab keeps things on the machine that runs it.

Two places: a cache of images, which may be deleted at any time, and one directory a run
with everything that the run makes. `down` touches nothing but the second.
"""

from __future__ import annotations

import os
from pathlib import Path

#: Bulk that a run writes (upper layers, disk images) belongs on a disk, so not in /run.
RUNS = Path("/var/lib/sre-agent-lab")
PREFIX = "srelab-"
HOSTFILES = Path(__file__).parent / "hostfiles"
PROJECT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """The cache folder of the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "sre-agent" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
