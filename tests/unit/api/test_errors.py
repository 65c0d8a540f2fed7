"""Every error has the one shape, and says nothing that it should not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from app import errors
from app.api import errors as api_errors
from app.api.admission import MAX_BODY_BYTES, Admission


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: int


def small_app() -> FastAPI:
    """An application with our way of answering errors and a route for each way of failing."""
    app = FastAPI()
    app.add_middleware(Admission)
    api_errors.install(app)

    @app.post("/strict")
    async def strict(body: Strict) -> int:
        return body.number

    @app.get("/raises/{name}")
    async def raises(name: str) -> None:
        if name == "bug":
            raise RuntimeError("postgresql://user:secret@db/x")
        if name == "busy":
            raise errors.Busy("Too much to do.", retry_after_seconds=30, hint="Later.")
        raise getattr(errors, name)("It went wrong.", hint="Do this.")

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(small_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def error_of(answer: httpx.Response) -> dict[str, object]:
    """The error, after checking that it has exactly the one shape."""
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "hint", "details"}
    error: dict[str, object] = body["error"]
    return error


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("UnknownTarget", 422),
        ("ContradictoryTarget", 422),
        ("NotFound", 404),
        ("Conflict", 409),
        ("Unauthorized", 401),
        ("Forbidden", 403),
        ("DatabaseNotReady", 503),
        ("AuditWriteFailed", 503),
        ("HostUnreachable", 502),
        ("HostKeyMismatch", 502),
    ],
)
async def test_our_errors(client: httpx.AsyncClient, name: str, status: int) -> None:
    answer = await client.get(f"/raises/{name}")
    assert answer.status_code == status
    kind: type[errors.SreAgentError] = getattr(errors, name)
    assert error_of(answer) == {
        "code": kind.code,
        "message": "It went wrong.",
        "hint": "Do this.",
        "details": [],
    }


async def test_busy_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raises/busy")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"


async def test_a_bug_shows_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raises/bug", headers={"X-Request-Id": "abc-1"})
    assert answer.status_code == 500
    error = error_of(answer)
    assert error["code"] == "internal-error"
    assert "abc-1" in str(error["hint"])
    assert "secret" not in answer.text


async def test_validation_names_the_field(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/strict",
        content=rb'{"number": "\ud800", "odd": 1}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    error = error_of(answer)
    assert error["code"] == "validation-failed"
    fields = [detail["field"] for detail in answer.json()["error"]["details"]]
    assert fields == ["number", "odd"]


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"[" * 100_000, b"", b"null", rb'{"\ud800": 1}']
)
async def test_a_body_that_is_no_json_is_the_callers_mistake(
    client: httpx.AsyncClient, body: bytes
) -> None:
    answer = await client.post(
        "/strict", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    error_of(answer)


async def test_addresses_and_methods(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nowhere")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not-found")
    wrong = await client.delete("/strict")
    assert (wrong.status_code, error_of(wrong)["code"]) == (405, "method-not-allowed")
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken(client: httpx.AsyncClient, kind: str) -> None:
    """What a browser may send from another site without asking first is refused."""
    answer = await client.post("/strict", content=b'{"number": 1}', headers={"Content-Type": kind})
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported-media-type")


async def test_a_body_that_is_announced_too_large(client: httpx.AsyncClient) -> None:
    body = b'{"number": "' + b"x" * MAX_BODY_BYTES + b'"}'
    answer = await client.post(
        "/strict", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, error_of(answer)["code"]) == (413, "payload-too-large")


async def test_a_body_that_turns_out_too_large(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2 * MAX_BODY_BYTES // 1024):
            yield b"x" * 1024

    answer = await client.post(
        "/strict", content=endless(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, error_of(answer)["code"]) == (413, "payload-too-large")


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "<script>"])
async def test_an_odd_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/nowhere", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] != given
    kept = await client.get("/nowhere", headers={"X-Request-Id": "trace-1"})
    assert kept.headers["x-request-id"] == "trace-1"
