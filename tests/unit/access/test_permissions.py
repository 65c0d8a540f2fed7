"""Who may do what: the matrix, and that every route stands behind it."""

from __future__ import annotations

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.access.guard import Guarded, anybody, declared_by, needs, require_declared, routes_of
from app.domain.permission import LOCAL, MEANING, ROLES, Permission, Role
from app.errors import ConfigurationError
from app.main import create_app
from app.settings import Settings

P = Permission

EXPECTED = {
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
    ("GET", "/docs"): None,
    ("GET", "/metrics"): P.READ,
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/logout"): None,
    ("GET", "/login/oidc"): None,
    ("GET", "/login/oidc/callback"): None,
    ("POST", "/api/v1/incident/trigger-agent"): P.SUBMIT,
    ("POST", "/api/v1/alertmanager/webhook"): P.SUBMIT,
    ("POST", "/api/v1/incident/execution/{execution_id}/cancel"): P.CANCEL,
    ("POST", "/api/v1/approvals/{approval_id}/decision"): P.DECIDE,
    ("POST", "/api/v1/hosts/{name}/baseline"): P.BASELINE,
    ("POST", "/api/v1/outbox/{row_id}/retry"): P.SETTLE_OUTBOX,
    ("POST", "/api/v1/outbox/{row_id}/drop"): P.SETTLE_OUTBOX,
    ("GET", "/api/v1/keys"): P.READ_AUDIT,
    ("GET", "/api/v1/audit/status"): P.READ_AUDIT,
    ("POST", "/api/v1/keys/{key_number}/revoke"): P.MANAGE_KEYS,
}
"""What is more than reading, or less. A GET of the API that is not here reads."""


def declared() -> dict[tuple[str, str], Permission | None]:
    app = create_app(Settings(_env_file=None))
    found: dict[tuple[str, str], Permission | None] = {}
    for route in routes_of(app.routes):
        if isinstance(route, APIRoute):
            (need,) = declared_by(route)
            found |= {(method, route.path): need.permission for method in route.methods or ()}
    return found


def test_every_route_declares_what_it_lets_somebody_do() -> None:
    found = declared()
    assert EXPECTED.items() <= found.items()
    for (method, path), permission in found.items():
        if method == "GET" and (method, path) not in EXPECTED and path.startswith("/api/"):
            assert permission is P.READ, path


def test_nothing_that_changes_is_open_to_all() -> None:
    open_to_all = {key for key, permission in declared().items() if permission is None}
    assert {path for method, path in open_to_all if method != "GET"} == {"/login", "/logout"}


@pytest.mark.parametrize(
    "router",
    [
        APIRouter(),
        APIRouter(dependencies=[needs(P.READ)]),  # of the router: its routes would parse first
        APIRouter(route_class=Guarded),
    ],
)
def test_an_application_with_a_route_that_declares_nothing_does_not_start(
    router: APIRouter,
) -> None:
    @router.get("/forgotten")
    async def forgotten() -> int:
        return 1

    app = create_app(Settings(_env_file=None))
    app.include_router(router)
    with pytest.raises(ConfigurationError, match="/forgotten does not declare"):
        require_declared(app)


def test_a_route_that_declares_two_things_does_not_start_either() -> None:
    router = APIRouter(route_class=Guarded)

    @router.get("/two", dependencies=[anybody(), needs(P.READ)])
    async def two() -> int:
        return 1

    app = create_app(Settings(_env_file=None))
    app.include_router(router)
    with pytest.raises(ConfigurationError, match="/two"):
        require_declared(app)


def test_who_approves_cannot_administer_and_who_administers_cannot_approve() -> None:
    holders = {p: {role for role in Role if p in ROLES[role]} for p in Permission}
    assert holders[P.DECIDE] == {Role.APPROVER}
    assert holders[P.MANAGE_KEYS] == {Role.ADMIN}
    assert ROLES[Role.WEBHOOK] == {P.SUBMIT}
    assert set(ROLES) == set(Role)
    assert set(MEANING) == set(Permission)
    assert all(holders.values()), "a permission that no role has"
    assert {P.DECIDE, P.MANAGE_KEYS}.isdisjoint(LOCAL)
