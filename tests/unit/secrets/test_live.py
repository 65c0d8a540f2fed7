"""Settings that name a secret give it to whoever reads them, and later the newer one."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from app.secrets.configured import secrets_of
from app.secrets.live import fetch, with_live_secrets
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


def test_what_opens_vault_is_left_to_vaults_source() -> None:
    settings, live = with_live_secrets(
        Settings(_env_file=None, vault_token=SecretStr("env:SOME_TOKEN"))
    )
    assert live == {}
    assert settings.vault_token == SecretStr("env:SOME_TOKEN")
