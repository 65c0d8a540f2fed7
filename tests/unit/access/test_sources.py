"""The file of sources: what it may say, and how weak senders are held down."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.access.sources import SourceKind, Sources
from app.errors import SecretUnavailable, SourcesFileError
from app.secrets.configured import secrets_of
from app.secrets.live import fetch
from app.settings import AutonomyLevel, Settings

STRONG = "s" * 40


def secret(folder: Path, name: str, text: str = STRONG, mode: int = 0o600) -> str:
    path = folder / name
    path.write_text(text + "\n")
    path.chmod(mode)
    return f"{{file: {path}}}"


def load(folder: Path, text: str) -> Sources:
    path = folder / "sources.yaml"
    path.write_text(text)
    return Sources.load(path)


def test_without_a_file_there_is_none() -> None:
    assert Sources.load(None).sources == {}


def test_weak_ones_read_only_unless_said_or_on_this_machine(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        f"""
sources:
  snow: {{kind: hmac, keys: {{k1: {secret(tmp_path, "a")}, k2: {secret(tmp_path, "b")}}}}}
  mail: {{kind: basic, keys: {{u: {secret(tmp_path, "c")}}}}}
  grafana: {{kind: shared-header, keys: {{x: {secret(tmp_path, "d")}}}, autonomy_level: L3}}
""",
    )
    caps = {
        name: (found.caller(name, local=False).autonomy_cap, source.cap(local=True))
        for name, source in found.sources.items()
    }
    assert caps == {
        "snow": (None, None),
        "mail": (AutonomyLevel.L1, None),
        "grafana": (AutonomyLevel.L3, AutonomyLevel.L3),
    }
    assert [name for name, source in found.sources.items() if source.weak] == ["mail", "grafana"]


def test_a_secret_that_is_replaced_counts_at_once(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        f"sources: {{m: {{kind: shared-header, keys: {{x: {secret(tmp_path, 'a')}}}}}}}",
    )
    assert found.owner_of_token(STRONG) == "m"
    secret(tmp_path, "a", "t" * 40)
    assert found.owner_of_token(STRONG) is None
    assert found.owner_of_token("t" * 40) == "m"


REFERRED = """
sources:
  snow: {kind: hmac, keys: {k1: {secret_ref: "file:@/signing"}, k2: {secret_ref: "env:SRE_K2"}}}
  mon: {kind: shared-header, keys: {x: {secret_ref: "file:@/header"}}}
  mail: {kind: shared-header, keys: {x: {secret_ref: "file:@/mail"}}}
"""


async def test_a_secret_may_lie_wherever_settings_may_have_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = secrets_of(Settings(_env_file=None, secrets_cache_seconds=0))
    found = load(tmp_path, REFERRED.replace("@", str(tmp_path)))
    assert set(found.references()) == {
        "sources.snow.keys.k1", "sources.snow.keys.k2", "sources.mon.keys.x", "sources.mail.keys.x",
    }  # fmt: skip
    with pytest.raises(SecretUnavailable) as unknown:
        found.secret_of(SourceKind.HMAC, "k2")
    assert "SRE_K2" not in str(unknown.value), "who reads it is a stranger yet"
    with pytest.raises(SecretUnavailable):
        found.owner_of_token("h" * 40)

    monkeypatch.setenv("SRE_K2", "k" * 40)
    secret(tmp_path, "signing")
    secret(tmp_path, "header", "h" * 40)
    await fetch(found.live, secrets)
    assert found.secret_of(SourceKind.HMAC, "k2") == ("snow", "k" * 40)
    assert found.secret_of(SourceKind.HMAC, "k1") == ("snow", STRONG)
    assert found.owner_of_token("h" * 40) == "mon", "another's trouble is its own"
    where = f"{tmp_path}/sources.yaml: sources.mail.keys.x"
    assert list(found.unusable()) == [f"{where} could not be fetched."]
    secret(tmp_path, "header", "i" * 40)
    secret(tmp_path, "signing", "short")
    await fetch(found.live, secrets)
    assert found.owner_of_token("i" * 40) == "mon", "without a restart"
    assert found.secret_of(SourceKind.HMAC, "k2") == ("snow", "k" * 40)
    with pytest.raises(SourcesFileError, match="k1 has fewer than 32 characters"):
        found.secret_of(SourceKind.HMAC, "k1")
    secret(tmp_path, "mail", "i" * 40)
    await fetch(found.live, secrets)
    with pytest.raises(SourcesFileError, match="mon and mail have the same secret"):
        found.owner_of_token("i" * 40)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{kind: hmac, keys: {}}", "sources.s.keys"),
        ("{kind: hmac, keys: {a: {file: /x}, b: {file: /x}, c: {file: /x}}}", "sources.s.keys"),
        ("{kind: rot13, keys: {a: {file: /x}}}", "sources.s.kind"),
        ("{kind: hmac, keys: {a: {file: /no/such/file}}}", "/no/such/file cannot be read"),
        ("{kind: hmac, keys: {a: literal-secret}}", "sources.s.keys.a"),
        ("{kind: hmac, keys: {a: {secret_ref: tiny-secret}}}", "sources.s.keys.a.secret_ref"),
        ("{kind: hmac, keys: {a: {secret_ref: tiny-secret}}}", "Expected env:NAME, file:/path"),
        ("{kind: hmac, keys: {a: {secret_ref: 'vault:kv/x'}}}", "it needs `#field`"),
        ("{kind: hmac, keys: {a: {}}}", "expected {file: /path} or {secret_ref: REFERENCE}"),
        ("{kind: hmac, keys: {a: {file: /x, secret_ref: 'env:X'}}}", "one of them"),
        ("{kind: hmac, keys: {a: @short}}", "fewer than 32 characters"),
        ("{kind: basic, keys: {a: @open}}", "may be read by others"),
        ("{kind: hmac, keys: {a: @good}, autonomy_level: L9}", "autonomy_level"),
        ("[", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named_and_never_the_secret(
    tmp_path: Path, source: str, said: str
) -> None:
    for name, text, mode in (
        ("short", "tiny-secret", 0o600), ("open", STRONG, 0o644), ("good", STRONG, 0o600),
    ):  # fmt: skip
        source = source.replace(f"@{name}", secret(tmp_path, name, text, mode))
    with pytest.raises(SourcesFileError) as raised:
        load(tmp_path, f"sources: {{s: {source}}}")
    assert said in str(raised.value)
    assert "tiny-secret" not in str(raised.value)
    assert "literal-secret" not in str(raised.value)


def test_two_senders_are_told_apart_by_something(tmp_path: Path) -> None:
    one, two = secret(tmp_path, "a"), secret(tmp_path, "b")
    with pytest.raises(SourcesFileError, match="is a key of the source a too"):
        load(
            tmp_path,
            f"""
sources:
  a: {{kind: shared-header, keys: {{x: {one}}}}}
  b: {{kind: shared-header, keys: {{y: {two}}}}}
""",
        )
