"""What an answer of ServiceNow means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import (
    ServiceNowError,
    ServiceNowRefused,
    ServiceNowUnavailable,
    ServiceNowUncertain,
)
from app.servicenow.answers import Answer, body_of, failure_of, retry_after

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HTML = {"content-type": "text/html"}
ACL = (
    '{"error":{"message":"Operation Failed","detail":"ACL Exception Update Failed due to '
    'security constraints"},"status":"failure"}'
)


def answer(status: int, text: str = "", headers: dict[str, str] | None = None) -> Answer:
    return Answer(status=status, headers=headers or {}, text=text)


@pytest.mark.parametrize(
    ("given", "read", "write"),
    [
        (answer(400), ServiceNowRefused, ServiceNowRefused),
        (answer(401), ServiceNowUnavailable, ServiceNowUnavailable),
        (answer(403, ACL), ServiceNowRefused, ServiceNowRefused),
        (answer(404), ServiceNowRefused, ServiceNowRefused),
        (answer(408), ServiceNowUnavailable, ServiceNowUncertain),
        (answer(429), ServiceNowUnavailable, ServiceNowUnavailable),
        (answer(500, "<html>", HTML), ServiceNowUnavailable, ServiceNowUncertain),
        (answer(503, "<html>", HTML), ServiceNowUnavailable, ServiceNowUncertain),
        (answer(302), ServiceNowUnavailable, ServiceNowUnavailable),
    ],
)
def test_no_success(
    given: Answer, read: type[ServiceNowError], write: type[ServiceNowError]
) -> None:
    assert type(failure_of(given, write=False)) is read
    assert type(failure_of(given, write=True)) is write


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (answer(200, "<html>Instance Hibernating page", HTML), ServiceNowUnavailable, "hibernat"),
        (answer(200, "<!doctype html>", {}), ServiceNowUnavailable, "a page instead of data"),
        (answer(200, '{"result": [{"a": "b"},', {}), ServiceNowUncertain, "breaks off"),
        (answer(200, "[]", {}), ServiceNowUncertain, "breaks off"),
        (answer(201, "", {}), ServiceNowUncertain, "breaks off"),
    ],
)
def test_a_success_without_data(given: Answer, kind: type[ServiceNowError], said: str) -> None:
    with pytest.raises(kind, match=said) as raised:
        body_of(given, write=True)
    assert type(raised.value) is kind


def test_a_success() -> None:
    assert body_of(answer(200, '{"result": {}}'), write=True) == {"result": {}}
    assert body_of(answer(204), write=True) == {}


def test_servicenows_words_are_repeated_and_pages_are_not() -> None:
    refusal = failure_of(answer(403, ACL), write=True)
    assert "Operation Failed: ACL Exception Update Failed" in refusal.message
    page = failure_of(answer(503, "<html><h1>secret</h1>", HTML), write=True)
    assert "secret" not in page.message
    long = failure_of(answer(400, '{"error":{"message":"%s"}}' % ("x" * 9000)), write=True)
    assert len(long.message) < 500


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "99999999"}, 3600.0),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-reset": str(int(NOON.timestamp()) + 12)}, 12.0),
        ({"x-ratelimit-reset": "later"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, Any], seconds: float | None) -> None:
    assert retry_after(headers, NOON) == seconds


@pytest.mark.parametrize(
    ("status", "at_work"), [(500, False), (503, False), (502, True), (504, True)]
)
def test_a_gateway_that_gave_up_waiting_says_nothing_of_the_write(
    status: int, at_work: bool
) -> None:
    failure = failure_of(answer(status), write=True)
    assert isinstance(failure, ServiceNowUncertain)
    assert failure.at_work is at_work
