"""What every request passes first: the faults that were asked for, and the log.

Plain ASGI, since an answer may have to be cut off, cut short or drip.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.servicenow.fake.answers import canned, truncated
from app.servicenow.fake.faults import Fault, FaultKind
from app.servicenow.fake.instance import Current, Instance
from app.servicenow.fake.refusal import Refused
from app.servicenow.fake.request_log import Asked

CONTROL = "/fake"
CUT = "sre-agent.cut"
"""The name, among a scope's extensions, of the function that ends the connection at once."""

CUTS = frozenset({FaultKind.CUT_BEFORE, FaultKind.CUT_AFTER, FaultKind.CUT_LATE})
WITH_SECRETS = frozenset({"/oauth_token.do"})
DRIPS = 10


@dataclass
class Held:
    """An answer before it is sent."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        """An ASGI `send` that keeps what it is given."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], [*message["headers"]]
        else:
            self.body += message.get("body", b"")


class Front:
    """Strikes requests with faults, and notes them. The control addresses go straight through."""

    def __init__(self, app: ASGIApp, current: Current) -> None:
        self._app = app
        self._current = current
        self._answers = 0
        self._answered = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        instance = self._current.instance
        body = await _whole(receive)
        fault = instance.faults.strike(scope["method"], scope["path"])
        user = _asker(instance, scope)
        if fault is not None:
            _before(instance, fault)
        if fault is not None and fault.kind is FaultKind.CUT_LATE:
            await _cut(scope, receive)
            await self._answered_since(fault.behind)
        held = await self._answer(instance, scope, body, fault)
        cut = fault is not None and fault.kind in CUTS
        instance.requests.add(
            Asked(
                at=instance.clock.now(),
                method=scope["method"],
                path=scope["path"],
                query=unquote_plus(scope["query_string"].decode("ascii", "replace")),
                user=user,
                body=None if scope["path"] in WITH_SECRETS else _read(body),
                status=None if cut else held.status,
                fault=None if fault is None else fault.kind,
            )
        )
        if fault is not None and fault.kind is FaultKind.CUT_LATE:
            return
        if cut:
            await _cut(scope, receive)
        else:
            slow = fault is not None and fault.kind is FaultKind.SLOW
            await _send(held, send, seconds=fault.seconds if fault and slow else 0)
        async with self._answered:
            self._answers += 1
            self._answered.notify_all()

    async def _answered_since(self, many: int) -> None:
        """Wait until so many further requests were answered, or cut off."""
        wanted = self._answers + many
        async with self._answered:
            await self._answered.wait_for(lambda: self._answers >= wanted)

    async def _answer(
        self, instance: Instance, scope: Scope, body: bytes, fault: Fault | None
    ) -> Held:
        """The answer as it is to be sent; empty where nothing is to be done."""
        held = Held()
        if fault is not None and fault.kind is FaultKind.CUT_BEFORE:
            return held
        refusal = None if fault is None else canned(fault, instance.clock.now())
        await (refusal or self._app)(scope, _replayed(body), held.take)
        if fault is not None and fault.kind is FaultKind.TRUNCATED:
            held.body = truncated(held.body)
        return held


def _before(instance: Instance, fault: Fault) -> None:
    """What happens elsewhere just before the request is carried out."""
    if fault.kind is FaultKind.TOKENS_EXPIRE:
        instance.access.tokens.expire_all()
    if fault.kind is FaultKind.EDITED:
        instance.edit(fault.by, fault.table, fault.number, fault.changes)


def _asker(instance: Instance, scope: Scope) -> str:
    try:
        return instance.access.who(Headers(scope=scope)).user_name
    except Refused:
        return ""


async def _whole(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode("utf-8", "replace")


async def _cut(scope: Scope, receive: Receive) -> None:
    """End the connection without an answer; the server must see its end before we return."""
    scope["extensions"][CUT]()
    while (await receive())["type"] != "http.disconnect":
        continue


async def _send(held: Held, send: Send, *, seconds: float) -> None:
    """The whole answer, evenly over so many seconds."""
    headers = [(name, value) for name, value in held.headers if name != b"content-length"]
    headers.append((b"content-length", str(len(held.body)).encode()))
    await send({"type": "http.response.start", "status": held.status, "headers": headers})
    if seconds:
        size = max(1, len(held.body) // DRIPS)
        for at in range(0, len(held.body), size):
            await asyncio.sleep(seconds / DRIPS)
            part = held.body[at : at + size]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": held.body})
