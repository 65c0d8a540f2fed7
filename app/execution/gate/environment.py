"""Environment files, as systemd reads them; values leave only as keyed hashes."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
from typing import NamedTuple

from . import disk
from .places import Places

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST_KEY = re.compile(r"HOST|SERVER|ADDR|ENDPOINT|NODE|PEER|BACKEND|UPSTREAM|LISTEN|BIND", re.I)
_SECRET_KEY = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|COOKIE|SALT|DSN", re.I)
_HOST_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9.])?(?::[0-9]{1,5})?")


class Assignment(NamedTuple):
    """One line KEY=value."""

    key: str
    value: str


def assignments(text: str) -> tuple[list[Assignment], list[str]]:
    """The assignments of an environment file, and its lines that systemd would ignore."""
    found, problems = [], []
    if "\r" in text:
        problems.append("line ends are CR LF: every value ends in a carriage return")
    for number, line in _logical_lines(text):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        key, equals, value = stripped.partition("=")
        if not equals:
            problems.append(f"line {number}: no '='")
        elif not _NAME.fullmatch(key):
            problems.append(f"line {number}: {ascii(key)[:40]} is no variable's name")
        else:
            found.append(Assignment(key, _unquoted(value)))
            if value[:1] in "\"'" and value.count(value[0]) % 2:
                problems.append(f"line {number}: a quote of {key} is not closed")
    return found, problems


def key_hash(places: Places, value: str) -> str:
    """A hash of a value that only this host can make: equal values show, nothing can be guessed."""
    return hmac.new(_key(places), value.encode(), hashlib.sha256).hexdigest()[:24]


def is_plain_host(one: Assignment) -> bool:
    """Whether a value is only a host's name or address, and may be shown."""
    if _SECRET_KEY.search(one.key) or not one.value:
        return False
    try:
        ipaddress.ip_address(one.value)
    except ValueError:
        return bool(_HOST_KEY.search(one.key) and _HOST_VALUE.fullmatch(one.value))
    return True


def looks_like_environment(path: str, text: str) -> bool:
    """Whether a file is one of KEY=value lines, so that its values must not be shown."""
    if path.endswith((".env", "/environment")):
        return True
    found, problems = assignments(text)
    return bool(found) and not problems


def masked(text: str, places: Places) -> str:
    """An environment file's text with every value that is no host replaced by its hash."""
    lines = []
    for line in text.splitlines():
        found, _ = assignments(line)
        if not found or is_plain_host(found[0]):
            lines.append(line)
        else:
            lines.append(f"{found[0].key}=[value {key_hash(places, found[0].value)[:12]}]")
    return "\n".join(lines) + ("\n" if text.endswith("\n") else "")


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Numbered lines; a backslash at the end joins the next."""
    joined: list[tuple[int, str]] = []
    pending = ""
    begun = 0
    for number, line in enumerate(text.split("\n"), start=1):
        begun = begun or number
        if line.endswith("\\"):
            pending += line[:-1]
            continue
        joined.append((begun, pending + line))
        pending, begun = "", 0
    if pending:
        joined.append((begun, pending))
    return joined


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _key(places: Places) -> bytes:
    """The host's key, made when it is first needed."""
    disk.make_folder(places.state)
    try:
        made = os.open(places.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        pass
    else:
        os.close(made)
        disk.write_whole(places.key, os.urandom(32))
    with open(places.key, "rb") as source:
        return source.read()
