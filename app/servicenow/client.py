"""The one way over the wire to ServiceNow.

client = Client(settings)
rows = await client.read("table/incident", {"sysparm_query": "number=INC0010001"})
record = await client.write("table/incident/<sys_id>", {"work_notes": "..."})
await client.close()

TLS is always verified; redirects are never followed; at most two requests are in flight; a request
has an end. Every failure is one of three (app/errors.py): unavailable, uncertain, refused.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from app import log
from app.domain.value import JsonObject
from app.errors import ConfigurationError, ServiceNowUnavailable, ServiceNowUncertain
from app.servicenow.answers import Answer, body_of
from app.servicenow.credentials import Login, Token, Way, headers
from app.settings import Settings

IN_FLIGHT = 2
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0  # ServiceNow's own quota for a transaction
WHOLE_SECONDS = 75.0  # an answer that drips in byte by byte ends here; nothing arrives after it
ANSWER_MAX_BYTES = 8 * 1024 * 1024

_log = log.get(__name__)

Parameters = Mapping[str, str]


class Client:
    """A connection to one instance, for one event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        assert settings.servicenow_instance_url is not None, "ask only where it is set"
        self.instance = settings.servicenow_instance_url
        self.login = Login.of(settings)
        self._whole_seconds = whole_seconds
        self._http = httpx.AsyncClient(
            base_url=self.instance,
            transport=transport,
            verify=_trust(settings),
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=None),
            follow_redirects=False,
            trust_env=False,
            headers={"Accept": "application/json", "User-Agent": "sre-agent"},
        )
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)
        self._token: Token | None = None
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def read(self, path: str, parameters: Parameters) -> JsonObject:
        """GET `api/now/<path>`; the answer's JSON. Raises ServiceNowError."""
        return await self._ask("GET", path, parameters, None)

    async def write(self, path: str, fields: JsonObject, parameters: Parameters) -> JsonObject:
        """PATCH a record; it as it is afterwards. Raises ServiceNowError."""
        return await self._ask("PATCH", path, parameters, fields)

    async def _ask(
        self, method: str, path: str, parameters: Parameters, body: JsonObject | None
    ) -> JsonObject:
        """One request; with OAuth once more under a fresh token where the old one is refused."""
        answer = await self._send(method, path, parameters, body)
        if answer.status == 401 and self.login.way is Way.OAUTH:
            self._token = None
            answer = await self._send(method, path, parameters, body)
        return body_of(answer, write=body is not None)

    async def _send(
        self, method: str, path: str, parameters: Parameters, body: JsonObject | None
    ) -> Answer:
        shown = headers(self.login, await self._current_token())
        if body is not None:
            shown = {**shown, "Content-Type": "application/json"}
        request = self._http.build_request(
            method,
            f"/api/now/{path}",
            params=dict(parameters),
            headers=dict(shown),
            content=None if body is None else json.dumps(body).encode(),
        )
        return await self._over_the_wire(request, write=body is not None)

    async def _over_the_wire(self, request: httpx.Request, *, write: bool) -> Answer:
        """The answer; a failure on the way says whether a write may have been done."""
        started = time.monotonic()
        try:
            async with self._in_flight, asyncio.timeout(self._whole_seconds):
                answer = await self._http.send(request, stream=True)
                try:
                    text = await _bounded(answer)
                finally:
                    await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ServiceNowUnavailable(
                f"{self.instance} cannot be reached: {_reason(error)}.",
                hint="Check SERVICENOW_INSTANCE_URL, the network, and SERVICENOW_CA_FILE where a "
                "private authority signed its certificate.",
            ) from error
        except (httpx.HTTPError, TimeoutError) as error:
            said = f"{self.instance} did not answer to the end: {_reason(error)}."
            if write:
                raise ServiceNowUncertain(said, at_work=True) from error
            raise ServiceNowUnavailable(said) from error
        _log.debug(
            "asked ServiceNow",
            method=request.method,
            path=request.url.path,
            status=answer.status_code,
            seconds=round(time.monotonic() - started, 3),
        )
        return Answer(status=answer.status_code, headers=dict(answer.headers), text=text)

    async def _current_token(self) -> Token | None:
        """A token that is good for a while yet; None where none is needed."""
        if self.login.way is not Way.OAUTH:
            return None
        async with self._renewing:
            if self._token is None or self._token.ends_at <= time.monotonic():
                self._token = await self._fetch_token()
            return self._token

    async def _fetch_token(self) -> Token:
        request = self._http.build_request(
            "POST",
            "/oauth_token.do",
            data={
                "grant_type": "client_credentials",
                "client_id": self.login.name,
                "client_secret": self.login.secret(),
            },
        )
        answer = await self._over_the_wire(request, write=False)
        if 400 <= answer.status < 500 and answer.status not in (408, 429):
            answer = answer.model_copy(update={"status": 401})  # it passes once it is mended
        given: Any = body_of(answer, write=False)
        value, seconds = given.get("access_token"), given.get("expires_in", 1799)
        if not isinstance(value, str) or not isinstance(seconds, int | float | str):
            raise ServiceNowUnavailable("ServiceNow's token endpoint gave no token.")
        return Token.lasting(value, float(seconds), now=time.monotonic())


async def _bounded(answer: httpx.Response) -> str:
    """The body as text, of which no more is read than anything of ours can need."""
    read = bytearray()
    async for part in answer.aiter_bytes():
        read += part
        if len(read) > ANSWER_MAX_BYTES:
            raise httpx.ReadError(f"more than {ANSWER_MAX_BYTES} bytes", request=answer.request)
    return read.decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _trust(settings: Settings) -> ssl.SSLContext:
    """The system's authorities, and the private one where there is one. Never less."""
    context = ssl.create_default_context()
    if settings.servicenow_ca_file is not None:
        try:
            context.load_verify_locations(cafile=settings.servicenow_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"SERVICENOW_CA_FILE {settings.servicenow_ca_file} cannot be used: {error}.",
                hint="Name a PEM file with the authority's certificate.",
            ) from error
    return context
