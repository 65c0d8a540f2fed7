"""The composition root of what is served: the service (app/assembly.py) and its routers.

`uvicorn app.main:app` serves it; `python start_server.py` migrates first. What is wrong with the
settings or the files ends the process with a sentence. What is wrong with the database does not:
the service answers 503 with the reason and comes up by itself once it is mended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from app import log, watching
from app.access import guard
from app.access.door import say_who_may_knock
from app.access.refusals import Refusals, keep_telling
from app.api import docs_page, health, login, login_oidc, metrics
from app.api import errors as api_errors
from app.api.admission import Admission
from app.api.counted import Counted
from app.api.refused import Refused
from app.api.v1.router import router as v1
from app.assembly import Files, Service, Wrap, service
from app.dashboard import router as dashboard
from app.engine.parts import Graph
from app.errors import ConfigurationError
from app.settings import Settings, read_settings


def create_app(
    settings: Settings | None = None,
    *,
    works: bool = True,
    wrap: Wrap | None = None,
    graph: Graph | None = None,
) -> FastAPI:
    """The application. Nothing is opened or contacted before its lifespan begins.

    `works`: False where other processes are the workers (`sre-agent worker`). `wrap` and `graph`
    are those of `assemble`.
    """
    settings = settings or read_settings()
    log.configure(settings.log_level, settings.log_format)
    files = Files.load(settings)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with (
            service(settings, files, works=works, wrap=wrap, graph=graph) as up,
            _served(app, up),
        ):
            yield

    app = FastAPI(
        title="SRE agent",
        summary="Repairs Linux hosts over SSH, within policy, and proves it.",
        version=health.VERSION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        telemetry={"auto_configure": False},
        docs_url=None,  # app/api/docs_page.py
        redoc_url=None,
        lifespan=running,
    )
    app.state.settings = settings
    app.state.refusals = Refusals()
    app.add_middleware(Refused, refusals=app.state.refusals)
    app.add_middleware(Admission)
    app.add_middleware(Counted)
    api_errors.install(app)
    app.include_router(v1)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(docs_page.router)
    app.include_router(login.router)
    app.include_router(login_oidc.router)
    dashboard.install(app)
    guard.require_declared(app)
    return app


@asynccontextmanager
async def _served(app: FastAPI, up: Service) -> AsyncIterator[None]:
    """From the first request to the last."""
    app.state.metrics = watching.metrics(up.parts)
    app.state.service = up
    saying = asyncio.create_task(_say_who_may_knock(up))
    if up.is_up.is_set():
        await asyncio.wait([saying])  # before anybody is answered
    telling = [
        saying,
        asyncio.create_task(keep_telling(app.state.refusals, up.parts.records.events.tell)),
    ]
    try:
        yield
    finally:
        for task in telling:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        app.state.service = None
        await dashboard.close(app)


async def _say_who_may_knock(up: Service) -> None:
    """Once the keys can be read."""
    await up.is_up.wait()
    await say_who_may_knock(up.parts)


def __getattr__(name: str) -> FastAPI:
    """`app`, made when it is asked for: importing this module reads no environment."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        globals()["app"] = made = create_app()
    except ConfigurationError as error:
        # uvicorn imports us: a sentence and an exit code tell more than its traceback would
        raise SystemExit(f"The service cannot start: {error}") from None
    return made
