"""The interactive documentation. It describes the API and holds nothing of the site."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from app.access.guard import Guarded, anybody
from app.api.headers import csp_of_docs

router = APIRouter(route_class=Guarded, include_in_schema=False)


@router.get("/docs", dependencies=[anybody()])
async def docs(request: Request) -> HTMLResponse:
    """Every address with every field, to be tried. Its script comes from a public server."""
    page = get_swagger_ui_html(openapi_url="/openapi.json", title=request.app.title)
    page.headers["Content-Security-Policy"] = csp_of_docs(bytes(page.body))
    return page
