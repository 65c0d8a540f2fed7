"""What an answer of ServiceNow means: data, "later", "perhaps done", or "no".

Its ways of failing are its own: a sleeping instance answers 200 with a page, a transaction that
took too long ends good JSON in the middle, 429 comes with and without the headers that say when.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from app.domain.value import JsonObject, Value
from app.errors import (
    ServiceNowError,
    ServiceNowRefused,
    ServiceNowUnavailable,
    ServiceNowUncertain,
)

LONGEST_WAIT = 3600.0
WORDS_MAX = 400
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What passes by itself. 401 does too, once somebody has mended the credential."""
GIVEN_UP = frozenset({408, 502, 504})  # said by what stands before it, while it may work on


class Answer(Value):
    """An answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    text: str


def body_of(answer: Answer, *, write: bool) -> JsonObject:
    """The JSON object of a success; raises what the answer means otherwise."""
    if not 200 <= answer.status < 300:
        raise failure_of(answer, write=write)
    if answer.status == 204:
        return {}
    try:
        body = json.loads(answer.text)
    except ValueError:
        raise _unusable(answer, write=write) from None
    if not isinstance(body, dict):
        raise _unusable(answer, write=write)
    return body


def failure_of(answer: Answer, *, write: bool) -> ServiceNowError:
    """What an answer that is no success means."""
    said = f"ServiceNow answered {answer.status}: {words_of(answer)}"
    if 300 <= answer.status < 400:
        return ServiceNowUnavailable(
            f"{said} It wants to send us to another address; that is never followed.",
            hint="Check SERVICENOW_INSTANCE_URL and that the user may use the REST API.",
        )
    if answer.status == 401:
        return ServiceNowUnavailable(said, hint="Check the credential of the integration user.")
    if answer.status not in PASSING:
        return ServiceNowRefused(said)
    wait = retry_after(answer.headers, datetime.now(UTC))
    if answer.status == 429:
        return ServiceNowUnavailable(said, retry_after_seconds=wait)
    if not write:
        return ServiceNowUnavailable(said, retry_after_seconds=wait)
    return ServiceNowUncertain(said, retry_after_seconds=wait, at_work=answer.status in GIVEN_UP)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, by `Retry-After` or else `X-RateLimit-Reset`; None: not said."""
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return min(float(given), LONGEST_WAIT)
    moment = _date(given) if given else _epoch(headers.get("x-ratelimit-reset", "").strip())
    if moment is None:
        return None
    return min(max(0.0, (moment - now).total_seconds()), LONGEST_WAIT)


def words_of(answer: Answer) -> str:
    """ServiceNow's own words for what is wrong, in one bounded line; never a page's HTML."""
    try:
        body: Any = json.loads(answer.text)
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        said = [str(error[part]) for part in ("message", "detail") if error.get(part)]
        return _line(": ".join(said)) or "no reason given."
    if isinstance(error, str):  # /oauth_token.do
        return _line(f"{error}: {body.get('error_description', '')}".rstrip(": "))
    return "a page instead of data." if _is_page(answer) else "no reason given."


def _unusable(answer: Answer, *, write: bool) -> ServiceNowUnavailable:
    """200, and yet no data: asleep, or cut off by ServiceNow itself."""
    if _is_page(answer):
        asleep = "ibernat" in answer.text
        said = "the page of a hibernating instance" if asleep else "a page instead of data"
        return ServiceNowUnavailable(
            f"ServiceNow answered {answer.status} with {said}.",
            hint="Wake the instance up at developer.servicenow.com." if asleep else "",
        )
    kind = ServiceNowUncertain if write else ServiceNowUnavailable
    return kind(
        f"ServiceNow answered {answer.status} with JSON that breaks off.",
        hint="It cancels what takes longer than its quota; that passes.",
        everyone=False,
    )


def _is_page(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "")
    return "html" in kind or answer.text.lstrip()[:1] == "<"


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= WORDS_MAX else flat[: WORDS_MAX - 3] + "..."


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _epoch(text: str) -> datetime | None:
    plausible = text.isascii() and text.isdigit() and len(text) <= 10
    return datetime.fromtimestamp(int(text), UTC) if plausible else None
