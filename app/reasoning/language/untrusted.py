"""Text from outside - tickets, logs, names, answers of a model - made fit to be quoted.

This is hygiene: it keeps text from looking like something else. That text cannot decide anything is
the work of the rule in beside.py, which holds whatever a text says.
"""

from __future__ import annotations

import json
import re
import unicodedata

TEXT_CAP = 400
"""Characters kept of one text."""

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Controls, bidirectional and zero-width characters, private use, halves, line separators."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_ROLE = re.compile(
    r"<\|[^|>]{0,40}\|>|<{3,}|>{3,}|</?s>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|user|tool)\b[^>]{0,80}>",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"(?:^|(?<=\s))#{0,6}\s{0,4}(system|assistant|user|human|tool)\s{0,4}:", re.IGNORECASE
)
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://\S*|\bwww\.\S+|\bmailto:\S+", re.IGNORECASE)
_MARKUP = str.maketrans(dict.fromkeys("<>[]{}`|\\$*_#~", " "))


def clean(text: str, most: int = TEXT_CAP) -> str:
    """One line without anything hidden, and without what models take for a change of speaker."""
    plain = "".join(map(_visible, _ANSI.sub(" ", text[: 4 * most])))
    plain = _TURN.sub(r"\1 -", _ROLE.sub(" ", plain))
    line = " ".join(plain.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def quoted(text: str, most: int = TEXT_CAP) -> str:
    """The same as a JSON string: it cannot end its own quotation."""
    return json.dumps(clean(text, most), ensure_ascii=False)


def sentence(text: str, most: int = 300) -> str:
    """A model's own words for people to read: no address to follow, no markup to render."""
    plain = _ADDRESS.sub("(address left out)", clean(text, 4 * most)).translate(_MARKUP)
    line = " ".join(plain.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _visible(character: str) -> str:
    return " " if unicodedata.category(character) in _HIDDEN else character
