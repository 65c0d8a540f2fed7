"""Notes which requests are turned away, whoever refuses them: the audit tells of it each minute."""

from __future__ import annotations

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.refusals import STATUSES, Refusal, Refusals
from app.api.counted import method_of, route_of

UNKNOWN = ("unknown", 0)


class Refused:
    """Sees the status of each answer."""

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in STATUSES:
                self._refusals.note(_refusal(scope, message["status"]))
            await send(message)

        await self._app(scope, receive, send_noted)


def _refusal(scope: Scope, status: int) -> Refusal:
    state = State(scope.get("state", {}))
    return Refusal(
        status=status,
        code=getattr(state, "error_code", ""),
        why=getattr(state, "refused_why", ""),
        method=method_of(scope),
        route=route_of(scope),
        who=getattr(state, "asker", ""),
        address=(scope.get("client") or UNKNOWN)[0],
    )
