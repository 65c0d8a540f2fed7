"""What is refused is summed up within bounds, and lost by no failure to write."""

from __future__ import annotations

import asyncio
import json

import pytest

from app.access import refusals as refusing
from app.access.refusals import EVENT, LINES, Refusal, Refusals, keep_telling
from app.domain.value import JsonObject
from app.errors import AuditWriteFailed

STRANGER = Refusal(
    status=401,
    code="unauthorized",
    why="This needs a key.",
    method="POST",
    route="/api/v1/incident/trigger-agent",
    who="",
    address="203.0.113.9",
)


class Book:
    """Where entries go; refuses them while it is closed."""

    def __init__(self) -> None:
        self.entries: list[JsonObject] = []
        self.closed = False
        self.written = asyncio.Event()

    async def tell(self, event: str, content: JsonObject) -> None:
        if self.closed:
            raise AuditWriteFailed("The disk is full.")
        assert event == EVENT
        self.entries.append(content)
        self.written.set()


async def test_the_same_refusal_many_times_is_one_line() -> None:
    book, refusals = Book(), Refusals()
    for _ in range(1000):
        refusals.note(STRANGER)
    await refusals.tell(book.tell)
    await refusals.tell(book.tell)
    (entry,) = book.entries
    (line,) = entry["refused"]
    assert line == {
        "status": 401,
        "code": "unauthorized",
        "why": "This needs a key.",
        "method": "POST",
        "route": "/api/v1/incident/trigger-agent",
        "address": "203.0.113.9",
        "times": 1000,
    }


async def test_a_flood_from_everywhere_is_one_small_entry() -> None:
    book, refusals = Book(), Refusals()
    for number in range(5000):
        odd = "x" * 5000
        refusals.note(STRANGER._replace(address=f"2001:db8::{number:x}", who=odd, why=odd))
    await refusals.tell(book.tell)
    (entry,) = book.entries
    assert len(entry["refused"]) == LINES
    assert entry["others"] == {"401": 5000 - LINES}
    assert len(json.dumps(entry)) < 20_000


async def test_what_cannot_be_written_is_told_later_within_the_same_bounds() -> None:
    book, refusals = Book(), Refusals()
    book.closed = True
    for number in range(3 * LINES):
        refusals.note(STRANGER._replace(address=str(number)))
        await refusals.tell(book.tell)
    book.closed = False
    await refusals.tell(book.tell)
    (entry,) = book.entries
    told = sum(line["times"] for line in entry["refused"]) + entry["others"]["401"]
    assert told == 3 * LINES
    assert len(entry["refused"]) == LINES


async def test_secrets_that_were_shown_are_not_told() -> None:
    book, refusals = Book(), Refusals()
    refusals.note(STRANGER._replace(who="Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0"))
    await refusals.tell(book.tell)
    assert "eyJzdWIiOiIxMjM0In0" not in json.dumps(book.entries)


async def test_it_is_told_each_minute_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusing, "SUMMED_UP_SECONDS", 0.01)
    book, refusals = Book(), Refusals()
    refusals.note(STRANGER)
    task = asyncio.create_task(keep_telling(refusals, book.tell))
    await book.written.wait()
    monkeypatch.setattr(refusing, "SUMMED_UP_SECONDS", 3600)
    refusals.note(STRANGER._replace(status=403))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [entry["refused"][0]["status"] for entry in book.entries] == [401, 403]
