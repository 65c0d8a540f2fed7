"""Answers that do not depend on what was asked: what a failing instance says."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.responses import HTMLResponse, JSONResponse, Response

from app.domain.value import JsonObject
from app.servicenow.fake.faults import Fault, FaultKind
from app.servicenow.fake.refusal import (
    Operation,
    Refused,
    against_acl,
    error_body,
    no_record,
    not_authenticated,
)

RULE = "a1f5c2e3d4b5a6978869504132aabbcc"

HIBERNATING = """<html><head><title>Instance Hibernating page</title></head>
<body><h1>Your instance is hibernating</h1><p>Sign in to wake it.</p></body></html>"""

QUOTA = "Transaction cancelled: maximum execution time exceeded"


def canned(fault: Fault, now: datetime) -> Response | None:
    """The answer that a fault gives in place of the instance's; None: the instance answers."""
    match fault.kind:
        case FaultKind.UNAUTHORIZED:
            return refused(not_authenticated())
        case FaultKind.FORBIDDEN:
            return refused(against_acl(Operation.UPDATE))
        case FaultKind.NOT_FOUND:
            return refused(no_record())
        case FaultKind.RATE_LIMITED:
            return _rate_limited(fault.seconds, now)
        case FaultKind.OVERLOADED:
            return JSONResponse(_too_many(), 429)
        case FaultKind.SERVER_ERROR:
            return _page(500, "Internal Server Error")
        case FaultKind.UNAVAILABLE:
            return _page(503, "Service Unavailable")
        case FaultKind.HIBERNATING:
            return HTMLResponse(HIBERNATING, 200)
        case _:
            return None


def refused(error: Refused) -> Response:
    """A refusal as it is sent."""
    return JSONResponse(error.body(), error.status, error.headers)


def truncated(body: bytes) -> bytes:
    """An answer that the instance gave up on in the middle, with the reason behind it."""
    return body[: len(body) // 2] + f',"error":{{"message":"{QUOTA}"'.encode()


def _too_many() -> JsonObject:
    return error_body("Rate limit exceeded", "Too many requests")


def _rate_limited(seconds: float, now: datetime) -> Response:
    reset = now + timedelta(seconds=seconds)
    return JSONResponse(
        _too_many(),
        429,
        {
            "Retry-After": str(max(1, round(seconds))) if seconds else "0",
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Reset": str(int(reset.timestamp())),
            "X-RateLimit-Rule": RULE,
        },
    )


def _page(status: int, title: str) -> Response:
    return HTMLResponse(f"<html><head><title>{title}</title></head><body>{title}</body></html>",
                        status)  # fmt: skip
