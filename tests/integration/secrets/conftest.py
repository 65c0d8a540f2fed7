"""A fake Vault on a real socket, and `Secrets` that ask it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.secrets.configured import secrets_of
from app.secrets.fake_vault import FakeVault, serving
from app.secrets.secrets import Secrets
from app.settings import Settings


@dataclass
class Bench:
    """One fake Vault and how to reach it."""

    vault: FakeVault
    address: str

    def settings(self, **more: Any) -> Settings:
        return Settings(_env_file=None, **({"vault_addr": self.address} | more))

    def secrets(self, **more: Any) -> Secrets:
        return secrets_of(self.settings(**more))


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bench(clock: Clock) -> Iterator[Bench]:
    vault = FakeVault(clock=clock)
    vault.put("kv/shop/db", {"password": "first-shop-password", "port": 5432})
    with serving(vault) as address:
        yield Bench(vault, address)


@pytest.fixture(autouse=True)
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hvac and boto3 read files at home and variables: nobody's own are in reach here."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VAULT_TOKEN", "VAULT_ADDR", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
