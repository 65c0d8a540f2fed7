"""Counts what is answered, by the address as a route declares it: /metrics shows it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.counting import HTTP_REQUESTS

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"


class Counted:
    """Counts each answer once, when its status is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                HTTP_REQUESTS.add(method_of(scope), route_of(scope), str(message["status"]))
            await send(message)

        await self._app(scope, receive, send_counted)


def method_of(scope: Scope) -> str:
    """Anybody may send any word as a method: those that mean nothing are one."""
    method: str = scope["method"]
    return method if method in METHODS else "other"


def route_of(scope: Scope) -> str:
    """`/api/v1/approvals/{approval_id}`: never the address itself, of which there is no end."""
    return getattr(scope.get("route"), "path", None) or NO_ROUTE
