"""Command lines and the verdict that each must get; command_lines.yaml says what they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app import strict_yaml


@dataclass(frozen=True)
class Line:
    """One command line, and what must come of it."""

    command: str
    expected: str  # allow | needs_approval | deny
    category: str


@cache
def every() -> tuple[Line, ...]:
    """All of them, in the order of the file."""
    return tuple(_read())


def denied() -> tuple[Line, ...]:
    """Those that nothing may ever run."""
    return tuple(line for line in every() if line.expected == "deny")


def _read() -> Iterator[Line]:
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    for expected, categories in strict_yaml.read(text).items():
        for category, commands in categories.items():
            yield from (Line(command, expected, category) for command in commands)
