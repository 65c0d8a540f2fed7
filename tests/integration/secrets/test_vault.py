"""Vault by its real client hvac, against the fake that ships; the fake is held to hvac here."""

from __future__ import annotations

import ssl
import sys
import threading
from pathlib import Path

import pytest
import trustme

from app.errors import ConfigurationError, SecretDenied, SecretMissing, SecretUnavailable
from app.secrets.fake_vault import FakeVault, serving
from app.secrets.reference import Reference
from app.secrets.vault import VaultLogin, VaultSource
from tests.integration.secrets.conftest import Bench, Clock

PASSWORD = Reference.parse("vault:kv/shop/db#password")


def source(bench: Bench, clock: Clock, **more: object) -> VaultSource:
    return VaultSource(VaultLogin(bench.address, seconds=5, **more), now=clock)  # type: ignore[arg-type]


def by_role(bench: Bench, clock: Clock, ttl: float = 3600) -> VaultSource:
    role_id, secret_id = bench.vault.role("kv/data/shop", ttl=ttl)
    return source(bench, clock, role_id=role_id, secret_id=lambda: secret_id)


def test_by_approle(bench: Bench, clock: Clock) -> None:
    vault = by_role(bench, clock)
    assert vault.read(PASSWORD) == "first-shop-password"
    assert vault.read(PASSWORD) == "first-shop-password"
    assert bench.vault.asked == [
        "POST /v1/auth/approle/login",
        "GET /v1/kv/data/shop/db",
        "GET /v1/kv/data/shop/db",
    ]


def test_by_token(bench: Bench, clock: Clock) -> None:
    token = bench.vault.token("kv/data/shop")
    assert source(bench, clock, token=lambda: token).read(PASSWORD) == "first-shop-password"


def test_a_token_is_renewed_once_most_of_its_life_is_over(bench: Bench, clock: Clock) -> None:
    token = bench.vault.token("kv/data/shop", ttl=90, renewable=True)
    vault = source(bench, clock, token=lambda: token)
    vault.read(PASSWORD)
    clock.seconds += 50
    vault.read(PASSWORD)
    assert bench.vault.tokens[token].renewals == 0
    clock.seconds += 20
    vault.read(PASSWORD)
    assert bench.vault.tokens[token].renewals == 1
    clock.seconds += 80
    assert vault.read(PASSWORD) == "first-shop-password"


def test_a_token_that_ended_is_followed_by_another_login(bench: Bench, clock: Clock) -> None:
    vault = by_role(bench, clock, ttl=60)
    vault.read(PASSWORD)
    clock.seconds += 3600
    assert vault.read(PASSWORD) == "first-shop-password"
    assert bench.vault.asked.count("POST /v1/auth/approle/login") == 2


def test_a_token_that_was_revoked_is_followed_by_another_login(bench: Bench, clock: Clock) -> None:
    vault = by_role(bench, clock)
    vault.read(PASSWORD)
    bench.vault.tokens.clear()
    assert vault.read(PASSWORD) == "first-shop-password"


def test_a_new_secret_id_is_used_at_the_next_login(
    bench: Bench, clock: Clock, tmp_path: Path
) -> None:
    role_id, secret_id = bench.vault.role("kv/data/shop")
    held = tmp_path / "secret-id"
    held.write_text("an-older-secret-id")
    vault = source(bench, clock, role_id=role_id, secret_id=held.read_text)
    with pytest.raises(SecretDenied, match="does not accept VAULT_ROLE_ID"):
        vault.read(PASSWORD)
    held.write_text(secret_id)
    assert vault.read(PASSWORD) == "first-shop-password"


def test_permission_denied_says_which_policy(bench: Bench, clock: Clock) -> None:
    vault = by_role(bench, clock)
    bench.vault.put("kv/other", {"password": "not-for-us-at-all"})
    with pytest.raises(SecretDenied, match="read` on kv/data/other"):
        vault.read(Reference.parse("vault:kv/other#password"))


def test_a_wrong_token(bench: Bench, clock: Clock) -> None:
    with pytest.raises(SecretDenied) as raised:
        source(bench, clock, token=lambda: "hvs.wrong-token-of-somebody").read(PASSWORD)
    assert "wrong-token" not in str(raised.value)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("vault:kv/shop/none#password", "no such secret"),
        ("vault:kv/shop/db#user", "no field 'user'"),
        ("vault:kv/shop/db#port", "holds no text"),
        ("vault:kv/shop/gone#password", "deleted"),
    ],
)
def test_what_is_not_there(bench: Bench, clock: Clock, reference: str, reason: str) -> None:
    bench.vault.put("kv/shop/gone", {"password": "was-here-once"})
    bench.vault.put("kv/shop/gone", None)
    with pytest.raises(SecretMissing, match=reason):
        by_role(bench, clock).read(Reference.parse(reference))


