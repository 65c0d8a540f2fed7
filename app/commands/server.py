"""The running server, as the commands talk to it."""

from __future__ import annotations

from types import TracebackType
from typing import Annotated, Any, Self

import httpx
import typer

from app.domain.value import JsonObject
from app.errors import SreAgentError

Url = Annotated[
    str | None,
    typer.Option("--url", help="Where the server listens; default: HOST and PORT of the settings."),
]


class ServerError(SreAgentError):
    """The server could not be reached, or it said no."""

    code = "server-error"


class Server:
    """A client of the API. Every answer that is not a success becomes a ServerError."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = url.rstrip("/")
        # no proxy of the environment: the server is ours, and mostly on this machine
        self._client = httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, **params: Any) -> JsonObject:
        """A GET; parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._ask("GET", path, params=given)

    def post(self, path: str, body: object, *, seconds: float = 30) -> JsonObject:
        """A POST of JSON, answered within `seconds`."""
        return self._ask("POST", path, json=body, timeout=seconds)

    def _ask(self, method: str, path: str, **more: Any) -> JsonObject:
        try:
            answer = self._client.request(method, path, **more)
        except httpx.TransportError as error:
            raise ServerError(
                f"Nobody answers at {self.url}: {error}.",
                hint="Start the server (sre-agent serve), or name another address with --url.",
            ) from error
        body = _json(answer)
        if not answer.is_success:
            raise _refusal(answer, body)
        return body


def _json(answer: httpx.Response) -> JsonObject:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ServerError(
            f"{answer.request.url} did not answer as an SRE agent does ({answer.status_code}).",
            hint="Is another program listening there?",
        )
    return body


def _refusal(answer: httpx.Response, body: JsonObject) -> ServerError:
    error = body.get("error")
    if not isinstance(error, dict):
        return ServerError(f"The server answered {answer.status_code}.")
    details = "; ".join(f"{part['field']}: {part['problem']}" for part in error["details"])
    return ServerError(
        f"{error['message']} {details}".strip() + f" ({error['code']})", hint=error["hint"]
    )
