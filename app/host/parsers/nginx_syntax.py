"""nginx's configuration language: text into directives, whatever state the text is in.

A file that nginx refuses is exactly the one that must be read, so nothing here raises: what does
not fit (a stray brace, a missing semicolon, an early end) is noted as `broken` and stepped over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Directives after which a missing semicolon is noticed: they never are another's argument.
_NEVER_ARGUMENTS = frozenset(
    [
        *("access_log", "error_log", "include", "listen", "location", "root", "server_name"),
        *("proxy_pass", "fastcgi_pass", "grpc_pass", "scgi_pass", "uwsgi_pass", "upstream"),
        *("ssl_certificate", "ssl_certificate_key"),
    ]
)
_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\r\f\v]+) | (?P<newline>\n) | (?P<comment>\#[^\n]*)
    | "(?P<double>(?:[^"\\]|\\.)*)"(?=[\s;{)]|$) | '(?P<single>(?:[^'\\]|\\.)*)'(?=[\s;{)]|$)
    | (?P<mark>[;{}])
    | (?P<word>(?:\\.|\$\{|[^\s;{\\]|\\)(?:\\.|\$\{|(?<=\$\{)[^}]*\}|[^\s;{\\]|\\)*)
    """,
    re.VERBOSE | re.DOTALL,
)
_MAX_DEPTH = 40


@dataclass
class Directive:
    """`listen 443 ssl;` or a block: its name, its arguments, and what stands between its braces."""

    name: str
    args: list[str]
    file: str
    line: int
    block: list[Directive] | None = None  # None: a simple directive


@dataclass
class Parsed:
    """One file's directives; `broken` where its text breaks the language's rules."""

    directives: list[Directive] = field(default_factory=list)
    broken: bool = False


@dataclass
class _Token:
    text: str
    line: int
    kind: str  # mark (; { }), word, double, single
    first: bool  # the first on its line


def parse_text(text: str, file: str) -> Parsed:
    """The directives of one file; `file` is the name that they carry."""
    return _Reader(text, file).read()


def _tokens(text: str) -> Iterator[_Token]:
    line, at, first = 1, 0, True
    while at < len(text):
        match = _TOKEN.match(text, at)
        kind = match.lastgroup if match else None
        if match is None or kind is None:  # a lone control character: nothing to read in it
            at += 1
            continue
        if kind == "newline":
            first = True
        elif kind not in ("blank", "comment"):
            yield _Token(_plain(match[kind], kind), line, kind, first)
            first = False
        line += match[0].count("\n")
        at = match.end()


def _plain(text: str, kind: str) -> str:
    return re.sub(r"""\\(["'\\])""", r"\1", text) if kind in ("double", "single") else text


class _Reader:
    """Builds the tree; one instance reads one text."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._tokens = _tokens(text)
        self._parsed = Parsed()
        self._open: list[list[Directive]] = [self._parsed.directives]
        self._words: list[_Token] = []

    def read(self) -> Parsed:
        for token in self._tokens:
            if token.kind == "mark":
                self._mark(token)
            else:
                self._word(token)
        if self._words:
            self._finish(broken=True)
        if len(self._open) > 1:
            self._parsed.broken = True
        return self._parsed

    def _word(self, token: _Token) -> None:
        if self._words and token.first and token.text in _NEVER_ARGUMENTS:
            self._finish(broken=True)  # the semicolon before it is missing
        if token.kind == "word" and token.text[0] in "\"'":
            self._parsed.broken = True  # a quote that is never closed, or closed in mid-word
        self._words.append(token)

    def _mark(self, token: _Token) -> None:
        if token.text == "{":
            self._begin(token)
        elif token.text == ";":
            self._finish(broken=not self._words)
        else:
            self._end()

    def _begin(self, brace: _Token) -> None:
        inner: list[Directive] = []
        nameless = not self._words
        if nameless:
            self._words.append(_Token("", brace.line, "word", first=False))
        self._finish(broken=nameless, block=inner)
        too_deep = len(self._open) > _MAX_DEPTH
        self._open.append(self._open[-1] if too_deep else inner)

    def _end(self) -> None:
        if self._words:
            self._finish(broken=True)
        if len(self._open) > 1:
            self._open.pop()
        else:
            self._parsed.broken = True

    def _finish(self, *, broken: bool, block: list[Directive] | None = None) -> None:
        self._parsed.broken = self._parsed.broken or broken
        if self._words:
            name, *args = self._words
            texts = [argument.text for argument in args]
            self._open[-1].append(Directive(name.text, texts, self._file, name.line, block))
            self._words = []
