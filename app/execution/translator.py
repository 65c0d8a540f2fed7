"""Command lines that people know, as catalogued actions. What is not listed has no meaning.

The line itself is never sent anywhere: it only picks an action's id and parameters, which the
catalog then checks like any other's. `known_programs` and `known_services` have the programs.
"""

from __future__ import annotations

from app.execution.known_programs import PROGRAMS
from app.execution.known_services import SERVICES
from app.execution.meaning import Meaning, NoMeaning
from app.execution.plain_words import NotPlain, PlainLine, read

_KNOWN = {**PROGRAMS, **SERVICES}


def meaning_of(line: str) -> tuple[Meaning, PlainLine]:
    """What a line asks for. Raises NotPlain or NoMeaning with the reason."""
    plain = read(line)
    words = plain.words
    if words[0] == "sudo":
        words = words[1:]  # privilege is the catalog's to give, never the text's
        if not words or words[0].startswith("-"):
            raise NoMeaning("sudo takes no options here: privilege comes from the catalog")
    translate = _KNOWN.get(words[0])
    if translate is None:
        raise NoMeaning(f"{words[0]} is not in the catalog")
    found = translate(words[1:])
    if found is None:
        raise NoMeaning(f"these options or arguments of {words[0]} are not in the catalog")
    return found, plain


__all__ = ["Meaning", "NoMeaning", "NotPlain", "meaning_of"]
