"""/metrics as Prometheus sees it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from app.api.v1.ticket_examples import FLAT
from app.telemetry.metrics import CONTENT_TYPE
from tests.integration.api.conftest import KNOWN, Api, Start
from tests.integration.api.test_monitoring import ended

PROMTOOL = shutil.which("promtool")


def samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def value(text: str, name: str, **labels: str) -> float | None:
    """The one sample with at least these labels; None where there is none."""
    found = [
        sample.value
        for sample in samples(text)
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1, found
    return found[0] if found else None


async def scraped(api: Api) -> str:
    answer = await api.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPE
    return answer.text


async def test_what_happened_is_in_the_figures(api: Api) -> None:
    execution_id = (await api.trigger(FLAT)).json()["execution_id"]
    outcome = (await ended(api, execution_id))["outcome"]
    text = await scraped(api)
    name = "sre_agent_executions_ended_total"
    assert value(text, name, outcome=outcome, simulated="true") == 1
    assert value(text, name, outcome="failed") == 0
    assert value(text, "sre_agent_execution_seconds_count", outcome=outcome) == 1
    assert value(text, "sre_agent_database_up") == 1
    assert value(text, "sre_agent_workers_alive") == 1
    assert value(text, "sre_agent_process_worker_alive") == 1
    assert value(text, "sre_agent_build_info", mode="simulated", autonomy_level="L0") == 1
    assert sum(s.value for s in samples(text) if s.name == "sre_agent_actions_total") > 2


async def test_answers_are_counted_by_route_and_never_by_address(api: Api) -> None:
    before = await scraped(api)
    await api.trigger({"incident_number": "INC9", "short_description": "x", "target": {}})
    for number in range(3):
        await api.get(f"/nowhere/{number}")
        await api.get(f"/api/v1/approvals/{number + 1000}")
    await api.client.request("BREW", "/nowhere")
    after = await scraped(api)
    name = "sre_agent_process_http_requests_total"

    def more(**labels: str) -> float:
        return (value(after, name, **labels) or 0) - (value(before, name, **labels) or 0)

    assert more(route="/api/v1/incident/trigger-agent", status="422") == 1
    assert more(route="/api/v1/approvals/{approval_id}", status="404") == 3
    assert more(route="none", method="GET", status="404") == 3
    assert more(route="none", method="other") == 1
    assert "nowhere" not in after


async def test_a_baseline_is_aged_under_the_inventorys_name(api: Api) -> None:
    taken = await api.post(f"/api/v1/hosts/{KNOWN}/baseline", {})
    age = value(await scraped(api), "sre_agent_baseline_age_seconds", host=KNOWN)
    assert (age is not None) == taken.is_success


async def test_before_it_is_ready_a_scrape_fails_and_says_why(
    start: Start, empty_database_url: str
) -> None:
    async with start(empty_database_url) as api:
        answer = await api.get("/metrics")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database-not-ready")


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool here; `apt-get install prometheus`")
async def test_promtool_has_nothing_to_say(api: Api) -> None:
    await ended(api, (await api.trigger(FLAT)).json()["execution_id"])
    text = await scraped(api)
    done = await asyncio.to_thread(_checked, text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _checked(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
