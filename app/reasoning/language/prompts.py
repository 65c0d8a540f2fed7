"""The prompts: one file each, and a version that changes whenever a letter of one changes."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from app.domain.model_call import Purpose
from app.domain.value import Value

_FOLDER = Path(__file__).with_name("prompts")


class Prompt(Value):
    """What a model is told before it sees a case."""

    text: str
    version: str  # "rank-1f3a5c7d": recorded with each call


@cache
def prompt(purpose: Purpose) -> Prompt:
    """The prompt for a purpose."""
    text = (_FOLDER / f"{purpose.value}.md").read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Prompt(text=text, version=f"{purpose.value}-{digest[:8]}")
