"""Deliveries shuffled, doubled and replayed, ServiceNow failing one time in three, three kills.

One execution an incident, and each of its notes on the ticket exactly once and in order. It waits
once for as long as a request may take: what a killed process was sending is left alone so long. The
whole of it, as many as it is promised for:

    pytest tests/acceptance/test_tickets_under_fire.py --deliveries 300
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.v1.ticket_examples import FLAT
from app.servicenow.fake.control import Control
from app.servicenow.fake.faults import Fault, FaultKind
from app.servicenow.fake.running import running
from tests.acceptance.conftest import started

EACH = 3  # times that an incident is delivered
KILLS = 3
WHOLE_SECONDS = 1200
ONE_IN_THREE = [
    Fault(kind=kind, path="/api/now", skip=skip, every=9, times=None, seconds=0)
    for skip, kind in enumerate(
        [FaultKind.CUT_AFTER, FaultKind.SERVER_ERROR, FaultKind.RATE_LIMITED]
    )
]


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Control]:
    with running(tmp_path / "servicenow") as fake:
        yield fake


@pytest.fixture
def deliveries(fake: Control, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What the business rule sent of each incident, several times over and in no order."""
    incidents = max(KILLS + 1, request.config.getoption("deliveries") // EACH)
    sent = [_delivery(fake.insert(short_description="Shop down")) for _ in range(incidents)]
    several = sent * EACH
    random.Random(7).shuffle(several)
    return several


def _delivery(row: dict[str, str]) -> dict[str, Any]:
    told = {"incident_number": row["number"], "sys_id": row["sys_id"], "state": "1"}
    return FLAT | told | {"sys_mod_count": row["sys_mod_count"]}


def test_one_execution_each_and_each_note_once_and_in_order(
    fake: Control,
    deliveries: list[dict[str, Any]],
    bare_environment: dict[str, str],
    tmp_path: Path,
) -> None:
    environment = bare_environment | _settings(fake, tmp_path)
    fake.arm(*ONE_IN_THREE)
    share = -(-len(deliveries) // (KILLS + 1))
    for life in range(KILLS + 1):
        with started(["-m", "app.cli", "serve"], environment, tmp_path) as (address, child):
            for body in deliveries[life * share : (life + 1) * share]:
                _deliver(address, body)
            if life < KILLS:
                child.kill()
                child.wait()
                continue
            rows = _told(address, len(deliveries) // EACH)
            executions = _get(address, "incident/executions", limit=500)["executions"]
    numbers = {body["incident_number"] for body in deliveries}
    assert Counter(e["incident_number"] for e in executions) == Counter(numbers)
    assert {row["state"] for row in rows} == {"sent"}
    for number in numbers:
        notes = [row["note"] for row in rows if row["incident_number"] == number]
        assert len(notes) == 2  # taken on, and its end
        assert fake.notes(number) == notes
    assert max(row["attempts"] for row in rows) > 1, "nothing went wrong: the test tests nothing"


def _settings(fake: Control, folder: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/x.sqlite",
        "LOG_LEVEL": "WARNING",
        "WATCH_SECONDS_REVERSIBLE": "0",
        "WATCH_SECONDS_DISRUPTIVE": "0",
        "SERVICENOW_INSTANCE_URL": fake.url,
        "SERVICENOW_CA_FILE": str(fake.ca_file),
        "SERVICENOW_USERNAME": fake.credentials.user_name,
        "SERVICENOW_PASSWORD": fake.credentials.password,
        "SERVICENOW_WRITE_SIMULATED": "true",
    }


def _deliver(address: str, body: dict[str, Any]) -> None:
    url = f"{address}/api/v1/incident/trigger-agent"
    httpx.post(url, json=body, timeout=60, trust_env=False).raise_for_status()


def _told(address: str, incidents: int) -> list[dict[str, Any]]:
    """All rows of the outbox, once every execution has ended and its ticket knows."""
    deadline = time.monotonic() + WHOLE_SECONDS
    while time.monotonic() < deadline:
        page = _get(address, "outbox", limit=500)
        settled = page["counts"]["pending"] + page["counts"]["sending"] == 0
        if settled and sum(page["counts"].values()) >= 2 * incidents:
            rows: list[dict[str, Any]] = page["rows"]
            return rows
        time.sleep(1)
    raise TimeoutError(f"not told within {WHOLE_SECONDS} s: {page['counts']}")


def _get(address: str, path: str, **params: Any) -> dict[str, Any]:
    url = f"{address}/api/v1/{path}"
    answer = httpx.get(url, params=params, timeout=60, trust_env=False)
    answer.raise_for_status()
    shown: dict[str, Any] = answer.json()
    return shown
