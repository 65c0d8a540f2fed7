"""Is the process there, and can it take on incidents? For supervisors and load balancers."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from fastapi import APIRouter, Request, Response

from app.access.guard import Guarded, anybody
from app.access.origin import is_local
from app.api.errors import RETRY_SOON_SECONDS, ErrorBody, documented
from app.api.parts import Parts, PartsOfApp
from app.api.schemas import Check, Healthy, Readiness
from app.errors import DatabaseNotReady

router = APIRouter(tags=["health"], route_class=Guarded)

VERSION = version("sre-agent")


@router.get(
    "/healthz",
    summary="Is the process there?",
    dependencies=[anybody()],
    responses=documented(guarded=False),
)
async def healthz() -> Healthy:
    """Answers as long as the process does; asks nothing of the database."""
    return Healthy(status="ok", version=VERSION)


@router.get(
    "/readyz",
    summary="Can it take on incidents?",
    dependencies=[anybody()],
    responses=documented(guarded=False)
    | {503: {"model": Readiness | ErrorBody, "description": "Not ready"}},
)
async def readyz(parts: PartsOfApp, request: Request, response: Response) -> Readiness:
    """The database is there and migrated, the worker works, the disk has room; and in which mode.

    The details are for those on the machine itself: anybody may ask.
    """
    checks = (await _database(parts), await _worker(parts), await _disk(parts))
    ready = all(check.ok for check in checks)
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = str(RETRY_SOON_SECONDS)
    return Readiness(
        ready=ready,
        mode="simulated" if parts.hands.simulated else "real",
        autonomy_level=parts.policy.base_level(parts.settings),
        checks=checks if is_local(request) else tuple(_plain(check) for check in checks),
    )


def _plain(check: Check) -> Check:
    detail = "well" if check.ok else "not well; ask on the machine itself, or see the log"
    return Check(name=check.name, ok=check.ok, detail=detail)


async def _database(parts: Parts) -> Check:
    try:
        await parts.database.check_schema()
    except DatabaseNotReady as error:
        return Check(name="database", ok=False, detail=str(error))
    return Check(name="database", ok=True, detail=parts.settings.database_url_shown)


async def _disk(parts: Parts) -> Check:
    short = await asyncio.to_thread(parts.disk.shortage)
    return Check(name="disk", ok=not short, detail=short or "room enough")


async def _worker(parts: Parts) -> Check:
    """A server without workers takes incidents on all the same: they are kept until one comes."""
    if not parts.engine.works:
        there = len(await parts.records.workers.live())
        detail = f"{there} elsewhere" if there else "none anywhere: incidents are kept and wait"
        return Check(name="worker", ok=True, detail=detail)
    alive = parts.engine.alive
    detail = "working" if alive else "hangs or has ended; docs/howto/debugging.md"
    return Check(name="worker", ok=alive, detail=detail)
