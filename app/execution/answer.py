"""What a server answered, as far as a user would notice."""

from __future__ import annotations

from typing import NamedTuple

import httpx

NOTICED = ("content-type", "location", "access-control-allow-origin")
"""Headers that decide what a browser makes of a page: as what it is taken, where it leads, and who
may use it. Without its type a style sheet styles nothing."""


class Answer(NamedTuple):
    """One answer."""

    status: int | None  # of HTTP
    body: str  # text
    headers: tuple[tuple[str, str], ...] = ()  # those of `NOTICED` that it had


def noticed(headers: httpx.Headers) -> tuple[tuple[str, str], ...]:
    """The headers of `NOTICED`, as the server wrote them."""
    return tuple((name, headers[name]) for name in NOTICED if name in headers)
