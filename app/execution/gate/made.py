"""What this gate has made or set on the host, so that it takes back that and nothing else."""

from __future__ import annotations

import hashlib
import os

from . import disk
from .answers import text_at
from .places import Places


def note(what: str, places: Places, value: str = "") -> None:
    """Keep that it is the gate's own, with what was there before; before it is made."""
    disk.make_folder(places.made)
    disk.write_whole(_file(what, places), f"{what}\n{value}".encode())


def noted(what: str, places: Places) -> str | None:
    """What was kept with it; None where it is not the gate's."""
    text = text_at(_file(what, places))
    return text.partition("\n")[2] if text.partition("\n")[0] == what else None


def forget(what: str, places: Places) -> None:
    if os.path.exists(_file(what, places)):
        os.unlink(_file(what, places))


def _file(what: str, places: Places) -> str:
    return f"{places.made}/{hashlib.sha256(what.encode()).hexdigest()}"
