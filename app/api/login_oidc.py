"""Logging in at the identity provider: there, and back to the browser that began it."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from string import Template

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app import log
from app.access.door import Knocked, KnockedPart
from app.access.guard import Guarded, anybody
from app.access.oidc import CALLBACK, Oidc
from app.access.origin import HOME, address_of, local_path
from app.access.session_cookie import is_secure
from app.api.login import begin_session, page_of
from app.audit.logins import LOGIN_SECONDS
from app.errors import NotFound, Unauthorized

router = APIRouter(route_class=Guarded, include_in_schema=False)

BROWSER_COOKIE = "sre_login"

_log = log.get(__name__)

ONWARD = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=$path">
<title>Logged in - SRE agent</title>
</head>
<body><p><a href="$path">Go on</a></p></body>
</html>
"""
)
"""A browser sends a strict cookie on no redirect that another site began; from our page it does."""


@router.get("/login/oidc", dependencies=[anybody()])
async def begin(request: Request, service: KnockedPart, next: str = HOME) -> Response:  # noqa: A002
    """Lead the browser to the provider."""
    provider = _provider(service)
    service.access.rates.begun(address_of(request))
    begun = await provider.begin(local_path(next))
    await service.access.logins.begin(begun.state, begun.browser, begun.login)
    answer = RedirectResponse(begun.url, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        BROWSER_COOKIE,
        begun.browser,
        max_age=LOGIN_SECONDS,
        path=CALLBACK,
        secure=is_secure(request, service.settings.public_url),
        httponly=True,
        samesite="lax",  # it must come back with a link of the provider's
    )
    return answer


@router.get(CALLBACK, dependencies=[anybody()])
async def come_back(
    request: Request, service: KnockedPart, state: str = "", code: str = "", error: str = ""
) -> Response:
    """Take the provider's answer, once, from the browser that began this login."""
    try:
        return await _logged_in(request, service, state, "" if error else code)
    except Unauthorized as refusal:
        service.access.refusals[refusal.code] += 1
        service.access.rates.refused(address_of(request))
        _log.warning("a login was turned away", reason=refusal.message, how="oidc")
        return page_of(service, HOME, said=str(refusal), status=HTTPStatus.UNAUTHORIZED)


async def _logged_in(request: Request, service: Knocked, state: str, code: str) -> Response:
    provider = _provider(service)
    browser = request.cookies.get(BROWSER_COOKIE, "")
    login = await service.access.logins.take(state, browser)
    if login is None:
        raise Unauthorized(
            "This login was not begun in this browser, or took too long.", hint="Begin again."
        )
    if not code:
        raise Unauthorized("The provider did not log you in.", hint="Begin again.")
    led = await begin_session(request, service, await provider.finish(code, login), login.next_path)
    answer = HTMLResponse(ONWARD.substitute(path=escape(led.headers["location"])))
    for cookie in led.headers.getlist("set-cookie"):
        answer.headers.append("set-cookie", cookie)
    answer.delete_cookie(BROWSER_COOKIE, path=CALLBACK)
    return answer


def _provider(service: Knocked) -> Oidc:
    if service.access.oidc is None:
        raise NotFound("No identity provider is set.", hint="OIDC_ISSUER sets one.")
    return service.access.oidc
