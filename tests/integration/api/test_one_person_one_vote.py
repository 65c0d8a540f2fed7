"""Four eyes are two people: whoever has several ways in, or several names, still counts once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.api.v1.ticket_examples import FLAT
from app.audit.approvals import Approval
from app.domain.access import subject_of
from app.domain.approval import ApprovalState
from app.domain.permission import Role
from app.engine.parts import Records
from tests.integration.access.provider import Provider, Twist, oidc_settings, running_provider
from tests.integration.api.conftest import Api, Start
from tests.integration.api.scene import PLAN_HASH, waiting_execution

POLICY_TOKEN = "token-of-ann-in-the-policy-file"
ANN, BOB = "0042", "0043"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def policy_file(folder: Path) -> Path:
    path = folder / "policy.yaml"
    path.write_text(
        f"approvers: {{annie: {POLICY_TOKEN}}}\napprover_subjects: {{annie: '{ANN}'}}\n"
    )
    return path


@asynccontextmanager
async def logged_in(
    api: Api, provider: Provider, **claims: str
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A browser of whoever the claims say, logged in there; and what its forms carry."""
    provider.twist = Twist(dict(claims))
    transport = httpx.ASGITransport(api.app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="https://sre.example") as browser,
        httpx.AsyncClient(trust_env=False) as outside,
    ):
        there = await browser.get("/login/oidc")
        led = await outside.get(there.headers["location"])
        done = await browser.get(led.headers["location"])
        assert done.status_code == 200, done.text
        page = (await browser.get("/ui/stop")).text
        yield browser, page.split('name="csrf" value="')[1].split('"')[0]


SAID = {"decision": "approve", "plan_hash": PLAN_HASH, "reason": "seen"}


async def vote(client: httpx.AsyncClient, asked: Approval, **shown: str) -> httpx.Response:
    return await client.post(f"/api/v1/approvals/{asked.id}/decision", json=SAID, headers=shown)


async def test_no_name_and_no_other_way_in_gives_a_second_vote(
    start: Start, database_url: str, provider: Provider, tmp_path: Path
) -> None:
    more = oidc_settings(provider.issuer) | {"policy_file": policy_file(tmp_path)}
    async with start(database_url, **more) as api:
        asked = await waiting_execution(api.database, needed=2)
        subject = subject_of(provider.issuer, ANN)
        async with logged_in(api, provider, sub=ANN, preferred_username="ann") as (ann, csrf):
            first = await vote(ann, asked, **{"X-CSRF-Token": csrf})
            assert first.status_code == 200, first.text
            votes = [(said["person"], said["subject"]) for said in first.json()["votes"]]
            assert (first.json()["state"], votes) == ("pending", [("ann", subject)])

        async with logged_in(api, provider, sub=ANN, preferred_username="other") as (other, csrf):
            renamed = await vote(other, asked, **{"X-CSRF-Token": csrf})
            assert renamed.status_code == 409
            assert "other has voted on approval 1 already, as ann" in renamed.text
            by_form = await other.post(
                f"/ui/approvals/{asked.id}/decision", data=SAID | {"csrf": csrf}
            )
            assert by_form.status_code == 409

        keys = api.app.state.service.parts.access.keys
        made = await keys.create(Role.APPROVER, "ann-by-key", subject=subject)
        for token in (made.token, POLICY_TOKEN):
            answer = await vote(api.client, asked, Authorization=f"Bearer {token}")
            assert answer.status_code == 409, answer.text

        async with logged_in(api, provider, sub=BOB, preferred_username="bob") as (bob, csrf):
            assert (await vote(bob, asked, **{"X-CSRF-Token": csrf})).status_code == 200
        decided = await Records.of(api.database).approvals.get(asked.id)
        assert decided.state in (ApprovalState.APPROVED, ApprovalState.USED)
        assert [ballot.person for ballot in decided.votes] == ["ann", "bob"]


async def test_the_log_names_keys_that_do_not_say_who_they_are(
    start: Start, database_url: str, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    async with start(database_url, **oidc_settings(provider.issuer)) as api:
        keys = api.app.state.service.parts.access.keys
        await keys.create(Role.APPROVER, "ann")
        await keys.create(Role.APPROVER, "bob", subject=subject_of(provider.issuer, BOB))
        assert (await api.trigger(FLAT)).status_code == 401
    capsys.readouterr()
    async with start(database_url, **oidc_settings(provider.issuer)):
        said = capsys.readouterr().err
    assert "key 1 of ann" in said
    assert "bob" not in said
