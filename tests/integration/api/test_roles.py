"""The whole application behind its door: each role gets exactly its answers."""

from __future__ import annotations

import pytest

from app.api.v1.ticket_examples import FLAT
from app.domain.permission import ROLES, Permission, Role
from tests.integration.access.doors import key
from tests.integration.api.conftest import Api, Start

P = Permission
VOTE = {"decision": "approve", "plan_hash": "0" * 64}

ASKED: tuple[tuple[Permission, str, str, object, int], ...] = (
    (P.READ, "GET", "/api/v1/incident/executions", None, 200),
    (P.READ, "GET", "/api/v1/incident/executions/active", None, 200),
    (P.READ, "GET", "/api/v1/incident/execution/999", None, 404),
    (P.READ, "GET", "/api/v1/incident/execution/999/logs", None, 404),
    (P.READ, "GET", "/api/v1/hosts", None, 200),
    (P.READ, "GET", "/api/v1/approvals", None, 200),
    (P.READ, "GET", "/api/v1/approvals/999", None, 404),
    (P.SUBMIT, "POST", "/api/v1/incident/trigger-agent", {}, 422),
    (P.SUBMIT, "POST", "/api/v1/alertmanager/webhook", {}, 422),
    (P.CANCEL, "POST", "/api/v1/incident/execution/999/cancel", {}, 404),
    (P.DECIDE, "POST", "/api/v1/approvals/999/decision", VOTE, 404),
    (P.BASELINE, "POST", "/api/v1/hosts/no-such-host/baseline", None, 404),
    (P.READ, "GET", "/api/v1/outbox", None, 200),
    (P.SETTLE_OUTBOX, "POST", "/api/v1/outbox/999/retry", None, 404),
    (P.SETTLE_OUTBOX, "POST", "/api/v1/outbox/999/drop", None, 404),
    (P.READ_AUDIT, "GET", "/api/v1/keys", None, 200),
    (P.READ_AUDIT, "GET", "/api/v1/audit/status", None, 200),
    (P.MANAGE_KEYS, "POST", "/api/v1/keys/999/revoke", None, 404),
)
"""What it takes, the request, and the answer of who may."""


async def test_each_role_gets_exactly_its_answers(api: Api, subtests: pytest.Subtests) -> None:
    keys = api.app.state.service.parts.access.keys
    for role in Role:
        headers = await key(keys, role)
        for permission, method, path, body, may in ASKED:
            with subtests.test(role=role, asked=f"{method} {path}"):
                answer = await api.client.request(method, path, json=body, headers=headers)
                expected = may if permission in ROLES[role] else 403
                assert answer.status_code == expected, answer.text
    for _, method, path, body, _ in ASKED:
        for content in (body, {"odd": 1}):
            answer = await api.client.request(method, path, json=content)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert answer.json()["error"]["details"] == [], "a stranger learns nothing of bodies"


async def test_how_an_incident_came_in_stays_with_its_execution(
    start: Start, database_url: str
) -> None:
    async with start(database_url) as api:
        now = api.app.state.service.parts
        headers = await key(now.access.keys, Role.WEBHOOK, "grafana")
        elsewhere = headers | {"X-Forwarded-For": "203.0.113.9"}
        taken = await api.post("/api/v1/incident/trigger-agent", FLAT, **elsewhere)
        incident = await now.records.reading.incident(taken.json()["execution_id"])
        assert (incident.source, incident.autonomy_cap) == ("grafana", "L1")
        page = await api.get("/docs")
        script = page.headers["content-security-policy"].split("style-src")[0]
        assert page.status_code == 200
        assert "unsafe-inline" not in script
