"""One shape for every error, whoever found it: us, FastAPI, Starlette or the unexpected.

    {"error": {"code": "target-unknown", "message": "...", "hint": "...", "details": []}}

`code` is stable (docs/reference/errors.md has a line for each), `message` says what was wrong,
`hint` what to do about it, `details` which fields of the request it was about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app import errors, log
from app.access.origin import is_for_a_page, is_local, login_path
from app.redaction.redactor import REDACTOR

_log = log.get(__name__)


class ErrorDetail(BaseModel):
    """One thing that was wrong with the request."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(description="Where: a path into the body, or a parameter's name.")
    problem: str = Field(description="What was wrong there, and what was expected.")


class ErrorInfo(BaseModel):
    """What went wrong, for a program (`code`) and for a person (`message`, `hint`)."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="Stable name of the error.", examples=["target-unknown"])
    message: str = Field(description="What was wrong.")
    hint: str = Field(default="", description="What to do about it.")
    details: tuple[ErrorDetail, ...] = ()


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "code": "target-unknown",
                        "message": "No host of the inventory is called 'web-prod-99'.",
                        "hint": "Add it to the inventory, or name one of GET /api/v1/hosts.",
                        "details": [],
                    }
                }
            ]
        },
    )

    error: ErrorInfo


STATUS_OF: dict[type[errors.SreAgentError], int] = {
    errors.IncidentRejected: 422,
    errors.ActionRejected: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.Busy: 429,
    errors.DiskNearlyFull: 503,  # ours to mend, not its sender's to slow down
    errors.DatabaseNotReady: 503,
    errors.EngineError: 503,
    errors.AuditWriteFailed: 503,
    errors.HostUnreachable: 502,
    errors.ServiceNowError: 502,
    errors.IdentityProviderFailed: 502,
    errors.RecordingMissing: 409,
    errors.SecretUnavailable: 502,
}
"""HTTP status of each branch of the tree in app/errors.py; a subclass has its parent's."""

CODE_OF_STATUS: dict[int, tuple[str, str]] = {
    400: ("bad-request", "Send a JSON body in UTF-8; docs/reference/api.md has an example."),
    404: ("not-found", "GET /docs lists what there is."),
    405: ("method-not-allowed", "The Allow header names the methods that this address takes."),
    413: ("payload-too-large", "Send at most 256 KiB."),
    415: ("unsupported-media-type", "Send JSON, with `Content-Type: application/json`."),
}
"""Code and hint of what Starlette and FastAPI raise by themselves."""

RETRY_SOON_SECONDS = 5


def documented(*statuses: int, guarded: bool = True) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: these errors, in the one shape, for the OpenAPI document.

    `guarded`: it asks who comes, so it may also turn them away.
    """
    at_the_door = (401, 403, 429) if guarded else ()
    return {
        status: {"model": ErrorBody, "description": HTTPStatus(status).phrase}
        for status in sorted({*statuses, *at_the_door, 500, 503})
    }


def problem(
    status: int,
    code: str,
    message: str,
    *,
    hint: str = "",
    details: Sequence[ErrorDetail] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error answer in the one shape."""
    info = ErrorInfo(code=code, message=message, hint=hint, details=tuple(details))
    # escaped, since a message may name what was sent, and that need not be valid text
    body = json.dumps(REDACTOR.value(ErrorBody(error=info).model_dump()), ensure_ascii=True)
    return Response(body, status, headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Register the handlers; from here on nothing answers in another shape."""
    app.add_exception_handler(errors.SreAgentError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(Exception, _of_the_unexpected)


def status_of(error: errors.SreAgentError) -> int:
    """The HTTP status of one of our errors; 500 for what no request should cause."""
    for kind in type(error).__mro__:
        if kind in STATUS_OF:
            return STATUS_OF[kind]
    return 500


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.SreAgentError)
    status = status_of(error)
    request.state.error_code = error.code
    if status == HTTPStatus.UNAUTHORIZED and is_for_a_page(request):
        return RedirectResponse(login_path(request), HTTPStatus.SEE_OTHER)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request failed", code=error.code, reason=str(error), path=request.url.path)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _internal(request)
    if isinstance(error, errors.DatabaseNotReady) and not is_local(request):
        # its words name where the database is: they are for those on the machine
        return _not_ready(error)
    return problem(
        status, error.code, error.message, hint=error.hint, headers=_headers(error, status)
    )


def _not_ready(error: errors.DatabaseNotReady) -> Response:
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        error.code,
        "The database is not ready.",
        hint="The server's log says why, and GET /readyz on the machine itself.",
        headers={"Retry-After": str(RETRY_SOON_SECONDS)},
    )


def _headers(error: errors.SreAgentError, status: int) -> dict[str, str]:
    if isinstance(error, errors.Busy):
        return {"Retry-After": str(error.retry_after_seconds)}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_SOON_SECONDS)}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    return {}


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    request.state.error_code = "validation-failed"
    details = [_detail(found) for found in error.errors()]
    named = ", ".join(dict.fromkeys(detail.field for detail in details))
    return problem(
        422,
        "validation-failed",
        f"The request was not understood: {named}.",
        hint="`details` says what was expected of each; docs/reference/api.md has examples.",
        details=details,
    )


def _allowing(request: Request, given: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """The Allow header with every method of the address: the framework names one route's only."""
    app: FastAPI = request.app
    for template, methods in app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{[^/{}]+\}", "[^/]+", template), request.url.path):
            return {"Allow": ", ".join(sorted(method.upper() for method in methods))}
    return given


def _detail(found: Mapping[str, Any]) -> ErrorDetail:
    """One of pydantic's findings, without the value: it may hold what should not be echoed."""
    path = [str(part) for part in found["loc"]]
    if len(path) > 1 and path[0] in ("body", "query", "path", "header"):
        path = path[1:]
    return ErrorDetail(
        field=".".join(path), problem=str(found["msg"]).removeprefix("Value error, ")
    )


async def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    code, hint = CODE_OF_STATUS.get(error.status_code, (phrase.lower().replace(" ", "-"), ""))
    return problem(
        error.status_code,
        code,
        str(error.detail or phrase).rstrip(".") + ".",
        hint=hint,
        headers=_allowing(request, error.headers) if error.status_code == 405 else error.headers,
    )


async def _of_the_unexpected(request: Request, error: Exception) -> Response:
    return unexpected(request, error)


def unexpected(request: Request, error: Exception) -> Response:
    """The answer to a bug: the log has the traceback, the answer only where to find it."""
    _log.error("unexpected error", path=request.url.path, exc_info=error)
    return _internal(request)


def _internal(request: Request) -> Response:
    """A 500 that says nothing of the inside, but by which name to look it up in the log."""
    number = getattr(request.state, "request_id", "unknown")
    return problem(
        500,
        "internal-error",
        "The service failed on this request.",
        hint=f"The log has it under request_id {number}; docs/howto/debugging.md.",
    )
