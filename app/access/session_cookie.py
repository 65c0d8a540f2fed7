"""The cookie of a session, and the token that its forms carry."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

PLAIN_NAME = "sre_session"
SECURE_NAME = "__Host-sre_session"
"""Over HTTPS: browsers then take it from this host alone, and never from plain HTTP."""

CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf"


def is_secure(request: Request, public_url: str | None) -> bool:
    """Whether browsers reach us over HTTPS."""
    return request.url.scheme == "https" or (public_url or "").startswith("https://")


def session_token(request: Request) -> str | None:
    """What the cookie holds, under either name."""
    return request.cookies.get(SECURE_NAME) or request.cookies.get(PLAIN_NAME)


def set_session(response: Response, token: str, *, secure: bool) -> None:
    """Hand the browser its session: no script reads it, no other site sends it."""
    name = SECURE_NAME if secure else PLAIN_NAME
    response.set_cookie(name, token, path="/", secure=secure, httponly=True, samesite="strict")


def forget_session(response: Response) -> None:
    """Have the browser forget it, under either name."""
    for name, secure in ((PLAIN_NAME, False), (SECURE_NAME, True)):
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")


def csrf_of(token: str) -> str:
    """What forms of this session carry. Who cannot read the cookie cannot make it."""
    return hmac.digest(token.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hex()
