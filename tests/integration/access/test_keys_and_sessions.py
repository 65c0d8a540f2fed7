"""Keys and sessions, forged forms, limits, and what every answer carries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import select, update

from app.access.session_cookie import CSRF_FIELD, CSRF_HEADER, PLAIN_NAME, SECURE_NAME, csrf_of
from app.domain.permission import Role
from app.execution.policy_file import PolicyFile
from app.models.access import ApiKey, WebSession
from tests.integration.access.conftest import Door, Open
from tests.integration.access.doors import key

EVIL = {"Origin": "http://evil.example"}
LOOK = "/api/look"


async def test_without_keys_this_machine_is_answered_and_nobody_else(door: Door) -> None:
    async with (
        door.here() as here,
        door.client() as elsewhere,
        door.client("127.0.0.1") as rebound,
    ):
        assert (await here.get(LOOK)).json() == {"person": "local", "role": "None", "how": "local"}
        refused = await elsewhere.get(LOOK)
        assert refused.status_code == 401
        assert "no key yet" in refused.json()["error"]["message"]
        assert (await rebound.get(LOOK)).status_code == 401, "another's name was led here"
        proxied = await here.get(LOOK, headers={"X-Forwarded-For": "127.0.0.1"})
        assert proxied.status_code == 401
        assert (await here.post("/api/stop", headers=EVIL)).status_code == 403
        assert (await here.post("/api/stop", headers={"Origin": "null"})).status_code == 403
        assert (await here.post("/api/stop")).json() == "local"
        nameless = await here.post("/api/decide")
        assert (nameless.status_code, nameless.headers["www-authenticate"]) == (401, "Bearer")
        wrong = await here.get(LOOK, headers={"Authorization": "Bearer wrong"})
        assert wrong.status_code == 401, "a wrong credential is not passed over"
        made = await door.access.keys.create(Role.VIEWER, "ann")
        assert (await here.get(LOOK)).status_code == 401, "from the first key everybody needs one"
        await door.access.keys.revoke(made.info.id)
        assert (await here.get(LOOK)).status_code == 401, "revoking opens no door"


async def test_with_real_hosts_nobody_is_answered_for_where_they_sit(
    open_door: Open, database_url: str
) -> None:
    policy = PolicyFile(approvers={"ann": SecretStr("t" * 32)})
    async with (
        open_door(database_url, policy, enable_real_ssh=True) as door,
        door.here() as here,
    ):
        for method, path in (
            ("GET", LOOK), ("POST", "/api/deliver"), ("POST", "/api/stop"), ("POST", "/api/decide"),
        ):  # fmt: skip
            refused = await here.request(method, path)
            assert refused.status_code == 401, path
            error = refused.json()["error"]
            assert error["code"] == "unauthorized"
            assert "There is no key yet" in error["message"]
            assert "`sre-agent keys create --role operator --name YOU`" in error["hint"]
        page = await here.get("/ui/somewhere", headers={"Accept": "text/html"})
        assert page.headers["location"].startswith("/login")
        assert "sre-agent keys create" in (await here.get("/login")).text
        approver = {"Authorization": f"Bearer {'t' * 32}"}
        assert (await here.post("/api/decide", headers=approver)).json() == "ann"
        made = await door.access.keys.create(Role.OPERATOR, "bob")
        bob = {"Authorization": f"Bearer {made.token}"}
        assert (await here.post("/api/stop", headers=bob)).json() == "bob"
        await door.access.keys.revoke(made.info.id)
        assert (await here.post("/api/stop")).status_code == 401


async def test_a_key_ends_when_it_is_revoked_or_over(door: Door) -> None:
    keys = door.access.keys
    made = await keys.create(Role.VIEWER, "ann", expires_after=timedelta(days=1))
    over = await keys.create(Role.VIEWER, "bob", expires_after=timedelta(seconds=-1))
    async with door.client() as client:

        async def status(token: str) -> int:
            asked = await client.get(LOOK, headers={"Authorization": f"Bearer {token}"})
            return asked.status_code

        assert await status(made.token) == 200
        assert (await keys.listed())[0].last_used_at is not None
        assert await status(made.token[:-1]) == 401
        assert await status(made.token[:-1] + ("A" if made.token[-1] != "A" else "B")) == 401
        assert await status(over.token) == 401
        await keys.revoke(made.info.id)
        assert await status(made.token) == 401


async def test_a_key_and_a_cookie_are_nowhere_in_the_database(door: Door) -> None:
    made = await door.access.keys.create(Role.ADMIN, "ann")
    async with door.client() as browser:
        await log_in(browser, made.token)
        cookie = browser.cookies[PLAIN_NAME]
    async with door.database.reading() as session:
        rows = [
            *(await session.execute(select(ApiKey))).scalars(),
            *(await session.execute(select(WebSession))).scalars(),
        ]
    kept = str([vars(row) for row in rows])
    assert len(rows) == 2
    assert made.token.removeprefix(f"sre_{made.info.key_id}_") not in kept
    assert cookie not in kept


async def log_in(client: httpx.AsyncClient, token: str, **more: str) -> httpx.Response:
    return await client.post("/login", data={"key": token} | more)


async def test_logging_in_working_and_logging_out(door: Door) -> None:
    made = await door.access.keys.create(Role.OPERATOR, "ann")
    async with door.client() as browser:
        form = await browser.get("/login", params={"next": '/ui?x="><script>'})
        assert form.status_code == 200
        assert "<script>" not in form.text
        wrong = await log_in(browser, "sre_wrong")
        assert (wrong.status_code, PLAIN_NAME in wrong.cookies) == (401, False)
        done = await log_in(browser, made.token, next="/ui/executions/1")
        assert (done.status_code, done.headers["location"]) == (303, "/ui/executions/1")
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie
        assert (await browser.get(LOOK)).json()["person"] == "ann"
        assert (await browser.post("/api/stop")).status_code == 403, "without the form's token"
        token = csrf_of(browser.cookies[PLAIN_NAME])
        csrf = {CSRF_HEADER: token}
        assert (await browser.post("/api/stop", headers=csrf)).json() == "ann"
        assert (await browser.post("/api/stop", headers=csrf | EVIL)).status_code == 403
        by_form = await browser.post("/ui/stop", data={"reason": "now", CSRF_FIELD: token})
        assert by_form.json() == ["ann", "now"]
        forged = await browser.post("/ui/stop", data={"reason": "now", CSRF_FIELD: "x"})
        assert forged.status_code == 403
        held = browser.cookies[PLAIN_NAME]
        assert (await browser.post("/logout")).status_code == 303
        assert PLAIN_NAME not in browser.cookies
        browser.cookies.set(PLAIN_NAME, held)
        assert (await browser.get(LOOK)).status_code == 401, "ended at the server too"


async def test_over_https_the_cookie_is_this_hosts_alone(door: Door) -> None:
    made = await door.access.keys.create(Role.VIEWER, "ann")
    async with door.client(base_url="https://sre.example") as browser:
        done = await log_in(browser, made.token)
        assert done.headers["set-cookie"].startswith(f"{SECURE_NAME}=")
        assert "Secure" in done.headers["set-cookie"]
        assert "max-age" in done.headers["strict-transport-security"]
        assert (await browser.get(LOOK)).status_code == 200


async def test_a_session_ends_by_idling_by_age_and_with_its_key(door: Door) -> None:
    made = await door.access.keys.create(Role.VIEWER, "ann")
    endings: dict[str, dict[str, Any]] = {
        "idle": {"last_seen_at": made.info.created_at - timedelta(hours=2)},
        "age": {"expires_at": made.info.created_at - timedelta(seconds=1)},
    }
    async with door.client() as browser:
        for ending, values in endings.items():
            await log_in(browser, made.token)
            assert (await browser.get(LOOK)).status_code == 200, ending
            async with door.database.transaction() as session:
                await session.execute(update(WebSession).values(**values))
            assert (await browser.get(LOOK)).status_code == 401, ending
        await log_in(browser, made.token)
        assert (await browser.get(LOOK)).status_code == 200
        await door.access.keys.revoke(made.info.id)
        assert (await browser.get(LOOK)).status_code == 401


async def test_an_approver_of_the_policy_may_decide_and_ends_with_the_token(
    open_door: Open, database_url: str
) -> None:
    policy = PolicyFile(approvers={"ann": SecretStr("t" * 32)})
    async with open_door(database_url, policy) as door, door.client() as browser:
        shown = {"Authorization": f"Bearer {'t' * 32}"}
        assert (await browser.post("/api/decide", headers=shown)).json() == "ann"
        assert (await log_in(browser, "t" * 32)).status_code == 303
        csrf = {CSRF_HEADER: csrf_of(browser.cookies[PLAIN_NAME])}
        assert (await browser.post("/api/decide", headers=csrf)).json() == "ann"
        door.service.policy = PolicyFile(approvers={"ann": SecretStr("u" * 32)})
        assert (await browser.post("/api/decide", headers=csrf)).status_code == 401


async def test_nobody_logs_in_as_a_webhook_or_from_another_site(door: Door) -> None:
    webhook = await door.access.keys.create(Role.WEBHOOK, "hook")
    viewer = await door.access.keys.create(Role.VIEWER, "ann")
    async with door.client() as browser:
        assert (await log_in(browser, webhook.token)).status_code == 401
        forged = await browser.post("/login", data={"key": viewer.token}, headers=EVIL)
        assert forged.status_code == 403


async def test_too_many_wrong_ones_are_told_to_wait_and_right_ones_pass(
    open_door: Open, database_url: str
) -> None:
    limits = {"refusals_per_minute": 2, "rate_limit_per_minute": 3}
    async with open_door(database_url, **limits) as door, door.client() as client:
        right = await key(door.access.keys, Role.VIEWER)
        wrong = {"Authorization": "Bearer wrong"}
        # a minute may turn in between, so more are sent than two minutes would let through
        refused = [await client.get(LOOK, headers=wrong) for _ in range(5)]
        assert {answer.status_code for answer in refused} == {401, 429}
        limited = next(answer for answer in refused if answer.status_code == 429)
        assert limited.json()["error"]["code"] == "rate-limited"
        assert 1 <= int(limited.headers["retry-after"]) <= 60
        passed = [(await client.get(LOOK, headers=right)).status_code for _ in range(7)]
        assert passed[0] == 200
        assert 429 in passed


async def test_every_answer_carries_the_headers_for_browsers(door: Door) -> None:
    await key(door.access.keys, Role.VIEWER)
    async with door.client() as client:
        for method, path, status in (
            ("GET", "/login", 200), ("GET", "/nowhere", 404), ("GET", LOOK, 401),
            ("PUT", "/login", 405), ("POST", "/api/deliver", 415), ("GET", "/broken", 500),
        ):  # fmt: skip
            kind = {"Content-Type": "text/plain"}
            body = b"x" if method == "POST" else None
            answer = await client.request(method, path, content=body, headers=kind)
            assert answer.status_code == status, answer.text
            assert answer.headers["content-security-policy"].startswith("default-src 'self'")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["x-request-id"]
            assert "secret inside" not in answer.text


async def test_a_page_leads_to_the_login_and_the_api_does_not(door: Door) -> None:
    await key(door.access.keys, Role.VIEWER)
    browser = {"Accept": "text/html,application/xhtml+xml"}
    async with door.client() as client:
        led = await client.get("/ui/somewhere?a=1", headers=browser)
        assert led.status_code == 303
        assert led.headers["location"] == "/login?next=%2Fui%2Fsomewhere%3Fa%3D1"
        assert (await client.get(LOOK, headers=browser)).status_code == 401
