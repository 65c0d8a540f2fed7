"""What is asked of executions, hosts and questions to people."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.api import examples, schemas
from app.api.v1.ticket_examples import FLAT
from app.audit.views import ExecutionPage, LogPage
from app.models.migrate import upgrade
from tests.integration.api.conftest import KNOWN, Api, Start

ENDED = {"completed", "failed", "cancelled"}
DEADLINE_SECONDS = 60


async def ended(api: Api, execution_id: int) -> dict[str, Any]:
    """The execution once it has ended."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            answer = await api.get(f"/api/v1/incident/execution/{execution_id}")
            view: dict[str, Any] = answer.json()
            if view["status"] in ENDED:
                return view
            await asyncio.sleep(0.1)  # the API tells by being asked; nothing else to wait for


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (schemas.Execution, examples.EXECUTION),
        (LogPage, examples.LOGS),
        (schemas.ActiveExecutions, examples.ACTIVE),
        (ExecutionPage, examples.EXECUTIONS),
    ],
)
def test_the_documented_answers_are_true_to_their_models(model: Any, example: Any) -> None:
    model.model_validate(example)


async def test_an_execution_can_be_followed_to_its_end(api: Api) -> None:
    execution_id = (await api.trigger(FLAT)).json()["execution_id"]
    view = await ended(api, execution_id)
    assert view["incident_number"] == "INC0010001"
    assert view["outcome"] is not None
    assert view["simulated"] is True
    for entry in view["timeline"]:
        assert {"step_number", "action_type", "title", "status", "duration_seconds"} <= set(entry)
    for hypothesis in view["hypotheses"]:
        assert {"hypothesis_text", "confidence_score", "status"} <= set(hypothesis)
        assert 0 <= hypothesis["confidence_score"] <= 100
    logs = (await api.get(f"/api/v1/incident/execution/{execution_id}/logs")).json()
    assert logs["execution_id"] == execution_id
    for line in logs["logs"]:
        assert {"step", "action_type", "command_executed", "command_output", "status"} <= set(line)
        assert line["simulated"] is True


async def test_logs_come_in_pages(api: Api) -> None:
    execution_id = (await api.trigger(FLAT)).json()["execution_id"]
    await ended(api, execution_id)
    path = f"/api/v1/incident/execution/{execution_id}/logs"
    whole = (await api.get(path)).json()["logs"]
    assert len(whole) > 2
    paged: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = (await api.get(path, after=after, limit=2)).json()
        paged += page["logs"]
        after = page["next_after"]
    assert paged == whole


async def test_executions_are_listed_and_filtered(api: Api) -> None:
    numbers = ["INC1", "INC2", "INC3"]
    ids = [
        (await api.trigger(FLAT | {"incident_number": n})).json()["execution_id"] for n in numbers
    ]
    for execution_id in ids:
        await ended(api, execution_id)
    listed = (await api.get("/api/v1/incident/executions", limit=2)).json()
    assert [line["incident_number"] for line in listed["executions"]] == ["INC3", "INC2"]
    rest = await api.get("/api/v1/incident/executions", before=listed["next_before"])
    assert [line["incident_number"] for line in rest.json()["executions"]] == ["INC1"]
    one = await api.get("/api/v1/incident/executions", incident_number="INC2")
    assert [line["execution_id"] for line in one.json()["executions"]] == [ids[1]]
    assert (await api.get("/api/v1/incident/executions/active")).json() == {"executions": []}


NOT_THERE = [
    ("GET", "/api/v1/incident/execution/999999", 404),
    ("GET", f"/api/v1/incident/execution/{2**63 - 1}/logs", 404),
    ("GET", f"/api/v1/incident/execution/{2**63}", 422),
    ("GET", "/api/v1/incident/execution/0", 422),
    ("GET", "/api/v1/incident/execution/abc", 422),
    ("GET", "/api/v1/incident/executions?status=odd", 422),
    ("GET", "/api/v1/incident/executions?host=%00", 200),
    ("GET", "/api/v1/incident/executions?incident_number=%ED%A0%80", 200),
    ("GET", "/api/v1/approvals/999999", 404),
    ("GET", "/nowhere", 404),
    ("PUT", "/api/v1/incident/executions", 405),
    ("POST", "/api/v1/hosts/no-such-host/baseline", 404),
]


async def test_what_is_not_there(api: Api, subtests: pytest.Subtests) -> None:
    for method, path, status in NOT_THERE:
        with subtests.test(path):
            answer = await api.client.request(method, path)
            assert answer.status_code == status, answer.text
            if status != 200:
                assert answer.json()["error"]["code"]


async def test_hosts_are_listed_without_their_keys(api: Api) -> None:
    answer = await api.get("/api/v1/hosts")
    (host,) = [host for host in answer.json()["hosts"] if host["name"] == KNOWN]
    assert host["address"] == "10.0.1.100"
    assert host["services"] == ["nginx", "apache2", "docker"]
    assert "key" not in answer.text


async def test_a_cancelled_execution_cannot_be_cancelled_again(api: Api) -> None:
    execution_id = (await api.trigger(FLAT)).json()["execution_id"]
    path = f"/api/v1/incident/execution/{execution_id}/cancel"
    await ended(api, execution_id)
    again = await api.post(path, {"reason": "too late"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    unknown = await api.post("/api/v1/incident/execution/999/cancel", {"reason": "x"})
    assert unknown.status_code == 404


async def test_answering_takes_an_approvers_token(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    token = "t" * 32
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump({"approvers": {"ann": token}}))
    policy.chmod(0o600)
    vote = {"decision": "approve", "reason": "ok", "plan_hash": "0" * 64}
    path = "/api/v1/approvals/1/decision"
    async with start(database_url, policy_file=policy) as api:
        nobody = await api.post(path, vote)
        assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
        stranger = await api.post(path, vote, Authorization="Bearer wrong")
        assert (stranger.status_code, stranger.json()["error"]["code"]) == (401, "unauthorized")
        ann = {"Authorization": f"Bearer {token}"}
        missing = await api.post(path, vote, **ann)
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not-found")
        odd = await api.post(path, vote | {"plan_hash": "x"}, **ann)
        assert odd.status_code == 422
        extra = await api.post(path, vote | {"person": "bob"}, **ann)
        assert extra.status_code == 422


async def test_ready_says_in_which_mode(api: Api) -> None:
    answer = await api.get("/readyz")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["ready"], body["mode"], body["autonomy_level"]) == (True, "simulated", "L0")
    assert {check["name"] for check in body["checks"]} == {"database", "worker", "disk"}
    assert (await api.get("/healthz")).json()["status"] == "ok"


async def _ready(api: Api) -> None:
    async with asyncio.timeout(15):
        while True:
            if (await api.get("/readyz")).status_code == 200:
                return
            await asyncio.sleep(0.2)


async def test_without_tables_it_says_what_to_run_and_comes_up_by_itself(
    start: Start, empty_database_url: str
) -> None:
    async with start(empty_database_url) as api:
        assert (await api.get("/healthz")).status_code == 200
        for answer in (await api.get("/readyz"), await api.trigger(FLAT)):
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "database-not-ready"
            assert "alembic upgrade head" in answer.json()["error"]["hint"]
        await asyncio.to_thread(upgrade, api.app.state.settings)
        await _ready(api)
        assert (await api.trigger(FLAT)).status_code == 200
