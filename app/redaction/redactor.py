"""Secrets taken out of texts and JSON, before anything else sees them.

What is taken out leaves `[redacted:1f3a...]`: a keyed hash, so that repeats of one secret can be
told. The same input gives the same output, twice is once, and no line is lost or gained. The best
control is not to read secrets: no catalog entry reads environments or arguments.

Every way out passes `REDACTOR`, the one of the process: what hosts say (execution), every row
(audit), every line of the log (log), errors of the API, and what goes to a model or a ticket. It
learns each secret that the agent itself is given (secrets) and takes it out wherever it stands.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import itertools
import os
import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from app.redaction.benign import is_benign
from app.redaction.shapes import A_NAME, BLOCKS, MARK, NAME_THEN_VALUE, SHAPES, Shape

SHORTEST_KNOWN = 8
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_MOST_CLEAN, _LONGEST_CLEAN = 50_000, 400  # texts and lines; characters of one
_CAME_OR_WENT = re.compile(r"^[+-]", re.MULTILINE)
"""What the lines of a diff begin with."""

_MOST_NAMES = 4096
_HINT = re.compile("|".join(sorted({re.escape(hint) for shape in SHAPES for hint in shape.hints})))
"""What stands in every text that fits any shape; most texts are let go by this alone."""
_MOST_ROUNDS = 4  # what one shape leaves may fit another; lines settle in two
_KEPT_KEYS = frozenset({"value_hashes"})  # keyed hashes by name: made to be compared


class Redactor:
    """Takes secrets out of texts and JSON."""

    def __init__(self, known_secrets: Iterable[str] = (), *, key: bytes | None = None) -> None:
        """`known_secrets`: values that the agent itself holds; taken out wherever they stand."""
        self._key = key or os.urandom(32)
        self._lock = threading.Lock()
        self._known: tuple[str, ...] = ()
        self._clean: set[str] = set()  # texts without a secret, seen lately: most come again
        for secret in known_secrets:
            self.know(secret)

    def know(self, secret: str) -> None:
        """Take this value out of every text from now on, also as base64 or in an address.

        Values under 8 characters are left alone: a password such as `nginx` would make the host
        unreadable.
        """
        if len(secret) < SHORTEST_KNOWN or secret in MARK:
            return
        encoded = base64.b64encode(secret.encode("utf-8", "replace")).decode("ascii")
        forms = {secret, secret.strip(), quote(secret, safe=""), encoded}
        with self._lock:
            known = forms.union(self._known)
            self._known = tuple(sorted(known, key=lambda form: (-len(form), form)))
            self._clean.clear()  # what was clean may hold the new one

    def text(self, text: str) -> str:
        """The text with every secret that is recognised replaced by its mark."""
        if text in self._clean:
            return text
        known = self._known
        is_diff = _CAME_OR_WENT.search(text) is not None
        clean = self._without_marks(text, known) if is_diff else text
        clean = self._without_secrets(clean, known)
        if clean == text and len(text) <= _LONGEST_CLEAN:
            self._remember_clean(text, known)
        return clean

    def _without_secrets(self, text: str, known: tuple[str, ...]) -> str:
        clean = _ANSI.sub("", text).replace("\x1b", "") if "\x1b" in text else text
        for secret in known:
            if secret in clean:
                clean = clean.replace(secret, self._lines_kept(secret))
        for block in BLOCKS:
            clean = block.sub(lambda found: self._lines_kept(found[0]), clean)
        clean = NAME_THEN_VALUE.sub(self._named, clean)
        lower = clean.lower()
        if _HINT.search(lower) is None:
            return clean
        likely = [shape for shape in SHAPES if any(hint in lower for hint in shape.hints)]
        return "".join(self._line(line, likely, known) for line in clean.splitlines(keepends=True))

    def _without_marks(self, text: str, known: tuple[str, ...]) -> str:
        """The lines of a diff as they stand in their file, where many a shape begins a line."""
        lines = text.splitlines(keepends=True)
        marks = [line[0] if line[0] in "+- " else "" for line in lines]
        bare = "".join(line[len(mark) :] for line, mark in zip(lines, marks, strict=True))
        clean = self._without_secrets(bare, known).splitlines(keepends=True)
        # of a last line that is a mark alone, nothing is left
        return "".join(m + line for m, line in itertools.zip_longest(marks, clean, fillvalue=""))

    def value(self, value: Any) -> Any:
        """JSON with every text in it redacted, those under a secret's name wholly."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            pair = {"value"} if _names_secret(value.get("name", value.get("key"))) else set()
            return {
                key: self._member(key, item, secret=key in pair or _names_secret(key))
                for key, item in value.items()
            }
        return value

    def _member(self, key: str, item: Any, *, secret: bool) -> Any:
        if key in _KEPT_KEYS:
            return item
        if secret and isinstance(item, str):
            clean = self.text(item)
            return clean if clean.startswith(MARK) or is_benign(clean) else self._mark(clean)
        if secret and isinstance(item, list):
            return [self._member(key, each, secret=True) for each in item]
        return self.value(item)

    def _line(self, line: str, shapes: Sequence[Shape], known: tuple[str, ...]) -> str:
        if line in self._clean:
            return line
        body = line.splitlines()[0]
        end = line[len(body) :]
        for _ in range(_MOST_ROUNDS):
            before, body = body, self._once(body, shapes)
            if body == before:
                break
        if body + end == line and len(line) <= _LONGEST_CLEAN and line[0] not in "+-":
            self._remember_clean(line, known)
        return body + end

    def _remember_clean(self, text: str, known: tuple[str, ...]) -> None:
        with self._lock:
            if known is not self._known:
                return  # a secret was learned meanwhile
            if len(self._clean) >= _MOST_CLEAN:
                self._clean.clear()
            self._clean.add(text)

    def _once(self, line: str, shapes: Sequence[Shape]) -> str:
        lower = line.lower()
        for shape in shapes:
            if any(hint in lower for hint in shape.hints):
                line = shape.pattern.sub(self._named if shape.named else self._replaced, line)
        return line

    def _named(self, found: re.Match[str]) -> str:
        return found[0] if is_benign(found["secret"]) else self._replaced(found)

    def _replaced(self, found: re.Match[str]) -> str:
        return found["before"] + self._mark(found["secret"])

    def _lines_kept(self, secret: str) -> str:
        """The mark on each of its lines: line 12 of a file stays line 12."""
        mark = self._mark(secret)
        lines = ((line.splitlines()[0], line) for line in secret.splitlines(keepends=True))
        return "".join((mark if text.strip() else "") + line[len(text) :] for text, line in lines)

    def _mark(self, secret: str) -> str:
        digest = hmac.new(self._key, secret.encode("utf-8", "replace"), hashlib.sha256)
        return f"{MARK}{digest.hexdigest()[:8]}]"


def _names_secret(name: object) -> bool:
    return isinstance(name, str) and _is_a_secrets_name(name)


@functools.lru_cache(_MOST_NAMES)
def _is_a_secrets_name(name: str) -> bool:
    return A_NAME.fullmatch(name) is not None


REDACTOR = Redactor()
"""The one of the process."""
