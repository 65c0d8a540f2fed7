"""Who may hand in incidents: signed, by header, by password; replays; how weak ones are held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from app.access.signature import NONCE, SIGNATURE
from app.audit.nonces import Nonces
from app.domain.permission import Role
from app.models.access import WebhookNonce
from app.models.database import Database
from app.secrets.configured import secrets_of
from app.secrets.live import fetch
from tests.integration.access.conftest import Door, Open
from tests.integration.access.doors import PASSWORD, TOKEN, key, signed, sources_file

HOOK = "/api/deliver"
BODY = b'{"n": 1}'


@pytest.fixture
async def named(open_door: Open, database_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    """A door that knows sources."""
    async with open_door(database_url, sources_file=sources_file(tmp_path)) as opened:
        yield opened


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_signed_delivery_from_elsewhere_is_taken_once(named: Door) -> None:
    async with named.client() as sender:
        headers = signed(BODY)
        first = await sender.post(HOOK, content=BODY, headers=headers)
        assert first.json() == {"source": "servicenow", "cap": None, "body": {"n": 1}}
        replayed = await sender.post(HOOK, content=BODY, headers=headers)
        assert code(replayed) == (401, "unauthorized")
        assert "replayed" in replayed.json()["error"]["message"]
        signed_anew = await sender.post(HOOK, content=BODY, headers=signed(BODY))
        assert signed_anew.json() == first.json()
        rotated = signed(BODY, key_id="snow-0", secret="x" * 40)
        assert (await sender.post(HOOK, content=BODY, headers=rotated)).json() == first.json()


async def test_what_is_wrong_with_a_signature_is_said_before_the_body_is_understood(
    named: Door, subtests: pytest.Subtests
) -> None:
    now = int(time.time())
    wrong: dict[str, tuple[bytes, dict[str, str], str]] = {
        "another body": (BODY + b" ", signed(BODY), "does not fit"),
        "another secret": (BODY, signed(BODY, secret="y" * 40), "does not fit"),
        "an unknown key": (BODY, signed(BODY, key_id="nobody"), "does not fit"),
        "another's key id": (BODY, signed(BODY, key_id="first", secret=TOKEN), "does not fit"),
        "too old": (BODY, signed(BODY, at=now - 400), "server's clock"),
        "too new": (BODY, signed(BODY, at=now + 400), "server's clock"),
        "no nonce": (BODY, signed(BODY) | {NONCE: ""}, "X-SRE-Nonce is missing"),
        "no signature": (BODY, signed(BODY) | {SIGNATURE: ""}, "X-SRE-Signature is missing"),
        "not even JSON": (b"{", signed(b"["), "does not fit"),
    }
    async with named.client() as sender:
        for name, (sent, headers, said) in wrong.items():
            with subtests.test(name):
                answer = await sender.post(HOOK, content=sent, headers=headers)
                assert code(answer) == (401, "unauthorized")
                assert said in answer.json()["error"]["message"]
                assert answer.json()["error"]["hint"]
        too_large = b"[" + b"1," * 140_000 + b"1]"
        answer = await sender.post(HOOK, content=too_large, headers=signed(too_large))
        assert code(answer) == (413, "payload-too-large")
        # a nonce is used up by a delivery that fits, not by what a stranger made of it
        headers = signed(BODY)
        assert (await sender.post(HOOK, content=b"{}", headers=headers)).status_code == 401
        assert (await sender.post(HOOK, content=BODY, headers=headers)).status_code == 200
    assert named.access.refusals["unauthorized"] == len(wrong) + 1


async def test_weak_ones_are_capped_when_they_come_from_elsewhere(named: Door) -> None:
    weak: dict[str, dict[str, Any]] = {
        "monitoring": {"headers": {"X-SRE-Token": TOKEN}},
        "legacy": {"auth": ("snow", PASSWORD)},
    }
    wrong: list[dict[str, Any]] = [
        {"headers": {"X-SRE-Token": "x"}},
        {"auth": ("snow", "x")},
        {"auth": ("nobody", PASSWORD)},
        {"headers": {"Authorization": "Basic ?"}},
        {"headers": {"Authorization": "Digest x"}},
        {},  # on this machine too: sources are named, so an incident comes from one
    ]
    async with named.client() as elsewhere, named.here() as here:
        for source, shown in weak.items():
            for sender, cap in ((elsewhere, "L1"), (here, None)):
                answer = await sender.post(HOOK, json={}, **shown)
                assert answer.json() == {"source": source, "cap": cap, "body": {}}
        for shown in wrong:
            for sender in (elsewhere, here):
                assert code(await sender.post(HOOK, json={}, **shown)) == (401, "unauthorized")
        assert (await here.get("/api/look")).status_code == 200
        looked = await elsewhere.get("/api/look", headers={"X-SRE-Token": TOKEN})
        assert code(looked) == (403, "forbidden"), "a source hands in and does nothing else"


async def test_a_signing_secret_by_reference_is_rotated_without_a_restart(
    open_door: Open, database_url: str, tmp_path: Path
) -> None:
    held, file = tmp_path / "held", tmp_path / "sources.yaml"
    file.write_text(
        f"sources: {{snow: {{kind: hmac, keys: {{snow-1: {{secret_ref: 'file:{held}'}}}}}}}}"
    )
    settings: dict[str, Any] = {"sources_file": file, "secrets_cache_seconds": 0}
    async with open_door(database_url, **settings) as door, door.client() as sender:
        missing = await sender.post(HOOK, content=BODY, headers=signed(BODY))
        assert code(missing) == (502, "secret-unavailable"), "the sender tries again later"
        assert str(tmp_path) not in missing.text
        held.touch(mode=0o600)
        for secret in ("s" * 40, "t" * 40):
            held.write_text(secret)
            await fetch(door.access.sources.live, secrets_of(door.service.settings))
            taken = await sender.post(HOOK, content=BODY, headers=signed(BODY, secret=secret))
            assert taken.json()["source"] == "snow"
        old = await sender.post(HOOK, content=BODY, headers=signed(BODY, secret="s" * 40))
        assert code(old) == (401, "unauthorized")


async def test_keys_of_the_role_webhook_are_weak_and_operators_are_not(door: Door) -> None:
    webhook = await key(door.access.keys, Role.WEBHOOK, "grafana")
    operator = await key(door.access.keys, Role.OPERATOR)
    async with door.client() as elsewhere, door.here() as here:
        for sender, headers, source, cap in (
            (elsewhere, webhook, "grafana", "L1"),
            (here, webhook, "grafana", None),
            (elsewhere, operator, "operator", None),
        ):
            answer = await sender.post(HOOK, json={}, headers=headers)
            assert answer.json() == {"source": source, "cap": cap, "body": {}}


async def test_of_two_processes_that_get_the_same_nonce_one_takes_it(
    database: Database, other_database: Database
) -> None:
    both = (Nonces(database), Nonces(other_database)) * 2
    for number in range(3):
        nonce = f"nonce-{number}"
        took = await asyncio.gather(*(n.take("s", "k", nonce, keep_seconds=600) for n in both))
        assert sorted(took) == [False, False, False, True]
    assert await both[0].take("s", "another", "nonce-0", keep_seconds=600), "a nonce is its key's"
    assert await both[0].take("s", "k", "long-ago-1", keep_seconds=-1)
    assert await both[1].take("s", "k", "long-ago-1", keep_seconds=600), "what is over is cleared"


async def test_a_body_that_drips_in_does_not_outlast_its_nonce(
    named: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replayed in time, but ended when the nonce is forgotten: it is too late by then."""
    headers, now = signed(BODY), time.time()
    monkeypatch.setattr("app.access.authentication.time.time", lambda: now)

    async def dripping() -> AsyncIterator[bytes]:
        nonlocal now
        yield BODY[:1]
        now += 700
        yield BODY[1:]

    async with named.client() as sender:
        assert (await sender.post(HOOK, content=BODY, headers=headers)).status_code == 200
        async with named.database.transaction() as session:
            await session.execute(delete(WebhookNonce))  # what 700 seconds do
        late = await sender.post(HOOK, content=dripping(), headers=headers)
        assert code(late) == (401, "unauthorized")
        assert "server's clock" in late.json()["error"]["message"]
