"""JSON as tools print it: one document or one object a line, cut short or not, never trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from app.domain.value import JsonObject
from app.host.parsers.raw import ParseError

#: What neither a database's text nor UTF-8 can carry: NUL and lone halves of surrogate pairs.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """The same JSON value with every character that could not be stored replaced by U+FFFD."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value


def _refuse(constant: str) -> NoReturn:
    raise ParseError(f"JSON has no number {constant}")


def document(text: str, tool: str) -> Any:
    """The one JSON document in `text`; ParseError names the tool where it is none."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"{tool}: expected one JSON document, {error}") from error


def json_object(text: str, tool: str) -> JsonObject:
    """The one JSON object in `text`."""
    value = document(text, tool)
    if not isinstance(value, dict):
        raise ParseError(f"{tool}: expected a JSON object, got {type(value).__name__}")
    return value


def json_array(text: str, tool: str) -> list[JsonObject]:
    """The objects of a JSON array that may have been cut: those that are whole are returned.

    ParseError where the text is no array of objects from its first byte on.
    """
    body = text.strip()
    if not body.startswith("["):
        raise ParseError(f"{tool}: expected a JSON array, got {body[:60]!r}")
    found = list(_whole_objects(body))
    if not found and body.strip("[] \r\n\t"):
        raise ParseError(f"{tool}: expected a JSON array of objects, got {body[:60]!r}")
    return found


def _whole_objects(body: str) -> Iterator[JsonObject]:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at = 1
    while (start := body.find("{", at)) >= 0:
        if body[at:start].strip(" ,\r\n\t"):
            return  # something else than objects: what comes after it cannot be trusted
        try:
            value, at = decoder.raw_decode(body, start)
        except (ValueError, RecursionError):
            return  # cut in the middle of an object
        yield value


def object_lines(text: str) -> Iterator[JsonObject]:
    """The objects of a text with one on each line; lines that are none are skipped."""
    for line in text.splitlines():
        try:
            value = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError):
            continue  # the last line of a cut output, or a message among the objects
        if isinstance(value, dict):
            yield value
