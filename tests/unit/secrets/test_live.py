"""Settings that name a secret give it to whoever reads them, and later the newer one."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from app.secrets.configured import secrets_of
from app.secrets.live import fetch, newer, with_live_secrets
from app.settings import Settings


async def test_a_reader_of_settings_gets_the_secret_and_later_the_newer_one(tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.write_text("before-the-rotation")
    held.chmod(0o600)
    plain = Settings(
        _env_file=None, openai_api_key=SecretStr(f"file:{held}"), secrets_cache_seconds=0
    )
    secrets = secrets_of(plain)
    settings, live = with_live_secrets(plain)
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == ""
    await fetch(live, secrets)
    assert settings.openai_api_key.get_secret_value() == "before-the-rotation"
    held.write_text("after-the-rotation")
    await fetch(live, secrets)
    assert settings.openai_api_key.get_secret_value() == "after-the-rotation"
    held.unlink()
    await fetch(live, secrets)
    assert settings.openai_api_key.get_secret_value() == "after-the-rotation"
    assert "rotation" not in repr(settings)


async def test_a_literal_is_what_it_means(tmp_path: Path) -> None:
    settings, live = with_live_secrets(
        Settings(_env_file=None, openai_api_key=SecretStr("literal:env:no-variable"))
    )
    assert live == ()
    assert settings.openai_api_key == SecretStr("env:no-variable")
    assert await newer(settings.openai_api_key, secrets_of(settings), refused="x") is None


async def test_what_was_refused_is_asked_for_at_once(tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.touch(mode=0o600)
    held.write_text("before-the-rotation")
    plain = Settings(_env_file=None, openai_api_key=SecretStr(f"file:{held}"))
    secrets = secrets_of(plain)
    settings, live = with_live_secrets(plain)
    await fetch(live, secrets)
    assert settings.openai_api_key is not None
    before = settings.openai_api_key.get_secret_value()
    assert await newer(settings.openai_api_key, secrets, refused=before) is None
    held.write_text("after-the-rotation")
    assert await newer(settings.openai_api_key, secrets, refused=before) == "after-the-rotation"
    assert settings.openai_api_key.get_secret_value() == "after-the-rotation"


def test_what_opens_vault_is_left_to_vaults_source() -> None:
    settings, live = with_live_secrets(
        Settings(_env_file=None, vault_token=SecretStr("env:SOME_TOKEN"))
    )
    assert live == ()
    assert settings.vault_token == SecretStr("env:SOME_TOKEN")
