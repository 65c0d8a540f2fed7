"""The client on a transport of our own: logging in, redirects, failures on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from app.errors import (
    ConfigurationError,
    ServiceNowRefused,
    ServiceNowUnavailable,
    ServiceNowUncertain,
)
from app.servicenow.client import Client
from app.settings import Settings

INSTANCE: dict[str, Any] = {"servicenow_instance_url": "https://snow.example/"}
PASSWORD = {"servicenow_username": "agent", "servicenow_password": "hunter2"}
OAUTH = {"servicenow_client_id": "c1", "servicenow_client_secret": "s3cret"}
API_KEY = {"servicenow_api_key": "k3y"}

Handler = Callable[[httpx.Request], httpx.Response]


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **INSTANCE, **given)


def client(handler: Handler, **given: Any) -> Client:
    return Client(settings(**(given or PASSWORD)), transport=httpx.MockTransport(handler))


def good(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"result": {}})


class Instance:
    """Hands out tokens t1, t2, ... and takes the newest alone."""

    def __init__(self, *, lasting: int = 1799) -> None:
        self.issued = 0
        self.lasting = lasting
        self.revoked = False
        self.seen: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth_token.do":
            assert b"grant_type=client_credentials" in request.content
            self.issued += 1
            self.revoked = False
            token = {"access_token": f"t{self.issued}", "expires_in": self.lasting}
            return httpx.Response(200, json=token)
        shown = request.headers["Authorization"]
        self.seen.append(shown)
        if self.revoked or shown != f"Bearer t{self.issued}":
            return httpx.Response(401, json={"error": {"message": "User is not authenticated"}})
        return good(request)


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        (PASSWORD, "Authorization", "Basic YWdlbnQ6aHVudGVyMg=="),
        (API_KEY, "x-sn-apikey", "k3y"),
    ],
)
async def test_who_we_are_is_said_each_time(given: Any, header: str, value: str) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return good(request)

    async with client(handler, **given) as asking:
        await asking.read("table/incident", {"sysparm_limit": "1"})
        await asking.write("table/incident/1", {"work_notes": "é"}, {})
    assert [request.headers[header] for request in seen] == [value, value]
    assert str(seen[0].url) == "https://snow.example/api/now/table/incident?sysparm_limit=1"
    assert (seen[1].method, json.loads(seen[1].content)) == ("PATCH", {"work_notes": "é"})


async def test_a_token_is_kept_and_fetched_anew_once_when_it_is_refused() -> None:
    instance = Instance()
    async with client(instance, **OAUTH) as asking:
        await asking.read("x", {})
        await asking.read("x", {})
        assert instance.issued == 1
        instance.revoked = True
        await asking.read("x", {})
    assert instance.seen == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]


async def test_a_token_about_to_end_is_not_used() -> None:
    instance = Instance(lasting=1)
    async with client(instance, **OAUTH) as asking:
        await asking.read("x", {})
        asking._token.ends_at = 0  # type: ignore[union-attr]
        await asking.read("x", {})
    assert instance.issued == 2


async def test_a_refused_credential_is_tried_once_and_passes_once_it_is_mended() -> None:
    asked = 0

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if request.url.path == "/oauth_token.do":
            return httpx.Response(401, json={"error": "access_denied"})
        return httpx.Response(401, json={"error": {"message": "User is not authenticated"}})

    for way in (PASSWORD, OAUTH):
        asked = 0
        async with client(handler, **way) as asking:
            with pytest.raises(ServiceNowUnavailable) as raised:
                await asking.read("x", {})
        assert asked == 1
        assert "hunter2" not in str(raised.value)
        assert "s3cret" not in str(raised.value)


async def test_redirects_are_not_followed() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})

    async with client(handler) as asking:
        with pytest.raises(ServiceNowUnavailable, match="never followed"):
            await asking.write("x", {"a": "b"}, {})
    assert asked == ["snow.example"]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError("refused"), ServiceNowUnavailable),
        (httpx.ConnectTimeout("slow"), ServiceNowUnavailable),
        (httpx.ReadTimeout("slow"), ServiceNowUncertain),
        (httpx.RemoteProtocolError("disconnected"), ServiceNowUncertain),
        (httpx.WriteError("reset"), ServiceNowUncertain),
    ],
)
async def test_a_write_that_fails_on_the_way(failure: Exception, kind: type[Exception]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise failure

    async with client(handler) as asking:
        with pytest.raises(kind) as raised:
            await asking.write("x", {"a": "b"}, {})
        assert type(raised.value) is kind
        with pytest.raises(ServiceNowUnavailable) as read:
            await asking.read("x", {})
        assert type(read.value) is ServiceNowUnavailable


async def test_a_refusal_comes_with_its_words() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        error = {"message": "Operation Failed", "detail": "Data Policy Exception: Resolution code"}
        return httpx.Response(403, json={"error": error})

    async with client(handler) as asking:
        with pytest.raises(ServiceNowRefused, match="Data Policy Exception"):
            await asking.write("x", {"state": "6"}, {})


@pytest.mark.parametrize(
    "given",
    [
        {"servicenow_instance_url": "http://snow.example", **PASSWORD},
        {"servicenow_instance_url": "ftp://snow.example", **PASSWORD},
        {"servicenow_instance_url": "https://u:p@snow.example", **PASSWORD},
        {"servicenow_instance_url": "https://snow.example/path", **PASSWORD},
        {"servicenow_instance_url": "https://snow.example"},
        {"servicenow_instance_url": "https://snow.example", "servicenow_username": "x"},
        {"servicenow_instance_url": "https://snow.example", "servicenow_client_id": "x"},
        {"servicenow_instance_url": "https://snow.example", **PASSWORD, **API_KEY},
        API_KEY,
    ],
)
def test_settings_that_would_be_unsafe_or_make_no_sense(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **given)


def test_plain_http_stays_on_the_machine() -> None:
    given: dict[str, Any] = {"servicenow_instance_url": "http://127.0.0.1:1", **API_KEY}
    assert Settings(_env_file=None, **given).servicenow_instance_url == "http://127.0.0.1:1"


def test_an_unusable_authority_is_told_at_the_start(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    for path in (wrong, tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match="SERVICENOW_CA_FILE"):
            Client(settings(**PASSWORD, servicenow_ca_file=path))
