"""The whole application in this process, on each kind of database, with simulated hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.main import create_app
from app.models.base import Base
from app.models.database import Database
from app.settings import Settings

KNOWN = "web-prod-01.company.com"


@dataclass
class Api:
    """A client of a running application, and a look into its database."""

    client: httpx.AsyncClient
    database: Database
    app: FastAPI

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params)

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=body, headers=headers)

    async def trigger(self, body: object) -> httpx.Response:
        return await self.post("/api/v1/incident/trigger-agent", body)

    async def rows(self) -> dict[str, int]:
        """How many rows each table has, those with any, but for what a start itself leaves."""
        async with self.database.reading() as session:
            counts = {
                name: (await session.execute(select(func.count()).select_from(table))).scalar_one()
                for name, table in Base.metadata.tables.items()
                if name not in ("worker", "host_lease", "audit_entry", "audit_check")
            }
        return {name: count for name, count in counts.items() if count}


Start = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture
def start() -> Start:
    """Starts the application on a database, with these settings beside the usual ones."""

    @asynccontextmanager
    async def running(database_url: str, **more: Any) -> AsyncIterator[Api]:
        settings = Settings(_env_file=None, database_url=database_url, log_level="WARNING", **more)
        app = create_app(settings)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        database = Database(settings)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            yield Api(client, database, app)
        await database.close()

    return running


@pytest.fixture
async def api(start: Start, database_url: str) -> AsyncIterator[Api]:
    """The application with the usual settings."""
    async with start(database_url) as running:
        yield running
