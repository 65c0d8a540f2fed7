"""Text from hosts and tickets, made safe to look at.

Escaping keeps it from being markup; this keeps it from lying: escape sequences that recolour or
erase, and marks that turn the direction of writing, are shown as what they are.
"""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b\[[0-9;:]*m")
"""Colours. They carry nothing that a reader needs, and every second tool prints them."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TURNING = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def visible(text: str) -> str:
    """The text without colours; every other control, bidi or zero-width character made visible.

    Line feeds and tabs stay. `\\r\\n` becomes `\\n`.
    """
    plain = _ANSI.sub("", text.replace("\r\n", "\n"))
    return _TURNING.sub(_code_point, _CONTROL.sub(_picture, plain))


def _picture(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x20:
        return chr(0x2400 + number)
    return "\u2421" if number == 0x7F else _code_point(found)


def _code_point(found: re.Match[str]) -> str:
    return f"\u27e8U+{ord(found[0]):04X}\u27e9"
