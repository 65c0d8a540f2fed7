"""How a page is answered: framed, for whoever may see it, live from the moment it was read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response

from app import errors, log
from app.access.authentication import CallerPart
from app.access.guard import Guarded
from app.access.origin import SAFE_METHODS
from app.dashboard.frame import Frame
from app.dashboard.parts import BroadcasterPart, OverviewPart, ServicePart
from app.dashboard.rendering import render

_log = log.get(__name__)

STATUS_OF: dict[type[errors.SreAgentError], int] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.DatabaseNotReady: 503,
    errors.EngineError: 503,
    errors.AuditWriteFailed: 503,
}
"""What a page can meet. Anything else is a fault of ours, and answered as the API answers those."""


class Page:
    """Answers with a page. Made before anything is read, so that the stream goes on from there."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def answer(self, template: str, http_status: int = 200, **shown: Any) -> HTMLResponse:
        """The page, whole."""
        html = render(template, frame=self._frame, http_status=http_status, **shown)
        return HTMLResponse(html, http_status)


async def page_of(
    request: Request,
    service: ServicePart,
    live: BroadcasterPart,
    overview: OverviewPart,
    caller: CallerPart,
) -> Page:
    """The frame as of now."""
    since = await live.position()
    return Page(
        Frame(
            simulated=service.hands.simulated,
            since=since,
            path=request.url.path,
            waiting=await overview.waiting(),
            pause=await service.records.pauses.current(),
            caller=caller,
        )
    )


PagePart = Annotated[Page, Depends(page_of)]


class PageRoute(Guarded):
    """A guarded route whose refusals are pages too; who is not known is led to the login."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_with_a_page(request: Request) -> Response:
            try:
                return await answer(request)
            except RequestValidationError as error:
                named = ", ".join(str(found["loc"][-1]) for found in error.errors())
                hint = "Check the address, or go back and fill it in."
                return _failed(request, 422, "validation-failed", f"Not understood: {named}.", hint)
            except tuple(STATUS_OF) as error:
                if isinstance(error, errors.Unauthorized) and request.method in SAFE_METHODS:
                    raise  # answered as everywhere: a browser is led to the login and back
                return _refused(request, error)

        return answer_with_a_page


def _refused(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, errors.SreAgentError)
    _log.info("page refused", path=request.url.path, code=error.code)
    status = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
    return _failed(request, status, error.code, error.message, error.hint)


def _failed(request: Request, status: int, code: str, message: str, hint: str) -> HTMLResponse:
    """An error as a page. It is not live, and asks nothing of the database."""
    frame = Frame(simulated=not request.app.state.settings.enable_real_ssh, path=request.url.path)
    return Page(frame).answer("failed.html", status, code=code, message=message, hint=hint)
