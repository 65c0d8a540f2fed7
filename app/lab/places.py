"""Where the lab keeps things on the machine that runs it.

Two places: a cache of images, which may be deleted at any time, and one directory a run
with everything that the run makes, but for a database in memory. `down` touches nothing but the
latter.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
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


def database_folder(run_id: str) -> Path:
    """Where a run's PostgreSQL lives: in memory, and open to the user who runs it."""
    return Path("/dev/shm") / f"{PREFIX}{run_id}-postgres"


@contextmanager
def built_alone(place: Path) -> Iterator[None]:
    """Hold the lock of something in the cache, so that two runs do not build it at once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(place.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
