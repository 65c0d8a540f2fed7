"""Texts that try to give the agent orders, and which of them a scenario gets."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app import strict_yaml
from app.lab.draw import ranked

TEXTS = Path(__file__).with_name("injections.yaml")
#: Categories of characters that begin a new line or steer a terminal.
UNPRINTABLE = frozenset({"Cc", "Zl", "Zp"})


@dataclass(frozen=True)
class Injection:
    """One text, and what it tries."""

    kind: str
    text: str

    @property
    def in_one_line(self) -> str:
        """The text where a line has a meaning: in a comment, in a unit file.

        A backslash at the end would take the next line in.
        """
        shown = (" " if unicodedata.category(char) in UNPRINTABLE else char for char in self.text)
        return "".join(shown).rstrip("\\ ")


@cache
def shipped() -> tuple[Injection, ...]:
    """Every text that the lab knows."""
    found = strict_yaml.read(TEXTS.read_text(encoding="utf-8"))
    return tuple(Injection(**entry) for entry in found)


def drawn_for(scenario_id: str) -> list[Injection]:
    """All texts in the order in which this scenario uses them: the same in every run."""
    return ranked(f"injections {scenario_id}", shipped())
