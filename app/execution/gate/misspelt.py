"""Words that a program does not know in its configuration, and the ones it knows that are nearest.

What a program knows stands in the program itself: the texts of its file and of its modules. Whether
a word found there is what was meant, the program's own test says: what it refuses is taken back.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import disk
from .access import require_accepted, stored
from .answers import Params, answer, read_program, text_at
from .places import Places
from .refusal import Failed
from .request import load_config
from .rewriting import line_at, rewrite

_SECONDS = 10.0
_LARGEST = 16 << 20
_MOST_FILES = 200
_MOST_NAMED = 5
_SHORTEST, _LONGEST = 4, 48
_ENOUGH_FOR_TWO = 9
"""Letters from which on two slips still leave no doubt; in a shorter word only one does."""


ONLY_PERMIT = frozenset(
    ["permitrootlogin", "passwordauthentication", "permitemptypasswords", "x11forwarding",
     "allowtcpforwarding", "allowagentforwarding", "allowstreamlocalforwarding", "permittunnel",
     "gatewayports", "kbdinteractiveauthentication", "challengeresponseauthentication",
     "hostbasedauthentication", "gssapiauthentication", "kerberosauthentication",
     "permituserenvironment", "permituserrc", "permittty"]
)  # fmt: skip
"""What sshd may permit beside a login with a key: `no` to one of these only forbids."""


class Reader(NamedTuple):
    """A program that reads files below a place, where its words stand, and its own test."""

    beneath: str
    vocabulary: tuple[str, ...]
    test: tuple[str, ...]


READERS = (
    Reader(
        "/etc/nginx/",
        ("/usr/sbin/nginx", "/usr/lib/nginx/modules/*.so", "/usr/lib64/nginx/modules/*.so"),
        ("/usr/sbin/nginx", "-t"),
    ),
    Reader("/etc/ssh/sshd_config", ("/usr/sbin/sshd",), ("/usr/sbin/sshd", "-t")),
    Reader(
        "/etc/apache2/",
        ("/usr/sbin/apache2", "/usr/lib/apache2/modules/*.so"),
        ("/usr/sbin/apachectl", "configtest"),
    ),
    Reader(
        "/etc/httpd/",
        ("/usr/sbin/httpd", "/usr/lib64/httpd/modules/*.so"),
        ("/usr/sbin/apachectl", "configtest"),
    ),
    Reader(
        "/etc/haproxy/",
        ("/usr/sbin/haproxy",),
        ("/usr/sbin/haproxy", "-c", "-q", "-f", "/etc/haproxy/haproxy.cfg"),
    ),
    Reader(
        "/etc/bind/",
        ("/usr/lib/*/libisccfg*.so*", "/usr/lib64/libisccfg*.so*", "/usr/bin/named-checkconf"),
        ("/usr/bin/named-checkconf",),
    ),
)


def config_misspelt(params: Params, _: Places) -> int:
    """MisspeltFacts: the words nearest to one that a program does not know."""
    word = str(params["word"])
    path = os.path.realpath(str(params["path"]))
    lines = text_at(path, 1 << 20).split("\n")
    line = int(str(params["line"]))
    rest = _rest(line_at(lines, line), word)
    return answer(
        {
            "path": path,
            "line": line,
            "word": word,
            "value": "none" if rest is None else _plain(rest),
            "nearest": [] if rest is None else nearest(word, _known(_reader(path))),
        }
    )


def config_correct_word(params: Params, places: Places) -> int:
    """Put the word that was meant in the place of one misspelt; nothing else changes."""
    reader = _reader(str(params["path"]))
    replaced = _correct(params, reader, places)
    return answer({"path": params["path"], "word": params["right"], "replaced": replaced})


def access_correct_word(params: Params, places: Places) -> int:
    """The same for sshd, where the line then only forbids something, and never the agent's way."""
    path, right = str(params["path"]), str(params["right"])
    reader = _reader(path)
    if right.lower() not in ONLY_PERMIT:
        raise Failed(f"what {right} says is not only what sshd may permit")
    if load_config(places.config).account == "root":
        raise Failed("the agent itself logs in as root here: a person must see to sshd")
    before = stored(path, places)
    if _plain(_value(path, params)) != "no":
        raise Failed(f"line {params['line']} forbids nothing: a person must see what it permits")
    replaced = _correct(params, reader, places)
    require_accepted(path, before, places, removed=False)
    return answer({"path": path, "word": right, "replaced": replaced})


def _value(path: str, params: Params) -> str:
    text = line_at(text_at(path, 1 << 20).split("\n"), int(str(params["line"])))
    return _rest(text, str(params["word"])) or ""


