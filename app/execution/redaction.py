"""Secrets taken out of what hosts say, before anything else sees it.

Ordered patterns, each for one shape that secrets have in the output of operations tools. What is
taken out leaves `[redacted:1f3a...]`: a keyed hash, so that repeats of one secret can be told.
Hosts' output is untrusted: every repetition is bounded, so that no line keeps a pattern busy.
The best control is not to read secrets: no catalog entry reads environments or arguments.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from typing import Any

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_PEM_TAIL = re.compile(
    r"\A(?:[A-Za-z0-9+/=]{40,}\s+)+[A-Za-z0-9+/=]*\s*-----END [A-Z0-9 ]*PRIVATE KEY-----"
)
_NAMED = (  # what stands before such a word in a name does not matter
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|"
    r"private[_-]?key|signing[_-]?key|encryption[_-]?key|credentials?|requirepass|masterauth|"
    r"auth[_-]?key|client[_-]?key|connection[_-]?string|account[_-]?key|session[_-]?id|cookie|dsn)"
    r"[A-Za-z0-9_]{0,24}"
)
_VALUE = r"(?!\[redacted:|\[value )(?P<secret>%s)"
_QUOTED = r"\\?\"(?:[^\"\\]|\\.){0,4096}\\?\"|'[^']{0,4096}'"
_BARE = r"[^\s\"'&;,<>{}\[\]]+"

_SHAPES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # scheme://user:secret@host
        r"(?P<before>\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]{0,128}:)"
        + _VALUE % r"[^\s@/]{1,512}"
        + r"(?=@)",
        # Authorization: Bearer ..., Proxy-Authorization: Basic ...
        r"(?P<before>authorization[\"']?\s{0,8}[:=]\s{0,8}[\"']?"
        r"(?:(?:bearer|basic|digest|token|negotiate)\s{1,8})?)(?!bearer|basic|digest|negotiate)"
        + _VALUE
        % r"[A-Za-z0-9+/=_.~:-]{6,}",
        r"(?P<before>\b(?:bearer|basic)\s{1,8})" + _VALUE % r"[A-Za-z0-9+/=_.~-]{16,}",
        r"(?P<before>\b(?:set-)?cookie:\s{0,8})" + _VALUE % r"\S[^\r\n]*",
        # "password": "...", PASSWORD=..., password is ..., --password ...
        r"(?P<before>"
        + _NAMED
        + r"\\?[\"']?\s{0,8}(?:=>|[:=])\s{0,8})"
        + _VALUE % rf"{_QUOTED}|{_BARE}",
        r"(?P<before>(?<!\S)--?[A-Za-z0-9_.-]{0,24}?"
        + _NAMED
        + r"[ =])"
        + _VALUE % rf"{_QUOTED}|{_BARE}",
        r"(?P<before>\b(?:requirepass|masterauth|pass(?:word|wd|phrase)|identified\s{1,8}by)\s{1,8})"
        + _VALUE
        % rf"{_QUOTED}|(?!(?:for|is|was|of|from|in|has|to|and|or|not|authentication|"
        r"failed|required|expired|incorrect|mismatch|check|prompt|file|auth|changed|reset)\b)"
        r"(?=\S{0,256}[0-9!@#$%^*])\S{6,}",
        # mysql -pSECRET, redis-cli -a SECRET, curl -u user:SECRET
        r"(?P<before>\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^\n|;]{0,300}?\s-p)"
        + _VALUE % r"[^\s'\"]+",
        r"(?P<before>\bredis-cli\b[^\n|;]{0,300}?\s-a\s{1,8})" + _VALUE % r"\S+",
        r"(?P<before>\bcurl\b[^\n|;]{0,300}?\s(?:-u|--user)[ =]?[^\s:]{1,128}:)" + _VALUE % r"\S+",
        # signed URLs
        r"(?P<before>[?&](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|"
        r"access_token|key|code)=)" + _VALUE % r"[^&\s\"']+",
        # password hashes: shadow, htpasswd, LDAP
        r"(?P<before>)" + _VALUE % r"\$(?:1|2[aby]?|5|6|7|y|gy|apr1|argon2[a-z]*)\$[^\s:\"']{8,}",
        r"(?P<before>\{s?sha(?:256|512)?\})" + _VALUE % r"[A-Za-z0-9+/=]{20,}",
        # what vendors' keys look like
        r"(?P<before>)" + _VALUE % r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        r"(?P<before>)" + _VALUE % r"\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"(?P<before>)" + _VALUE % r"\bglpat-[A-Za-z0-9_-]{16,}|\bxox[abprs]-[A-Za-z0-9-]{10,}",
        r"(?P<before>)" + _VALUE % r"\bsk-[A-Za-z0-9_-]{16,}|\bAIza[0-9A-Za-z_-]{30,}",
        r"(?P<before>)" + _VALUE % r"\bhv[sb]\.[A-Za-z0-9_-]{20,}|\bnpm_[A-Za-z0-9]{30,}",
        r"(?P<before>)"
        + _VALUE % r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
    )
)
_HINTS = re.compile(
    r"pass|pwd|secret|token|key|cred|auth|cookie|dsn|connection|session|bearer|basic|identified|"
    r"://|-p|-a |-u |--user|sig|\$[0-9a-z]{1,8}\$|\{s?sha|AKIA|ASIA|gh[pousr]_|github_pat|glpat|"
    r"xox|sk-|AIza|hv[sb]\.|npm_|eyJ|[?&]code=",
    re.IGNORECASE,
)
SHORTEST_KNOWN = 6


class Redactor:
    """Takes secrets out of texts and JSON. The same input gives the same output; twice is once."""

    def __init__(self, known_secrets: Iterable[str] = (), *, key: bytes | None = None) -> None:
        """`known_secrets`: values that the agent itself holds; taken out wherever they stand."""
        self._known = sorted(
            {secret for secret in known_secrets if len(secret) >= SHORTEST_KNOWN},
            key=lambda secret: (-len(secret), secret),
        )
        self._key = key or os.urandom(32)

    def text(self, text: str) -> str:
        """The text with every secret that is recognised replaced by its mark."""
        clean = _ANSI.sub("", text)
        for secret in self._known:
            clean = clean.replace(secret, self._mark(secret))
        clean = _PEM.sub(lambda found: self._mark(found[0]), clean)
        clean = _PEM_TAIL.sub(lambda found: self._mark(found[0]), clean)
        return "".join(self._line(line) for line in clean.splitlines(keepends=True))

    def value(self, value: Any) -> Any:
        """JSON with every text in it redacted; keys stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        return value

    def _line(self, line: str) -> str:
        if not _HINTS.search(line):
            return line
        for shape in _SHAPES:
            line = shape.sub(self._replaced, line)
        return line

    def _replaced(self, found: re.Match[str]) -> str:
        return found["before"] + self._mark(found["secret"])

    def _mark(self, secret: str) -> str:
        digest = hmac.new(self._key, secret.encode("utf-8", "replace"), hashlib.sha256)
        return f"[redacted:{digest.hexdigest()[:8]}]"
