"""The guard of a route: it asks who comes and what they may, before anything else is looked at.

A route declares what it lets somebody do, or that anybody may come:

    router = APIRouter(route_class=Guarded)

    @router.get("/things", dependencies=[needs(Permission.READ)])
    @router.get("/healthz", dependencies=[anybody()])

An application with a route that declares nothing does not start. `Guarded` has the guard act before
the body is parsed, so that a stranger learns nothing of what a good request looks like.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.routing import BaseRoute

from app import log
from app.access.authentication import who
from app.access.door import Knocked, service_of
from app.access.origin import SAFE_METHODS, address_of, is_of_another_site
from app.access.session_cookie import CSRF_FIELD, CSRF_HEADER
from app.domain.access import Caller, How
from app.domain.permission import Permission
from app.errors import ConfigurationError, Forbidden, SreAgentError, Unauthorized

_log = log.get(__name__)
_bearer = HTTPBearer(auto_error=False, description="An API key, or an approver's token")

OPEN_TO_ALL = frozenset({"/openapi.json"})
"""What FastAPI makes itself: it describes the API and holds nothing of the site."""


class Needs:
    """What a route asks of who comes. None: nothing."""

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        """Let in, or raise Unauthorized, Forbidden or RateLimited. Once for each request."""
        if self.permission is not None and not hasattr(request.state, "caller"):
            request.state.caller = await _admit(request, self.permission)


class NeedsShown(Needs):
    """The same, with the way to show a key in the OpenAPI document."""

    async def __call__(
        self,
        request: Request,
        _shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
    ) -> None:
        await super().__call__(request)


def needs(permission: Permission) -> Any:
    """Declares what a route lets somebody do."""
    return Depends(NeedsShown(permission))


def anybody() -> Any:
    """Declares that a route is open to all."""
    return Depends(Needs(None))


class Guarded(APIRoute):
    """A route whose guard acts before its body is parsed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        declared = declared_by(self)

        async def guarded(request: Request) -> Response:
            for need in declared:
                await Needs.__call__(need, request)
            return await handle(request)

        return guarded


def declared_by(route: APIRoute) -> list[Needs]:
    """What a route declares: one thing, where all is well."""
    return [
        depends.dependency
        for depends in route.dependencies
        if isinstance(depends.dependency, Needs)
    ]


def require_declared(app: FastAPI) -> None:
    """Raise ConfigurationError unless every route declares who may come, once."""
    for route in routes_of(app.routes):
        if isinstance(route, Guarded) and len(declared_by(route)) == 1:
            continue
        path = getattr(route, "path", str(route))
        if path not in OPEN_TO_ALL:
            raise ConfigurationError(
                f"The route {path} does not declare who may come.",
                hint="Give its router route_class=Guarded, and it one of needs(...) or anybody().",
            )


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Every single route, those of included routers too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from routes_of(included.routes)


async def _admit(request: Request, permission: Permission) -> Caller:
    service = service_of(request)
    try:
        caller = await who(request)
        request.state.asker = f"{caller.how} {caller.person}"
        _check_proven(caller, permission, service)
        await _check_not_forged(request, caller, service)
        _check_allowed(caller, permission)
    except (Unauthorized, Forbidden) as refusal:
        _count(request, refusal, service)
        raise
    if caller.how is not How.LOCAL:
        service.access.rates.asked(f"{caller.how} {caller.subject or caller.person}")
    return caller


def _check_allowed(caller: Caller, permission: Permission) -> None:
    if caller.may(permission):
        return
    if caller.how is How.LOCAL:
        raise Unauthorized(
            "This needs a name: an approver's token, or a key.",
            hint="Send `Authorization: Bearer TOKEN`; approvers stand in POLICY_FILE, keys are "
            "made by `sre-agent keys create`.",
        )
    raise Forbidden(
        f"The role {caller.role} may not do this: it takes {permission}.",
        hint="docs/reference/permissions.md says which roles may.",
    )


def _check_proven(caller: Caller, permission: Permission, service: Knocked) -> None:
    """Once sources are named, an incident comes from one of them, on this machine too."""
    if (
        caller.how is How.LOCAL
        and permission is Permission.SUBMIT
        and service.access.sources.sources
    ):
        raise Unauthorized(
            "SOURCES_FILE names who may hand in incidents, and this request is no one's of them.",
            hint="Send it as its source does, or with a key of the role operator.",
        )


async def _check_not_forged(request: Request, caller: Caller, service: Knocked) -> None:
    """What a browser sends by itself proves nothing: was it our own page that had it sent?"""
    if request.method in SAFE_METHODS or not (caller.csrf or caller.how is How.LOCAL):
        return
    if is_of_another_site(request, service.settings.public_url):
        raise Forbidden(
            "A page of another site sent this.",
            hint="Behind a proxy, set PUBLIC_URL to the address that browsers use.",
        )
    if caller.csrf and not hmac.compare_digest(await _csrf_shown(request), caller.csrf.encode()):
        raise Forbidden(
            "The form was not this session's.", hint="Load the page again, then send the form."
        )


async def _csrf_shown(request: Request) -> bytes:
    header = request.headers.get(CSRF_HEADER)
    if header is not None:
        return header.encode()
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return b""
    await request.body()  # kept, so that the route can read the form again
    return str((await request.form()).get(CSRF_FIELD, "")).encode("utf-8", "surrogatepass")


def _count(request: Request, refusal: SreAgentError, service: Knocked) -> None:
    """Count and log a refusal. Raises RateLimited where there were too many from one address."""
    service.access.refusals[refusal.code] += 1
    request.state.refused_why = refusal.message  # for the audit: app/api/refused.py
    if isinstance(refusal, Unauthorized):
        service.access.rates.refused(address_of(request))
    _log.warning(
        "turned away", code=refusal.code, reason=refusal.message, path=request.url.path,
        address=address_of(request),
    )  # fmt: skip