def test_sealed_and_back(bench: Bench, clock: Clock) -> None:
    vault = by_role(bench, clock)
    bench.vault.faults.sealed = True
    with pytest.raises(SecretUnavailable, match="sealed"):
        vault.read(PASSWORD)
    bench.vault.faults.sealed = False
    assert vault.read(PASSWORD) == "first-shop-password"


def test_a_rate_limit(bench: Bench, clock: Clock) -> None:
    vault = by_role(bench, clock)
    vault.read(PASSWORD)
    bench.vault.faults.limited = True
    with pytest.raises(SecretUnavailable, match="rate limit"):
        vault.read(PASSWORD)


def test_a_redirect_is_not_followed_with_the_token(bench: Bench, clock: Clock) -> None:
    elsewhere = FakeVault(clock=clock)
    with serving(elsewhere) as address:
        bench.vault.faults.moved_to = address
        with pytest.raises(SecretUnavailable, match="not of its API"):
            by_role(bench, clock).read(PASSWORD)
    assert elsewhere.asked == []


def test_namespaces(bench: Bench, clock: Clock) -> None:
    bench.vault.namespace = "team-a"
    with pytest.raises(SecretMissing):
        by_role(bench, clock).read(PASSWORD)
    token = bench.vault.token("kv/data/shop")
    vault = source(bench, clock, token=lambda: token, namespace="team-a")
    assert vault.read(PASSWORD) == "first-shop-password"


def test_a_mount_with_slashes(bench: Bench, clock: Clock) -> None:
    bench.vault.secrets["a/b/data/shop/db"] = [{"password": "of-the-deep-mount"}]
    token = bench.vault.token("a/b/data/")
    vault = source(bench, clock, token=lambda: token)
    assert vault.read(Reference.parse("vault:a/b//shop/db#password")) == "of-the-deep-mount"


def test_nobody_listens(clock: Clock) -> None:
    with serving(FakeVault()) as address:
        pass
    login = VaultLogin(address, token=lambda: "hvs.some-token", seconds=2)
    with pytest.raises(SecretUnavailable, match="cannot be reached: ConnectionError"):
        VaultSource(login, now=clock).read(PASSWORD)


def test_a_private_authority(clock: Clock, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    vault = FakeVault(clock=clock)
    vault.put("kv/shop/db", {"password": "over-tls-password"})
    token = vault.token("kv/data/shop")
    with serving(vault, context) as address:
        trusting = VaultLogin(address, token=lambda: token, ca_file=tmp_path / "ca.pem")
        assert VaultSource(trusting, now=clock).read(PASSWORD) == "over-tls-password"
        with pytest.raises(SecretUnavailable, match="VAULT_CACERT"):
            VaultSource(VaultLogin(address, token=lambda: token), now=clock).read(PASSWORD)


async def test_a_silent_vault_does_not_hold_us_up(bench: Bench) -> None:
    bench.vault.faults.silent = threading.Event()
    secrets = bench.secrets(vault_token="hvs.some-token-here", secrets_timeout_seconds=0.2)
    with pytest.raises(SecretUnavailable, match=r"within 0.2 s|cannot be reached"):
        await secrets.get("vault:kv/shop/db#password")
    bench.vault.faults.silent.set()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"vault_addr": "http://vault.example.com:8200"}, "in the clear"),
        ({"vault_addr": "vault:8200"}, "no address"),
        ({"vault_token": None}, "nothing to log in with"),
        ({"vault_token": None, "vault_role_id": "x"}, "go together"),
        ({"vault_token": "vault:kv/a#b"}, "expected env or file"),
        ({"vault_addr": None}, "VAULT_ADDR is not set"),
    ],
)
async def test_what_cannot_work_is_said(
    bench: Bench, settings: dict[str, object], reason: str
) -> None:
    shape = {"vault_token": "hvs.some-token-here"} | settings
    with pytest.raises(ConfigurationError, match=reason):
        await bench.secrets(**shape).get("vault:kv/shop/db#password")


async def test_without_hvac_the_error_says_what_to_install(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'sre-agent\[vault\]'"):
        await bench.secrets(vault_token="hvs.some-token-here").get("vault:kv/shop/db#password")


async def test_approle_from_settings_with_its_secret_in_a_file(
    bench: Bench, tmp_path: Path
) -> None:
    role_id, secret_id = bench.vault.role("kv/data/shop")
    held = tmp_path / "secret-id"
    held.write_text(secret_id + "\n")
    held.chmod(0o600)
    secrets = bench.secrets(vault_role_id=role_id, vault_secret_id=f"file:{held}")
    assert (await secrets.get(str(PASSWORD))).get_secret_value() == "first-shop-password"
