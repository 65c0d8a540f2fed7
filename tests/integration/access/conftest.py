"""The door by itself: an application with its routes and a few guarded ones, and nothing behind.

The whole application stands behind the same door in tests/integration/api/test_roles.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from app.access.authentication import CallerPart
from app.access.door import Access
from app.access.guard import Guarded, anybody, needs, require_declared
from app.access.sources import Sources
from app.api import errors as api_errors
from app.api import login, login_oidc
from app.api.admission import Admission
from app.domain.permission import Permission
from app.execution.policy_file import PolicyFile
from app.models.database import Database
from app.secrets.configured import secrets_of
from app.secrets.live import fetch, with_live_secrets
from app.settings import Settings

ELSEWHERE = "203.0.113.9"


@dataclass
class Service:
    """What the door works with."""

    settings: Settings
    policy: PolicyFile
    access: Access


@dataclass
class Door:
    """A running door."""

    app: FastAPI
    database: Database
    service: Service

    @property
    def access(self) -> Access:
        return self.service.access

    @asynccontextmanager
    async def client(
        self, address: str = ELSEWHERE, base_url: str = "http://sre.example"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client at an address; elsewhere, where none is said."""
        transport = httpx.ASGITransport(
            self.app, raise_app_exceptions=False, client=(address, 4711)
        )
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
            yield client

    def here(self) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """A client on this machine."""
        return self.client("127.0.0.1", "http://127.0.0.1")


Open = Callable[..., AbstractAsyncContextManager[Door]]

router = APIRouter(route_class=Guarded)


@router.get("/api/look", dependencies=[needs(Permission.READ)])
async def look(caller: CallerPart) -> dict[str, str]:
    return {"person": caller.person, "role": str(caller.role), "how": caller.how.value}


@router.post("/api/deliver", dependencies=[needs(Permission.SUBMIT)])
async def deliver(caller: CallerPart, body: dict[str, int]) -> dict[str, Any]:
    return {"source": caller.source, "cap": caller.autonomy_cap, "body": body}


@router.post("/api/stop", dependencies=[needs(Permission.STOP)])
async def stop(caller: CallerPart) -> str:
    return caller.person


@router.post("/ui/stop", dependencies=[needs(Permission.STOP)])
async def stop_by_form(request: Request, caller: CallerPart) -> list[str]:
    form = await request.form()
    return [caller.person, str(form["reason"])]


@router.get("/ui/somewhere", dependencies=[needs(Permission.READ)])
async def somewhere() -> str:
    return "somewhere"


@router.post("/api/decide", dependencies=[needs(Permission.DECIDE)])
async def decide(caller: CallerPart) -> str:
    return caller.person


@router.get("/broken", dependencies=[anybody()])
async def broken() -> None:
    raise RuntimeError("secret inside")


@pytest.fixture
def open_door() -> Open:
    """Opens the door on a database, with these settings."""

    @asynccontextmanager
    async def opened(
        database_url: str, policy: PolicyFile | None = None, **more: Any
    ) -> AsyncIterator[Door]:
        named = Settings(_env_file=None, database_url=database_url, **more)
        secrets = secrets_of(named)
        settings, live = with_live_secrets(named)
        sources = Sources.load(settings.sources_file)
        live += sources.live
        await fetch(live, secrets)
        database = Database(settings)
        access = Access.of(settings, database, sources, secrets)
        app = FastAPI(docs_url=None, redoc_url=None)
        app.add_middleware(Admission)
        api_errors.install(app)
        for each in (router, login.router, login_oidc.router):
            app.include_router(each)
        require_declared(app)
        service = Service(settings, policy or PolicyFile(), access)
        app.state.service = SimpleNamespace(now=service)
        yield Door(app, database, service)
        await database.close()

    return opened


@pytest.fixture
async def door(open_door: Open, database_url: str) -> AsyncIterator[Door]:
    """The door with the usual settings."""
    async with open_door(database_url) as opened:
        yield opened
