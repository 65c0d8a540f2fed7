"""Logging in at an OpenID provider: the way there and back, and every answer that is not taken."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.access.oidc import CALLBACK, Oidc, values_of
from app.domain.permission import Role
from app.errors import ConfigurationError
from app.models.access import WebSession
from app.secrets.configured import secrets_of
from app.settings import Settings
from tests.integration.access.conftest import Door, Open
from tests.integration.access.doors import key
from tests.integration.access.provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Provider,
    Twist,
    oidc_settings,
    running_provider,
)

LOOK = "/api/look"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
async def door(open_door: Open, database_url: str, provider: Provider) -> AsyncIterator[Door]:
    provider.twist = Twist()
    async with open_door(database_url, **oidc_settings(provider.issuer)) as opened:
        await key(opened.access.keys, Role.VIEWER)
        yield opened


async def back_from(browser: httpx.AsyncClient, path: str = "/login/oidc") -> str:
    """Go to the provider as a browser does; the address that it leads back to."""
    there = await browser.get(path)
    assert there.status_code == 303, there.text
    async with httpx.AsyncClient(trust_env=False) as outside:
        led = await outside.get(there.headers["location"])
    return led.headers["location"]


async def test_there_and_back(door: Door) -> None:
    async with door.client(base_url="https://sre.example") as browser:
        assert "/login/oidc?next=%2Fui" in (await browser.get("/login")).text
        back = await back_from(browser, "/login/oidc?next=/ui/executions/7")
        assert back.startswith(f"https://sre.example{CALLBACK}?")
        done = await browser.get(back)
        # a page and not a redirect: browsers would not send the strict cookie with that
        assert done.status_code == 200
        assert "url=/ui/executions/7" in done.text
        assert "SameSite=strict" in done.headers["set-cookie"]
        looked = (await browser.get(LOOK)).json()
        assert looked == {"person": "ann", "role": "approver", "how": "oidc"}
        again = await browser.get(back)
        assert again.status_code == 401, "an answer is taken once"


async def test_a_stranger_begins_only_so_many(
    open_door: Open, database_url: str, provider: Provider
) -> None:
    """Each is a row until it is over."""
    limited = oidc_settings(provider.issuer) | {"refusals_per_minute": 2}
    async with open_door(database_url, **limited) as door, door.client() as browser:
        # a minute may turn in between, so more are begun than two minutes would let through
        begun = [(await browser.get("/login/oidc")).status_code for _ in range(5)]
        assert set(begun) == {303, 429}
        async with door.client("203.0.113.10") as other:
            assert (await other.get("/login/oidc")).status_code == 303


async def test_only_the_browser_that_began_comes_back(door: Door, provider: Provider) -> None:
    before = provider.exchanged
    async with (
        door.client(base_url="https://sre.example") as victim,
        door.client(base_url="https://sre.example") as attacker,
    ):
        stolen = await back_from(attacker)
        assert (await victim.get(stolen)).status_code == 401
        assert (await victim.get(LOOK)).status_code == 401
        assert (await attacker.get(stolen)).status_code == 401, "it was used up by the try"
        for query in ("", "?state=x&code=y", "?state=x"):
            assert (await victim.get(f"{CALLBACK}{query}")).status_code == 401
        denied = (await back_from(victim)).split("code=")[0] + "error=access_denied"
        assert (await victim.get(denied)).status_code == 401
    assert provider.exchanged == before


NOT_TAKEN: dict[str, Twist] = {
    "another issuer": Twist({"iss": "https://evil.example"}),
    "another audience": Twist({"aud": "another-client"}),
    "our audience among others, of another": Twist({"aud": [CLIENT_ID, "x"], "azp": "x"}),
    "no audience": Twist({"aud": None}),
    "expired": Twist({"exp": int(time.time()) - 600}),
    "no end": Twist({"exp": None}),
    "another login's nonce": Twist({"nonce": "of-another-login"}),
    "no nonce": Twist({"nonce": None}),
    "unsigned": Twist(algorithm="none"),
    "signed with the shared secret": Twist(algorithm="HS256"),
    "signed with a strange key": Twist(strange_key=True),
    "no role here": Twist({"groups": ["staff"]}),
    "nobody": Twist({"sub": None}),
    "no groups": Twist({"groups": None}),
    "odd groups": Twist({"groups": {"sre-approvers": True}}),
}


async def test_what_is_not_taken(door: Door, provider: Provider, subtests: pytest.Subtests) -> None:
    for name, twist in NOT_TAKEN.items():
        with subtests.test(name):
            provider.twist = twist
            async with door.client(base_url="https://sre.example") as browser:
                answer = await browser.get(await back_from(browser))
                assert answer.status_code == 401, answer.text
                assert 'role="alert"' in answer.text
                assert "sre_session" not in answer.headers.get("set-cookie", "")
                assert (await browser.get(LOOK)).status_code == 401


async def test_roles_go_by_the_first_that_fits_and_names_by_what_was_checked(
    door: Door, provider: Provider
) -> None:
    mail = "ann@example.com"
    for claims, person, role in (
        ({"groups": ["sre-oncall", "sre-approvers"]}, "ann", "approver"),
        ({"groups": "sre-oncall", "email": mail}, "ann", "operator"),
        ({"email": mail, "email_verified": True}, mail, "approver"),
        ({"preferred_username": None}, "0042", "approver"),
    ):
        provider.twist = Twist(dict(claims))
        async with door.client(base_url="https://sre.example") as browser:
            await browser.get(await back_from(browser))
            looked = (await browser.get(LOOK)).json()
            assert (looked["person"], looked["role"]) == (person, role)


async def test_a_role_that_the_provider_takes_away_ends_within_the_bound(
    open_door: Open, database_url: str, provider: Provider
) -> None:
    provider.twist = Twist()
    bounded = oidc_settings(provider.issuer) | {"oidc_session_max_seconds": 900}
    async with (
        open_door(database_url, **bounded) as door,
        door.client(base_url="https://sre.example") as browser,
    ):
        await key(door.access.keys, Role.VIEWER)
        await browser.get(await back_from(browser))
        assert (await browser.get(LOOK)).json()["role"] == "approver"
        provider.twist = Twist({"groups": ["staff"]})
        async with door.database.reading() as session:
            (row,) = (await session.execute(select(WebSession))).scalars()
        assert row.expires_at - row.created_at <= timedelta(seconds=900)
        late = timedelta(seconds=900)  # it is used until then, so it is not idle
        async with door.database.transaction() as session:
            await session.execute(update(WebSession).values(expires_at=row.expires_at - late))
        assert (await browser.get(LOOK)).status_code == 401
        assert (await browser.get(await back_from(browser))).status_code == 401
        assert (await browser.get(LOOK)).status_code == 401


async def test_a_key_is_not_held_to_the_providers_bound(
    open_door: Open, database_url: str, provider: Provider
) -> None:
    async with open_door(database_url, **oidc_settings(provider.issuer)) as door:
        made = await door.access.keys.create(Role.VIEWER, "ann")
        async with door.client() as browser:
            await browser.post("/login", data={"key": made.token})
        async with door.database.reading() as session:
            (row,) = (await session.execute(select(WebSession))).scalars()
        assert row.expires_at - row.created_at > timedelta(hours=11)


async def test_the_clients_secret_is_rotated_without_a_restart(
    open_door: Open, database_url: str, tmp_path: Path
) -> None:
    held = tmp_path / "client-secret"
    held.touch(mode=0o600)
    held.write_text(CLIENT_SECRET)

    async def log_in(door: Door) -> httpx.Response:
        async with door.client(base_url="https://sre.example") as browser:
            return await browser.get(await back_from(browser))

    with running_provider() as provider:
        by_reference = oidc_settings(provider.issuer) | {"oidc_client_secret": f"file:{held}"}
        async with open_door(database_url, **by_reference) as door:
            assert (await log_in(door)).status_code == 200
            provider.client_secret = "the-secret-after-its-rotation"
            refused = await log_in(door)
            assert refused.status_code == 401
            assert "does not take the agent&#x27;s client secret" in refused.text
            held.write_text(provider.client_secret)
            assert (await log_in(door)).status_code == 200, "asked for anew once it was refused"
            held.unlink()
            assert (await log_in(door)).status_code == 200, "what is kept goes on"
            provider.client_secret = "the-secret-after-the-next-rotation"
            gone = await log_in(door)
            assert (gone.status_code, gone.json()["error"]["code"]) == (502, "secret-missing")


async def test_a_secret_that_was_not_there_at_the_start_is_fetched_when_it_is_needed(
    open_door: Open, database_url: str, provider: Provider, tmp_path: Path
) -> None:
    provider.twist = Twist()
    held = tmp_path / "client-secret"
    by_reference = oidc_settings(provider.issuer) | {"oidc_client_secret": f"file:{held}"}
    async with (
        open_door(database_url, **by_reference) as door,
        door.client(base_url="https://sre.example") as browser,
    ):
        held.touch(mode=0o600)
        held.write_text(CLIENT_SECRET)
        assert (await browser.get(await back_from(browser))).status_code == 200


async def test_a_provider_that_is_down_or_another_is_said(
    open_door: Open, database_url: str, provider: Provider
) -> None:
    for issuer in ("http://127.0.0.1:9", f"{provider.issuer}/realm"):
        async with (
            open_door(database_url, **oidc_settings(issuer)) as door,
            door.client() as browser,
        ):
            answer = await browser.get("/login/oidc")
            assert answer.status_code == 502
            assert answer.json()["error"]["code"] == "identity-provider-failed"
    async with open_door(database_url) as door, door.client() as browser:
        assert (await browser.get("/login/oidc")).status_code == 404


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"oidc_client_id": None}, "OIDC_ISSUER needs OIDC_CLIENT_ID too"),
        ({"oidc_roles": None, "public_url": None}, "needs OIDC_ROLES and PUBLIC_URL too"),
        ({"oidc_issuer": "http://id.example"}, "must be https://"),
    ],
)
def test_settings_that_do_not_go_together(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(_env_file=None, **(oidc_settings("https://id.example") | changed))


@pytest.mark.parametrize("role", ["webhook", "root", ""])
def test_roles_that_nobody_logs_in_with(role: str) -> None:
    given = oidc_settings("https://id.example") | {"oidc_roles": {"all": role}}
    settings = Settings(_env_file=None, **given)
    with pytest.raises(ConfigurationError, match="OIDC_ROLES gives 'all'"):
        Oidc.of(settings, secrets_of(settings))


def test_a_claim_may_lie_deeper() -> None:
    claims = {"realm_access": {"roles": ["a", 1, "b"]}, "https://x/y.z": "c"}
    assert list(values_of(claims, "realm_access.roles")) == ["a", "b"]
    assert list(values_of(claims, "https://x/y.z")) == ["c"]
    assert list(values_of(claims, "realm_access.none.at.all")) == []
