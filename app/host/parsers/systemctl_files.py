"""`systemctl list-unit-files`: JSON where systemd knows it (246 and later), or its table."""

from __future__ import annotations

from app.host.facts import UnitFile, UnitFilesFacts
from app.host.parsers.json_text import json_array
from app.host.parsers.raw import ParseError, RawOutput

_STATES = frozenset(
    [
        *("enabled", "disabled", "static", "masked", "linked", "alias", "indirect"),
        *("generated", "transient", "bad", "invalid"),
    ]
)


def parse_unit_files(raw: RawOutput) -> UnitFilesFacts:
    """Every unit file's name and state."""
    if raw.stdout.lstrip().startswith("["):
        files = _from_json(raw.stdout)
    else:
        files = _from_table(raw.whole_lines())
    if not files and raw.exit_code != 0:
        raise ParseError(f"systemctl list-unit-files: nothing listed: {raw.complaint()}")
    return UnitFilesFacts(files=files)


def _from_json(text: str) -> tuple[UnitFile, ...]:
    rows = json_array(text, "systemctl list-unit-files")
    pairs = [(row.get("unit_file"), row.get("state")) for row in rows]
    files = tuple(
        UnitFile(name=name, state=state)
        for name, state in pairs
        if isinstance(name, str) and isinstance(state, str)
    )
    if rows and not files:
        raise ParseError("systemctl list-unit-files: expected objects with unit_file and state")
    return files


def _from_table(lines: list[str]) -> tuple[UnitFile, ...]:
    """`UNIT FILE  STATE  [PRESET]`, a row each, with its head or (--no-legend) without."""
    rows = [row for line in lines if _is_row(row := line.split())]
    if not rows and any(lines):
        raise ParseError("systemctl list-unit-files: expected JSON, or rows of name and state")
    return tuple(UnitFile(name=row[0], state=row[1]) for row in rows)


def _is_row(row: list[str]) -> bool:
    return len(row) in (2, 3) and "." in row[0] and row[1].removesuffix("-runtime") in _STATES
