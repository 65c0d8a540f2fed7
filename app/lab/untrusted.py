"""Text that comes from hosts, tickets and agents, made fit to be shown to a person.

It may hold anything: terminal escapes, characters that turn the writing direction round, halves of
surrogate pairs that no encoding takes, or a megabyte of one letter.
"""

from __future__ import annotations

CAP = 1500  # characters of one text; enough for a cause with the end of a stack trace
ODD = "\N{REPLACEMENT CHARACTER}"


def shown(text: str, most: int = CAP) -> str:
    """Without anything that a terminal or a browser would obey; what was cut is said."""
    plain = "".join(map(_character, text[:most].replace("\r\n", "\n")))
    left_out = len(text) - most
    return plain if left_out <= 0 else f"{plain}… (and {left_out} more characters)"


def line(text: str, most: int = CAP) -> str:
    """The same, in one line."""
    return " ".join(shown(text, most).split())


def _character(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return " " if character.isspace() else ODD
