"""Files of rows, read with care: they may be cut off, hand-edited or from elsewhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from app.lab.errors import LabError
from app.lab.judge import Row
from app.lab.timelines import Timeline, read_beside

ROW = TypeAdapter(Row)


@dataclass(frozen=True)
class RowFile:
    """The rows of one run, with what else is known of it."""

    name: str
    rows: dict[str, Row]  # by the scenario's id, in the order of the file
    complaints: tuple[str, ...] = ()  # about lines that could not be used, by file and line
    timelines: dict[str, Timeline] = field(default_factory=dict)


def read_all(paths: Sequence[Path]) -> list[RowFile]:
    """Read several; those that would have the same name are told apart by their folders."""
    names = Counter(path.stem for path in paths)
    return [
        replace(read(path), name=path.stem if names[path.stem] == 1 else str(path))
        for path in paths
    ]


def read(path: Path) -> RowFile:
    """Read a file of rows; a line that is none is complained about and left out."""
    rows: dict[str, Row] = {}
    complaints: list[str] = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = _row(line)
        except ValueError as error:
            complaints.append(f"{path}:{number}: not a row: {error}")
            continue
        if row.id in rows:
            complaints.append(f"{path}:{number}: a further row of {row.id}: the last one counts")
        rows[row.id] = row
    if not rows:
        raise LabError("\n".join([*complaints, f"{path}: no rows"]))
    return RowFile(path.stem, rows, tuple(complaints), read_beside(path))


def _row(line: bytes) -> Row:
    """`ValueError` says in a line what is wrong, without the values: they may be long.

    Half a surrogate pair is JSON but no text. It is replaced: a host that prints one must not
    make its row disappear.
    """
    try:
        text = json.dumps(json.loads(line), ensure_ascii=False).encode(errors="replace")
        return ROW.validate_json(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValidationError as error:
        raise ValueError("; ".join(_problems(error))) from None


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_input=False, include_url=False)[:3]:
        place = ".".join(str(part) for part in problem["loc"])
        yield f"{place}: {problem['msg']}" if place else str(problem["msg"])
