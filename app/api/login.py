"""Logging in on the page: show a key once, hold a session from then on.

`GET /login` shows the form, `POST /login` takes it, `POST /logout` ends the session. The form works
without JavaScript and without anything else of the page.
"""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from string import Template
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app import log
from app.access.approver import owner_of, subject_of_approver
from app.access.door import Knocked, KnockedPart
from app.access.guard import Guarded, anybody
from app.access.origin import HOME, LOGIN, address_of, is_of_another_site, local_path
from app.access.session_cookie import forget_session, is_secure, session_token, set_session
from app.audit.sessions import Login
from app.audit.tokens import hash_of
from app.domain.access import How
from app.domain.permission import Role
from app.errors import Forbidden

router = APIRouter(route_class=Guarded, include_in_schema=False)

_log = log.get(__name__)

PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in - SRE agent</title>
</head>
<body>
<main>
<h1>SRE agent</h1>
$said
<form method="post" action="/login">
<p><label for="key">Key, or approver's token</label></p>
<p><input id="key" name="key" type="password" autocomplete="current-password" required></p>
<input type="hidden" name="next" value="$next">
<p><button>Log in</button></p>
</form>
<p>Keys are made on the server: <code>sre-agent keys create --role operator --name YOU</code></p>
$provider
</main>
</body>
</html>
"""
)
WRONG = "This is no key that is valid, and no approver's token."


@router.get(LOGIN, dependencies=[anybody()])
async def login_form(service: KnockedPart, next: str = HOME) -> HTMLResponse:  # noqa: A002
    """The form."""
    return page_of(service, local_path(next))


@router.post(LOGIN, dependencies=[anybody()])
async def log_in(
    request: Request,
    service: KnockedPart,
    key: Annotated[str, Form(max_length=4096)] = "",
    next: Annotated[str, Form(max_length=4096)] = HOME,  # noqa: A002
) -> Response:
    """Begin a session for whoever holds the key. A login that another site sent is refused."""
    _refuse_other_sites(request, service)
    login = await _login_of(key.strip(), service)
    if login is None:
        service.access.refusals["unauthorized"] += 1
        service.access.rates.refused(address_of(request))
        _log.warning("a login was turned away", address=address_of(request))
        return page_of(service, local_path(next), said=WRONG, status=HTTPStatus.UNAUTHORIZED)
    return await begin_session(request, service, login, local_path(next))


@router.post("/logout", dependencies=[anybody()])
async def log_out(request: Request, service: KnockedPart) -> Response:
    """End the session, if there is one."""
    _refuse_other_sites(request, service)
    token = session_token(request)
    if token:
        await service.access.sessions.end(token)
    answer = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
    forget_session(answer)
    return answer


async def begin_session(request: Request, service: Knocked, login: Login, path: str) -> Response:
    """Lead a browser to `path` with a session of its own. An earlier one of it ends."""
    earlier = session_token(request)
    if earlier:
        await service.access.sessions.end(earlier)
    token = await service.access.sessions.begin(login)
    _log.info(
        "logged in",
        person=login.person,
        subject=login.subject,
        role=login.role.value,
        how=login.how.value,
    )
    answer = RedirectResponse(path, HTTPStatus.SEE_OTHER)
    set_session(answer, token, secure=is_secure(request, service.settings.public_url))
    return answer


def page_of(
    service: Knocked, path: str, *, said: str = "", status: HTTPStatus = HTTPStatus.OK
) -> HTMLResponse:
    """The login page, saying what went wrong before."""
    provider = ""
    if service.settings.oidc_issuer is not None:
        link = escape(f"{LOGIN}/oidc?{urlencode({'next': path})}")
        provider = f'<p><a href="{link}">Log in with your organisation</a></p>'
    text = PAGE.substitute(
        said=f'<p role="alert">{escape(said)}</p>' if said else "",
        next=escape(path),
        provider=provider,
    )
    return HTMLResponse(text, status)


async def _login_of(shown: str, service: Knocked) -> Login | None:
    """Whose key or token it is. Keys of webhooks are for machines: nobody logs in with one."""
    key = await service.access.keys.find(shown)
    if key is not None:
        if key.role is Role.WEBHOOK:
            return None
        return Login(
            person=key.name, role=key.role, how=How.KEY, subject=key.subject,
            api_key_id=key.id, not_after=key.expires_at,
        )  # fmt: skip
    person = owner_of(shown, service.policy)
    if person is None:
        return None
    return Login(
        person=person,
        role=Role.APPROVER,
        how=How.APPROVER,
        subject=subject_of_approver(person, service.policy, service.settings),
        credential_hash=hash_of(shown),
    )


def _refuse_other_sites(request: Request, service: Knocked) -> None:
    if is_of_another_site(request, service.settings.public_url):
        raise Forbidden(
            "A page of another site sent this.",
            hint="Behind a proxy, set PUBLIC_URL to the address that browsers use.",
        )
