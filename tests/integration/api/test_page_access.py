"""Who may see and do what on the pages: the same matrix, the same functions as the API."""

from __future__ import annotations

import httpx
import pytest

from app.domain.approval import ApprovalState
from app.domain.permission import ROLES, Permission, Role
from app.engine.parts import Records
from tests.integration.access.doors import key
from tests.integration.api.conftest import Api
from tests.integration.api.scene import PLAN_HASH, waiting_execution

P = Permission
YES = {"decision": "approve", "plan_hash": PLAN_HASH, "reason": "seen"}

ASKED: tuple[tuple[Permission, str, str, dict[str, str] | None, int], ...] = (
    (P.READ, "GET", "/ui", None, 200),
    (P.READ, "GET", "/ui/executions/1", None, 200),
    (P.READ, "GET", "/ui/approvals", None, 200),
    (P.READ, "GET", "/ui/hosts", None, 200),
    (P.READ, "GET", "/ui/tickets", None, 200),
    (P.READ, "GET", "/ui/figures", None, 200),
    (P.READ, "GET", "/ui/stop", None, 200),
    (P.READ_AUDIT, "GET", "/ui/audit", None, 200),
    (P.DECIDE, "POST", "/ui/approvals/999/decision", YES, 404),
    (P.CANCEL, "POST", "/ui/executions/999/cancel", {"reason": "so"}, 404),
    (P.STOP, "POST", "/ui/stop", {"reason": "so"}, 303),
    (P.RESUME, "POST", "/ui/resume", {"reason": "so"}, 303),
)


async def test_each_role_gets_exactly_its_pages(api: Api) -> None:
    await waiting_execution(api.database)
    keys = api.app.state.service.parts.access.keys
    for role in Role:
        headers = await key(keys, role)
        for permission, method, path, form, may in ASKED:
            answer = await api.client.request(method, path, data=form, headers=headers)
            expected = may if permission in ROLES[role] else 403
            assert answer.status_code == expected, (role, path, answer.text[-300:])
    for _, method, path, form, _ in ASKED:
        answer = await api.client.request(method, path, data=form, headers={"Accept": "text/html"})
        assert answer.status_code == (303 if method == "GET" else 401), path
        assert method == "POST" or answer.headers["location"].startswith("/login?next=")


async def logged_in(api: Api, role: Role) -> str:
    """A session in the client's cookies; returns what its forms carry."""
    headers = await key(api.app.state.service.parts.access.keys, role)
    token = headers["Authorization"].removeprefix("Bearer ")
    answer = await api.client.post("/login", data={"key": token})
    assert answer.status_code == 303
    page = (await api.client.get("/ui/stop")).text
    return page.split('name="csrf" value="')[1].split('"')[0]


@pytest.mark.parametrize("csrf", ["", "0" * 64])
async def test_a_form_of_another_page_is_refused(api: Api, csrf: str) -> None:
    asked = await waiting_execution(api.database)
    await logged_in(api, Role.APPROVER)
    answer = await _decide(api, asked.id, YES | {"csrf": csrf})
    assert answer.status_code == 403
    assert (await Records.of(api.database).approvals.get(asked.id)).votes == ()


async def test_a_decision_is_the_logged_in_persons_for_exactly_the_plan(api: Api) -> None:
    asked = await waiting_execution(api.database)
    csrf = await logged_in(api, Role.APPROVER)
    for form, status in (
        (YES | {"plan_hash": "0" * 64}, 409),
        ({"decision": "reject", "plan_hash": PLAN_HASH, "reason": "  "}, 409),
        ({"decision": "perhaps", "plan_hash": PLAN_HASH}, 422),
        (YES, 303),
    ):
        answer = await _decide(api, asked.id, form | {"csrf": csrf})
        assert answer.status_code == status, answer.text[-300:]
    decided = await Records.of(api.database).approvals.get(asked.id)
    assert decided.state in (ApprovalState.APPROVED, ApprovalState.USED)
    assert [vote.reason for vote in decided.votes] == ["seen"]


async def _decide(api: Api, number: int, form: dict[str, str]) -> httpx.Response:
    return await api.client.post(f"/ui/approvals/{number}/decision", data=form)