def _correct(params: Params, reader: Reader, places: Places) -> str:
    """The sha256 of what was replaced."""
    path, word, right = str(params["path"]), str(params["word"]), str(params["right"])
    line = int(str(params["line"]))
    if nearest(word, _known(reader)) != [right]:
        raise Failed(f"{right} is not the one word that is nearest to {word}")

    def change(lines: list[str]) -> None:
        text = line_at(lines, line)
        if _rest(text, word) is None:
            raise Failed(f"line {line} does not hold {word} once, as a word of its own")
        lines[line - 1] = _standing(word).sub(right, text, count=1)

    return rewrite(path, change, lambda: _refusal(reader), places)


def nearest(word: str, known: Iterable[tuple[str, bool]]) -> list[str]:
    """Known words that a slip or two away are all the nearest, in the spelling of `word`.

    Of a word and another's tail (`True`: linkers keep the one within the other), the word.
    """
    most = 2 if len(word) >= _ENOUGH_FOR_TWO else 1
    low = word.lower()
    best, found = (most, True), set[str]()
    for other, is_tail in known:
        if abs(len(other) - len(low)) > best[0] or other == low:
            continue
        slips = _slips(low, other, best[0])
        if slips is None or (slips, is_tail) > best:
            continue
        if (slips, is_tail) < best:
            best, found = (slips, is_tail), set()
        found.add(_spelt_like(word, other))
    return sorted(found)[:_MOST_NAMED]


def _slips(one: str, other: str, most: int) -> int | None:
    """Letters left out, added, changed, or swapped with their neighbour; None for more."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, theirs in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != theirs))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == theirs:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return None
    return row[-1] if row[-1] <= most else None


def _spelt_like(word: str, other: str) -> str:
    """`other` with the capitals of `word`: programs that fold case keep only one spelling."""
    if word == word.lower():
        return other
    import difflib  # only where there is a capital: it costs the start 5 ms

    letters = list(other)
    matcher = difflib.SequenceMatcher(None, word.lower(), other, autojunk=False)
    for at, to, size in matcher.get_matching_blocks():
        letters[to : to + size] = word[at : at + size]
    return "".join(letters)


def _known(reader: Reader) -> Iterator[tuple[str, bool]]:
    """Every word in a program's own files, in small letters; and the tails of words."""
    files = [path for place in reader.vocabulary for path in sorted(glob.glob(place))]
    found = {text.lower() for path in files[:_MOST_FILES] for text in _texts(path)}
    for text in found:
        yield text, False
    for text in found:
        for start in range(1, len(text) - _SHORTEST + 1):
            if text[start:] not in found:
                yield text[start:], True


def _texts(path: str) -> list[str]:
    """Words that stand as texts of their own in a program's file that only root can write."""
    pattern = rf"\0([A-Za-z][A-Za-z0-9_-]{{{_SHORTEST - 1},{_LONGEST}}})(?=\0)"
    try:
        with open(path, "rb") as source:
            state = os.fstat(source.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_uid != 0 or state.st_mode & 0o022:
                return []
            content = source.read(_LARGEST)
    except OSError:
        return []
    return [found.decode("ascii") for found in re.findall(pattern.encode(), content)]


def _standing(word: str) -> re.Pattern[str]:
    """A word where a directive begins: at the start of a line, or after `;`, `{` or `}`."""
    return re.compile(rf"(?:(?<=^)|(?<=[\s;{{}}])){re.escape(word)}(?=[\s;{{=]|$)")


def _rest(text: str, word: str) -> str | None:
    """What follows a word in its line; None where it does not stand there exactly once."""
    code = text.partition("#")[0]
    found = list(_standing(word).finditer(code))
    return code[found[0].end() :] if len(found) == 1 else None


def _plain(rest: str) -> str:
    """A value that tells whether the line allows or forbids; a longer one is nobody's business."""
    value = rest.strip(" \t;={}").lower()
    return value if re.fullmatch(r"[a-z]{2,5}|[0-9]{1,9}", value) else "other"


def _reader(path: str) -> Reader:
    found = next((reader for reader in READERS if path.startswith(reader.beneath)), None)
    if found is None:
        raise Failed(f"it is not known which program reads {path}")
    with disk.parent_of(path) as (folder, name):
        os.close(disk.open_regular(folder, name, path))
    return found


def _refusal(reader: Reader) -> str | None:
    code, out, said = read_program([*reader.test], _SECONDS)
    return None if code == 0 else said or out
