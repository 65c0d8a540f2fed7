"""GET /api/v1/audit/status and its page; and a tampering while the service runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.alerts import watchdog
from app.api import examples
from app.api.schemas import AuditStatus
from tests.integration.api.conftest import Api, Start
from tests.integration.api.test_metrics import scraped, value
from tests.integration.audit.tampering import tamper

DEADLINE_SECONDS = 60
STATUS = "/api/v1/audit/status"


def test_the_documented_answer_is_true_to_its_model() -> None:
    AuditStatus.model_validate(examples.AUDIT)


async def until(api: Api, path: str, met: Any) -> dict[str, Any]:
    """What an address answers, once it says what is waited for."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            answer: dict[str, Any] = (await api.get(path)).json()
            if met(answer):
                return answer
            await asyncio.sleep(0.05)  # the API tells by being asked; nothing else to wait for


async def test_a_tampering_while_the_service_runs_is_told(
    start: Start, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "PASS_SECONDS", 0.1)
    async with start(database_url, audit_verify_seconds=1, audit_verify_all_seconds=1) as api:
        whole = await until(api, STATUS, lambda told: told["verified"])
        assert (whole["guarded"], whole["verified"]["sound"]) == (True, True)
        assert whole["chain"]
        assert whole["key_id"]
        assert whole["entries"] > 0
        assert value(await scraped(api), "sre_agent_audit_wrong") == 0
        assert (await api.get("/api/v1/alerts")).json()["open"] == []

        # an entry is known to be changed, and not forged, by the one that follows it
        await api.post("/api/v1/pause", {"reason": "a drill", "by": "ann"})
        await tamper(api.database, "UPDATE audit_entry SET actor = 'mallory' WHERE seq = 2")
        told = await until(api, "/api/v1/alerts", lambda told: told["open"])
        assert [alert["kind"] for alert in told["open"]] == ["audit-broken"]
        assert told["open"][0]["statement"] == "The audit does not hold: entry-changed at entry 2."
        broken = (await api.get(STATUS)).json()["verified"]
        assert (broken["fault"], broken["at_entry"]) == ("entry-changed", 2)
        page = (await api.client.get("/ui/audit")).text
        assert "The audit does not hold." in page
        assert "Entry 2 (event, start) was changed" in page

        await tamper(api.database, "UPDATE audit_entry SET actor = 'sre-agent' WHERE seq = 2")
        await until(api, "/api/v1/alerts", lambda told: not told["open"])
        assert (await api.get(STATUS)).json()["verified"]["sound"]


async def test_the_page_says_what_it_shows_and_what_it_cannot_prove(api: Api) -> None:
    page = (await api.client.get("/ui/audit")).text
    status = (await api.get(STATUS)).json()
    assert f"<code>{status['chain']}</code>" in page
    assert "sre-agent audit verify" in page
    assert '<a href="/ui/audit" aria-current="page">Audit</a>' in page
