"""Which options the rows of a file came from, noted beside it.

A row's form is fixed and says nothing of options, and rows of runs with different options are
there to be compared, file by file. One file must hold one kind, also when a run goes on after a
stop. A plain run needs no note.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from app.lab.errors import LabError

if TYPE_CHECKING:
    from app.lab.batch import RunOptions

#: Options that choose what is run and where rows go; every other one has a part in a row's verdict.
HOUSEKEEPING = frozenset({"scenarios", "only", "every", "out", "jobs", "resume", "trust"})


def claim(options: RunOptions) -> None:
    """Note what the rows to come are; `LabError` where `--resume` would mix two kinds."""
    if options.out is None:
        return
    note, now = note_of(options.out), _deciding(options)
    if options.resume and options.out.exists() and options.out.stat().st_size:
        before = json.loads(note.read_text()) if note.exists() else {}
        if before != now:
            raise LabError(
                f"{options.out} has rows of a run {_told(before)}; --resume would mix them with a "
                f"run {_told(now)}: give the same options, or another --out"
            )
        return
    note.unlink(missing_ok=True)
    if now:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(now) + "\n")


def note_of(out: Path) -> Path:
    """The note beside a file of rows."""
    return out.with_name(f"{out.name}.options")


def _deciding(options: RunOptions) -> dict[str, object]:
    """The options that are not as in a plain run; a file by what is in it."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name in HOUSEKEEPING or value == field.default:
            continue
        if isinstance(value, Path) and value.is_file():
            value = hashlib.sha256(value.read_bytes()).hexdigest()[:16]
        found[field.name] = value if isinstance(value, bool | int) else str(value)
    return found


def _told(options: dict[str, object]) -> str:
    words = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
        for name, value in options.items()
    ]
    return f"with {' '.join(words)}" if words else "without options"
