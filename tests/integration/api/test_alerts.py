"""GET /api/v1/alerts, and the watchdog inside the running service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.api import examples
from app.api.schemas import AlertsPage
from app.audit.alerts import Alerts
from app.audit.journal import Journal
from app.domain.alert import AlertKind, Condition
from app.domain.execution import Outcome
from app.errors import ConfigurationError
from app.main import create_app
from app.settings import Settings
from tests.integration.api.conftest import Api, Start
from tests.integration.api.test_metrics import scraped, value
from tests.integration.audit.values import incident
from tests.receiver import receiving

BROKEN = Condition(
    kind=AlertKind.AUDIT_BROKEN, subject="audit", statement="Row 7 does not fit.", simulated=False
)


def test_the_documented_answer_is_true_to_its_model() -> None:
    AlertsPage.model_validate(examples.ALERTS)


async def test_what_needs_a_person_and_what_did(api: Api) -> None:
    empty = await api.get("/api/v1/alerts")
    assert empty.json() == {"open": [], "recent": []}
    await api.app.state.service.parts.watchdog.stop()  # it would find that nothing is the matter
    kept = Alerts(api.database)
    for found in ((BROKEN,), (), (BROKEN,)):
        await kept.note(
            found, looked_for={AlertKind.AUDIT_BROKEN}, destinations=(), repeat_seconds=60
        )
    page = (await api.get("/api/v1/alerts")).json()
    assert [alert["kind"] for alert in page["open"]] == ["audit-broken"]
    assert [alert["kind"] for alert in page["recent"]] == ["audit-broken"]
    assert page["open"][0]["ended_at"] is None
    assert value(await scraped(api), "sre_agent_alerts_open", kind="audit-broken") == 1
    assert (await api.get("/api/v1/alerts", limit=0)).status_code == 422


@pytest.mark.parametrize("form", ["{}", "literal:{}", "file:"])
async def test_the_service_tells_of_a_failed_execution(
    start: Start, database_url: str, tmp_path: Path, form: str
) -> None:
    with receiving() as receiver:
        urls = form.format(receiver.apprise)
        if form == "file:":
            held = tmp_path / "urls"
            held.touch(mode=0o600)
            held.write_text(f"{receiver.apprise}\n")
            urls = f"file:{held}"
        async with start(database_url, alert_urls=urls) as api:
            execution_id = await _failed(api)
            told = (await asyncio.to_thread(receiver.next)).json()
            page = await _written_down(api)
    assert told["title"] == "SIMULATED SRE agent: an execution failed"
    assert f"Execution {execution_id} (incident INC-FAILS)" in told["message"]
    assert page["recent"][0]["subject"] == f"execution {execution_id}"


async def _written_down(api: Api) -> dict[str, Any]:
    """The alerts once what was sent is noted: a moment after it was sent."""
    async with asyncio.timeout(60):
        while True:
            page: dict[str, Any] = (await api.get("/api/v1/alerts")).json()
            if page["recent"]:
                return page
            await asyncio.sleep(0.1)  # the API tells by being asked


async def _failed(api: Api) -> int:
    """An execution as the service leaves it that could not go on."""
    journal = Journal(api.database)
    accepted = await journal.accept(incident("INC-FAILS"), {}, simulated=True, max_active=9)
    await journal.conclude(
        accepted.execution_id,
        outcome=Outcome.FAILED,
        root_cause="Not established.",
        summary="The agent itself failed.",
        confidence=0.0,
        evidence_ids=(),
        recommended=(),
    )
    return accepted.execution_id


@pytest.mark.parametrize("form", ["", "literal:"])
def test_a_wrong_address_ends_the_start_with_its_place(form: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        create_app(Settings(_env_file=None, alert_urls=SecretStr(f"{form}nonsense://token")))
    assert "number 1" in str(wrong.value)
    assert "token" not in str(wrong.value)
