"""Who asks? One answer, by what the request shows; the first of these that is there decides.

    X-SRE-Signature and its fellows   a source that signs           (SOURCES_FILE)
    X-SRE-Token                       a source with a shared header (SOURCES_FILE)
    Authorization: Basic ...          a source with a password      (SOURCES_FILE)
    Authorization: Bearer ...         an API key, or an approver's token of POLICY_FILE
    the session's cookie              somebody who logged in on the page
    nothing                           this machine, while there is no key and hosts are simulated

What is shown must be right: a wrong credential is never passed over for a weaker one.

For views, those with HTML too. Each route declares what it lets somebody do, and is given who asks:

    router = APIRouter(route_class=Guarded)                       # app/access/guard.py

    @router.get("/somewhere", dependencies=[needs(Permission.READ)])
    async def somewhere(caller: CallerPart) -> ...:
        caller.person, caller.role, caller.may(Permission.DECIDE)
        caller.csrf            # for forms: <input type="hidden" name="csrf" value="...">, or the
                               # header X-CSRF-Token; checked before the route is entered

A GET of a page (Accept: text/html) by nobody known is led to /login and back.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from app.access import signature
from app.access.approver import owner_of, subject_of_approver
from app.access.door import Knocked, service_of
from app.access.origin import is_local, names_this_machine
from app.access.session_cookie import csrf_of, session_token
from app.access.sources import WEAK_CAP, SourceKind, same
from app.audit.tokens import hash_of
from app.domain.access import Caller, How
from app.domain.permission import LOCAL, Role
from app.errors import Unauthorized

TOKEN_HEADER = "X-SRE-Token"  # noqa: S105  the header's name

_KEYS_HINT = "`sre-agent keys create --role ROLE` makes a key; docs/howto/access.md."
_FIRST_KEY_HINT = (
    "On the server: `sre-agent keys create --role operator --name YOU`. Then send "
    "`Authorization: Bearer KEY`, or set SRE_AGENT_TOKEN for the commands."
)


async def who(request: Request) -> Caller:
    """Who asks. Raises Unauthorized with what to check, and what keeps the service from running."""
    service = service_of(request)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if signature.is_signed(request.headers):
        return await _who_signed(request, service)
    if TOKEN_HEADER in request.headers:
        return _who_has_header(request, service)
    if scheme.lower() == "basic":
        return _who_has_password(request, service, given.strip())
    if scheme:
        return await _bearer(request, service, scheme, given.strip())
    if session_token(request):
        return await _who_is_logged_in(request, service)
    return await _who_sits_here(request, service)


async def _who_signed(request: Request, service: Knocked) -> Caller:
    """A source that signs. Its nonce is used only once the signature fits."""
    signed = signature.read(request.headers)
    _check_timely(signed)
    body = await request.body()
    _check_timely(signed)  # again: a body that drips in must not outlast the memory of its nonce
    found = service.access.sources.secret_of(SourceKind.HMAC, signed.key_id)
    name, secret = found or ("", "")
    if not signature.fits(signed, secret.encode(), body) or found is None:
        raise Unauthorized(
            "The signature does not fit.",
            hint="Check the key id, its secret, and that what is signed is TIMESTAMP.NONCE. and "
            "then exactly the bytes that are sent.",
        )
    kept = 2 * signature.WINDOW_SECONDS
    if not await service.access.nonces.take(name, signed.key_id, signed.nonce, keep_seconds=kept):
        raise Unauthorized(
            "This delivery was replayed: its nonce was used before.",
            hint="A sender that tries again makes a new nonce and signs anew.",
        )
    return service.access.sources.caller(name, local=is_local(request))


def _check_timely(signed: signature.Signed) -> None:
    if not signature.is_timely(signed, time.time()):
        raise Unauthorized(
            f"{signature.TIMESTAMP} is more than {signature.WINDOW_SECONDS} s from the server's "
            "clock.",
            hint="Check the sender's clock; the timestamp is in seconds since 1970, UTC.",
        )


def _who_has_header(request: Request, service: Knocked) -> Caller:
    name = service.access.sources.owner_of_token(request.headers[TOKEN_HEADER])
    if name is None:
        raise Unauthorized(
            f"{TOKEN_HEADER} is no source's.", hint="Check it against the secrets of SOURCES_FILE."
        )
    return service.access.sources.caller(name, local=is_local(request))


def _who_has_password(request: Request, service: Knocked, given: str) -> Caller:
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user, password = "", ""
    found = service.access.sources.secret_of(SourceKind.BASIC, user)
    if not same(found[1] if found else "", password) or found is None:
        raise Unauthorized(
            "The user or the password is no source's.", hint="Check them against SOURCES_FILE."
        )
    return service.access.sources.caller(found[0], local=is_local(request))


async def _bearer(request: Request, service: Knocked, scheme: str, token: str) -> Caller:
    if scheme.lower() != "bearer":
        raise Unauthorized(
            "Authorization has a scheme that is not taken.", hint="Send `Bearer` and a key."
        )
    key = await service.access.keys.find(token)
    if key is not None:
        known = {"subject": key.subject, "expires_at": key.expires_at}
        return _holder(request, Caller.of(key.role, key.name, How.KEY, **known))
    person = owner_of(token, service.policy)
    if person is not None:
        subject = subject_of_approver(person, service.policy, service.settings)
        return Caller.of(Role.APPROVER, person, How.APPROVER, subject=subject)
    raise Unauthorized(
        "The token is no key that is valid, and no approver's.",
        hint="`sre-agent keys list` says which keys have expired or were revoked; approvers stand "
        "in POLICY_FILE.",
    )


def _holder(request: Request, caller: Caller) -> Caller:
    """A key's holder, with what incidents are called and may do that are handed in with it."""
    if caller.role is not Role.WEBHOOK:
        return caller.model_copy(update={"source": "operator"})
    cap = None if is_local(request) else WEAK_CAP
    return caller.model_copy(update={"source": caller.person, "autonomy_cap": cap})


