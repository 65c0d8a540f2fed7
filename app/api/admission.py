"""What every request passes first: an id for it, a limit on its size, the kinds of body we read;
and every answer last: the headers for browsers, and no inside of ours where something broke.

Plain ASGI, so that no more is read into memory than is allowed. FastAPI's own `max_body_size`
would answer in plain text, which is not the one shape of our errors.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import log
from app.api.errors import CODE_OF_STATUS, problem, unexpected
from app.api.headers import add_security

MAX_BODY_BYTES = 256 * 1024
REQUEST_ID = "X-Request-Id"
FORM = "application/x-www-form-urlencoded"
PAGES = ("/ui", "/login", "/logout")

_PLAUSIBLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


class Admission:
    """Gives each request its id and turns away what no route would take."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id

        started = False

        async def send_marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                out = MutableHeaders(scope=message)
                out[REQUEST_ID] = request_id
                add_security(out, https=scope["scheme"] == "https")
            await send(message)

        with log.about(request_id=request_id):
            answer = _refusal(scope, headers) or self._app
            try:
                await answer(scope, _counted(receive), send_marked)
            except Exception as error:
                if started:
                    raise
                # here and not further out, so that this answer has its id and headers too
                await unexpected(Request(scope), error)(scope, receive, send_marked)


def _counted(receive: Receive) -> Receive:
    """The body as it comes in, up to the limit: its length need not have been announced."""
    read = 0

    async def receive_counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body has more than {MAX_BODY_BYTES} bytes")
        return message

    return receive_counted


def _request_id(headers: Headers) -> str:
    """The caller's own id where it is harmless in a log, a fresh one otherwise."""
    given = headers.get(REQUEST_ID, "")
    return given if _PLAUSIBLE_ID.fullmatch(given) else uuid4().hex


def _refusal(scope: Scope, headers: Headers) -> Response | None:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        return _answer(413, f"The body has {length} bytes; {MAX_BODY_BYTES} are taken at most.")
    has_body = length != "0" or "transfer-encoding" in headers
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if scope["method"] in _BODY_METHODS and has_body and not _is_taken(scope["path"], kind):
        return _answer(415, f"The body is {kind or 'of no declared type'}, not application/json.")
    return None


def _is_taken(path: str, kind: str) -> bool:
    """JSON; and forms where pages are. The API takes none: what a browser on another site can send
    without asking first never reaches it.
    """
    if kind == FORM and path.startswith(PAGES):
        return True
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _answer(status: int, message: str) -> Response:
    code, hint = CODE_OF_STATUS[HTTPStatus(status)]
    return problem(status, code, message, hint=hint)
