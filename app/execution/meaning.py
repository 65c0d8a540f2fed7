"""What a command line asks for, and the few forms in which a program's arguments are known.

A form accepts whole sets of words, never a part of them: an option that is not listed has no
meaning, whatever it stands beside.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from app.domain.action import Params
from app.domain.value import Value

Words = tuple[str, ...]
NUMBER = re.compile(r"[0-9]{1,5}")


class Meaning(Value):
    """What a line asks for: an action with parameters, for no host yet."""

    action: str
    params: Params
    asked: tuple[str, ...] = ()  # parameters that only the host can tell: ids, times of start
    reaches: str | None = None  # the host that it would make ours speak to or look up


Translate = Callable[[Words], Meaning | None]


class NoMeaning(ValueError):
    """The line is plain, and nothing in the catalog is meant by it."""


def line_of(words: Words) -> str:
    """Words with blanks between them. A blank inside of one is none that a pattern could match."""
    return " ".join(word.replace(" ", "\0") for word in words)


def exactly(action: str, *accepted: str) -> Translate:
    """A program that is known with a few fixed sets of arguments only."""
    known = {tuple(words.split()) for words in accepted}
    return lambda words: Meaning(action=action, params={}) if words in known else None


def matching(action: str, pattern: str) -> Translate:
    """A program whose arguments, joined by blanks, must match as a whole."""
    whole = re.compile(pattern)
    return lambda words: (
        Meaning(action=action, params={}) if whole.fullmatch(line_of(words)) else None
    )


def either(*translations: Translate) -> Translate:
    """The first meaning that one of several forms finds."""

    def first(words: Words) -> Meaning | None:
        return next((found for each in translations if (found := each(words)) is not None), None)

    return first


def of_path(action: str, options: str = "") -> Translate:
    """A program on one path, after options of a pattern."""
    known = re.compile(options)

    def translate(words: Words) -> Meaning | None:
        *given, path = words or ("",)
        if path.startswith("-") or not path or not all(known.fullmatch(word) for word in given):
            return None
        return Meaning(action=action, params={"path": path})

    return translate


def with_lines(action: str) -> Translate:
    """`head` and `tail` of one file: their bound is the parameter."""

    def translate(words: Words) -> Meaning | None:
        *bound, path = words or ("",)
        found = re.fullmatch(r"(?:(?:-n|--lines)[ =]?|-)([0-9]{1,5})|", line_of(tuple(bound)))
        if found is None or path.startswith("-") or not path:
            return None
        return Meaning(action=action, params={"path": path, "lines": int(found[1] or 10)})

    return translate
