"""Every page, the stream, and the files that they need."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, RedirectResponse

from app.access.guard import anybody
from app.dashboard import streaming
from app.dashboard.answering import PageRoute
from app.dashboard.broadcaster import Broadcaster
from app.dashboard.pages import approvals, audit, executions, figures, hosts, stopping, tickets
from app.dashboard.rendering import STATIC
from app.errors import NotFound

KEPT_SECONDS = 365 * 24 * 3600
"""Files have their content's hash in their address, so browsers may keep them."""

pages = APIRouter(include_in_schema=False, route_class=PageRoute)


@pages.get("/", dependencies=[anybody()])
async def root() -> RedirectResponse:
    """To the pages."""
    return RedirectResponse("/ui", status_code=307)


@pages.get("/ui/static/{name}", dependencies=[anybody()])
async def static(name: str) -> FileResponse:
    """One of the files beside this one; no path of the caller's is ever opened."""
    found = {path.name: path for path in STATIC.iterdir()}.get(name)
    if found is None:
        raise NotFound(f"There is no file {name!r}.")
    return FileResponse(found, headers={"Cache-Control": f"max-age={KEPT_SECONDS}, immutable"})


for part in (streaming, executions, approvals, hosts, stopping, tickets, figures, audit):
    pages.include_router(part.router)


def install(app: FastAPI) -> None:
    """Add the pages to the application."""
    app.include_router(pages)


async def close(app: FastAPI) -> None:
    """End what the pages left running."""
    broadcaster = getattr(app.state, "broadcaster", None)
    if isinstance(broadcaster, Broadcaster):
        await broadcaster.close()