async def _who_is_logged_in(request: Request, service: Knocked) -> Caller:
    cookie = session_token(request) or ""
    session = await service.access.sessions.find(cookie)
    if session is None or not _still_approver(service, session.person, session.credential_hash):
        raise Unauthorized("The session is over.", hint="Log in again: /login.")
    return Caller.of(
        session.role,
        session.person,
        session.how,
        subject=session.subject,
        source="operator",
        csrf=csrf_of(cookie),
        expires_at=session.expires_at,
    )


def _still_approver(service: Knocked, person: str, credential_hash: str | None) -> bool:
    """Whether the token of the login still stands in the policy; True where it was no token."""
    if credential_hash is None:
        return True
    own = service.policy.approvers.get(person)
    return own is not None and hmac.compare_digest(hash_of(own.get_secret_value()), credential_hash)


async def _who_sits_here(request: Request, service: Knocked) -> Caller:
    """Whoever is on this machine, while there is no key and nothing real to reach. Else nobody."""
    if await service.access.keys.any():
        raise Unauthorized(
            "This needs a key.", hint=f"Send `Authorization: Bearer KEY`. {_KEYS_HINT}"
        )
    if not is_local(request) or not names_this_machine(request, service.settings.host):
        raise Unauthorized(
            "There is no key yet, so only requests of the server's own machine are answered.",
            hint=_KEYS_HINT,
        )
    if service.settings.enable_real_ssh:
        raise Unauthorized(
            "There is no key yet, and nobody reaches real hosts without one.",
            hint=_FIRST_KEY_HINT,
        )
    return Caller(person="local", role=None, how=How.LOCAL, permissions=LOCAL)


def current(request: Request) -> Caller:
    """Who asks, once the guard let them in."""
    caller = getattr(request.state, "caller", None)
    if not isinstance(caller, Caller):
        raise Unauthorized("Nobody said who asks.", hint=_KEYS_HINT)
    return caller


CallerPart = Annotated[Caller, Depends(current)]
