"""The fake as a web application: routes, refusals, and the front before them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.servicenow.fake import change_api, control_api, oauth_api, table_api
from app.servicenow.fake.answers import refused
from app.servicenow.fake.front import Front
from app.servicenow.fake.instance import Current
from app.servicenow.fake.refusal import Refused, no_resource
from app.servicenow.fake.seeding import Credentials


def create_app(credentials: Credentials | None = None, ids_from: str | None = None) -> FastAPI:
    """A fresh instance. `ids_from`: a seed that makes sys_ids the same in each run."""
    current = Current.begin(credentials or Credentials(), ids_from)
    app = FastAPI(
        title="ServiceNow, faked",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"auto_configure": False},
        lifespan=_running,
    )
    app.state.current = current
    app.add_middleware(Front, current=current)
    app.add_exception_handler(Refused, _refuse)
    app.add_exception_handler(HTTPException, _no_such_address)
    for version in ("", "/v1", "/v2"):
        app.include_router(table_api.router, prefix=f"/api/now{version}")
    for version in ("", "/v1"):
        app.include_router(change_api.router, prefix=f"/api/sn_chg_rest{version}")
    app.include_router(oauth_api.router)
    app.include_router(control_api.router)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.current.instance.outbound.stop()


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refused(error)


async def _no_such_address(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = Refused(error.status_code, str(error.detail), None)
    return refused(no_resource() if error.status_code == 404 else known)
