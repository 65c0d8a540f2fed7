"""Texts of strangers, and what a model would do that obeyed them; obeyed.yaml says more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app import strict_yaml


@dataclass(frozen=True)
class Obeyed:
    """One text and what obeying it would be."""

    channel: str
    tries: str
    text: str
    obeyed: dict[str, Any]
    secret: str = ""
    repeat: int = 1

    @property
    def whole(self) -> str:
        """The text as it stands there: some are long."""
        return " ".join([self.text] * self.repeat)


@cache
def every() -> tuple[Obeyed, ...]:
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return tuple(Obeyed(**row) for row in strict_yaml.read(text))
