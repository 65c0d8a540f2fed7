"""What settings of programs decide, in the words of people to whom that goes wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from app import strict_yaml
from app.domain.value import Value

SHIPPED = Path(__file__).with_name("settings.yaml")

_SET = re.compile(
    r"^[+-]?[ \t]*(?:export[ \t]+)?"
    r"(?:php_(?:admin_)?(?:value|flag)\[)?"
    r"[\"']?(?P<name>[A-Za-z][A-Za-z0-9_.-]{1,60})"
    r"(?=[\"'\] \t]*[=:]|[ \t]+\S)",
    re.MULTILINE,
)
"""The first word of a line that gives it a value: `Name=x`, `name = x`, `name x;`, `name: x`."""

_SWITCH = re.compile(r"^[+-]?[ \t]*(?P<name>[a-z][a-z0-9_-]{2,60})[ \t]*$", re.MULTILINE)
"""A line that is one word: what such a file sets by naming it."""

_HEADERS = re.compile(r"^(?:---|\+\+\+|@@).*$", re.MULTILINE)


class Meaning(Value):
    """Some settings, and how people speak of what they decide."""

    about: str  # a regular expression, searched for in small letters
    sets: tuple[str, ...]


@cache
def _shipped() -> tuple[tuple[re.Pattern[str], frozenset[str]], ...]:
    raw = strict_yaml.read(SHIPPED.read_text(encoding="utf-8"))
    meanings = TypeAdapter(tuple[Meaning, ...]).validate_python(raw)
    return tuple((re.compile(one.about), frozenset(one.sets)) for one in meanings)


def settings_in(text: str, *, changed_only: bool, switches: bool = False) -> tuple[str, ...]:
    """The settings that a configuration's text gives a value, as the meanings have them.

    `changed_only`: the text is a unified difference, and its context does not count. `switches`:
    of a program that takes a setting without a value as one that is on.
    """
    plain = _HEADERS.sub("", text)
    lines = plain.splitlines()
    if changed_only:
        lines = [line for line in lines if line.startswith(("+", "-"))]
    forms = (_SET, _SWITCH) if switches else (_SET,)
    found = (normal(m["name"]) for form in forms for m in form.finditer("\n".join(lines)))
    return tuple(dict.fromkeys(found))


def normal(name: str) -> str:
    """A setting's name as the meanings have it."""
    return name.lower().replace("-", "_")


def meant(settings: tuple[str, ...], text: str) -> tuple[str, ...]:
    """Those of the settings that decide what a text, in small letters, complains of."""
    return tuple(name for name in settings if any(_decides(name, text)))


def _decides(name: str, text: str) -> Iterator[bool]:
    for about, names in _shipped():
        yield name in names and about.search(text) is not None
