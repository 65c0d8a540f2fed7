"""`sre-agent keys`: made and shown once, listed without it, taken back."""

from __future__ import annotations

import asyncio
import re

import pytest

from app.audit.keys import Keys
from app.cli import main
from app.domain.access import ApiKeyInfo
from app.models.database import Database
from tests.conftest import settings_of


def found(url: str, token: str) -> ApiKeyInfo | None:
    async def look() -> ApiKeyInfo | None:
        database = Database(settings_of(url))
        try:
            return await Keys(database).find(token)
        finally:
            await database.close()

    return asyncio.run(look())


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database_url)
    return database_url


def test_made_shown_once_listed_and_revoked(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    create = ["keys", "create", "--role", "approver", "--name", "ann", "--expires", "90d"]
    assert main(create) == 0
    shown = capsys.readouterr().out
    (token,) = re.findall(r"sre_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", shown)
    key = found(url, token)
    assert key is not None
    assert (key.role, key.name) == ("approver", "ann")
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days == 90
    assert main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert key.key_id in listed
    assert token not in listed
    assert main(["keys", "revoke", str(key.id)]) == 0
    assert found(url, token) is None
    assert main(["keys", "revoke", str(key.id)]) == 2
    assert "was revoked at" in capsys.readouterr().err


def test_a_key_says_who_its_holder_is_at_the_provider(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ["keys", "create", "--role", "approver", "--name", "ann", "--subject", "0042"]
    assert main(create) == 2
    assert "OIDC_ISSUER, and that is not set" in " ".join(capsys.readouterr().err.split())
    for name, value in {
        "OIDC_ISSUER": "https://id.example",
        "OIDC_CLIENT_ID": "sre-agent",
        "OIDC_CLIENT_SECRET": "a-secret-of-the-tests",
        "OIDC_ROLES": '{"ops": "approver"}',
        "PUBLIC_URL": "https://sre.example",
    }.items():
        monkeypatch.setenv(name, value)
    assert main(create) == 0
    (token,) = re.findall(r"sre_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", capsys.readouterr().out)
    key = found(url, token)
    assert key is not None
    assert (key.name, key.subject) == ("ann", "https://id.example#0042")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--role", "approver"], "A key of the role approver needs --name"),
        (["--role", "admin", "--name", " "], "A key of the role admin needs --name"),
        (["--role", "viewer", "--expires", "soon"], "'soon' is no span of time"),
        (["--role", "root"], "Invalid value for '--role'"),
    ],
)
def test_what_is_wrong_is_said_and_no_key_is_made(
    url: str, capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    assert main(["keys", "create", *given]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert main(["keys", "list"]) == 0
    assert "sre_" not in capsys.readouterr().out
