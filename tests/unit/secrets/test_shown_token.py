"""What the commands show to the server: a key, or what its reference leads to."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from app.commands import asking
from app.commands.address import connect
from app.commands.server import Server, ServerError
from app.errors import SecretMissing

KEY = "sre_a-key-of-ann"


@pytest.fixture(params=["{key}", "literal:{key}", "env:KEY_OF_ANN", "file:{held}"])
def setting(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """SRE_AGENT_TOKEN in each form, without a `.env`."""
    held = tmp_path / "key"
    held.touch(mode=0o600)
    held.write_text(f"{KEY}\n")
    value = str(request.param).format(key=KEY, held=held)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY_OF_ANN", KEY)
    monkeypatch.setenv("SRE_AGENT_TOKEN", value)
    return value


@pytest.fixture
def came(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What servers were shown; each answers that it is no agent."""
    seen: list[str] = []

    def answer(_client: httpx.Client, method: str, path: str, **_: object) -> httpx.Response:
        seen.append(_client.headers["authorization"])
        return httpx.Response(404, json={}, request=httpx.Request(method, f"http://here{path}"))

    monkeypatch.setattr(httpx.Client, "request", answer)
    return seen


def test_commands_show_the_key_itself(setting: str, came: list[str]) -> None:
    with connect("http://here") as server, pytest.raises(ServerError):
        server.get("/api/v1/alerts")
    assert came == [f"Bearer {KEY}"], setting


def test_so_does_who_answers_a_question(setting: str, came: list[str]) -> None:
    ended = CliRunner().invoke(asking.app, ["approve", "1", "--url", "http://here"])
    assert isinstance(ended.exception, ServerError), setting
    assert came == [f"Bearer {KEY}"]


def test_a_reference_to_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SRE_AGENT_TOKEN", "env:NOBODY_SET_THIS")
    with pytest.raises(SecretMissing, match="NOBODY_SET_THIS"):
        connect("http://here")


def test_without_a_key_nothing_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SRE_AGENT_TOKEN", raising=False)
    with connect("http://here") as server:
        assert isinstance(server, Server)
        assert "authorization" not in server._client.headers


def test_who_answers_shows_the_key_of_the_settings_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, came: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SRE_AGENT_TOKEN", raising=False)
    (tmp_path / ".env").write_text(f"SRE_AGENT_TOKEN={KEY}\n", encoding="utf-8")
    ended = CliRunner().invoke(asking.app, ["reject", "1", "--url", "http://here"])
    assert isinstance(ended.exception, ServerError)
    assert came == [f"Bearer {KEY}"]
