"""Doctor fetches each reference once, and says only whether that worked."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from app.commands.doctor import _secrets
from app.settings import Settings


def test_each_reference_is_checked(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_text("of-a-closed-file")
    good.chmod(0o600)
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(f"hosts: {{a: {{address: 10.0.0.1, ssh_key: 'file:{tmp_path}/none'}}}}")
    settings = Settings(
        _env_file=None,
        openai_api_key=SecretStr(f"file:{good}"),
        inventory_file=inventory,
    )
    found = {finding.about: finding for finding in _secrets(settings)}
    assert set(found) == {"OPENAI_API_KEY", "a.ssh_key"}
    assert found["OPENAI_API_KEY"].ok
    assert "of-a-closed-file" not in str(found)
    assert not found["a.ssh_key"].ok
    assert "no such file" in found["a.ssh_key"].found


def test_without_references_it_says_how() -> None:
    (finding,) = _secrets(Settings(_env_file=None))
    assert finding.ok
    assert "docs/howto/secrets.md" in finding.follows
