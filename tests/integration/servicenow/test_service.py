"""The service with its desk: a simulated incident, told to the fake from its call to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from app.api.v1.ticket_examples import FLAT
from app.main import create_app
from app.servicenow.fake.control import Control
from app.settings import Settings
from tests.integration.servicenow.conftest import written_to


async def until(look: Callable[[], Any]) -> Any:
    """What is seen, once there is something; the service works by itself, without an event."""
    async with asyncio.timeout(120):
        while not (seen := await asyncio.to_thread(look)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return seen


async def test_told_from_the_call_to_the_end_and_stopped_by_its_ticket(
    sqlite_url: str, fake: Control
) -> None:
    settings = Settings(
        _env_file=None,
        database_url=sqlite_url,
        log_level="WARNING",
        servicenow_write_simulated=True,
        servicenow_assignment_group="SRE Team",
        servicenow_poll_seconds=1,
        **written_to(fake),
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    cancelled = fake.insert(short_description="Shop down")["number"]
    fake.edit(cancelled, by="admin", state="8", close_code="User error", close_notes="x")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        called = fake.insert(short_description="Shop down")["number"]
        for number in (called, cancelled):
            body = FLAT | {"incident_number": number}
            answer = await client.post("/api/v1/incident/trigger-agent", json=body)
            assert answer.status_code == 200, answer.text
        lost = fake.insert(
            short_description="Shop down",
            assignment_group="SRE Team",
            cmdb_ci="web-prod-01.company.com",
        )["number"]
        for number in (called, lost):
            await until(lambda number=number: len(fake.notes(number)) == 2)  # type: ignore[misc]
        page = (await client.get("/api/v1/outbox")).json()
        asked = (await client.get("/api/v1/incident/executions")).json()["executions"]
    assert sorted(e["incident_number"] for e in asked) == sorted([called, cancelled, lost])
    assert fake.row(called)["state"] == "1"
    assert "[sre-agent execution" in fake.notes(called)[1]
    dropped = [row for row in page["rows"] if row["incident_number"] == cancelled]
    assert {row["state"] for row in dropped} <= {"dropped", "pending", "sending"}
    assert fake.notes(cancelled) == []
