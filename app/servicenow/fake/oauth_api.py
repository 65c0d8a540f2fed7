"""The token endpoint: `/oauth_token.do`."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.servicenow.fake.access import TokenRefused
from app.servicenow.fake.asking import InstancePart

router = APIRouter()


@router.post("/oauth_token.do")
async def token(request: Request, instance: InstancePart) -> Response:
    """A token for client_credentials, password or refresh_token."""
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    try:
        return JSONResponse(instance.access.grant(form, request.headers))
    except TokenRefused as error:
        return JSONResponse(error.body(), error.status)
