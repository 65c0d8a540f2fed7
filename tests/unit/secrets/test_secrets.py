"""`Secrets`: what is kept, for how long, and what happens when the other side refuses it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.errors import SecretDenied, SecretMissing, SecretUnavailable
from app.redaction.redactor import REDACTOR
from app.secrets.configured import named_by, secrets_of
from app.secrets.local import FileSource
from app.secrets.reference import Reference, Scheme
from app.secrets.secrets import Secrets, Source
from app.settings import Settings


class Counting:
    """A source that says what it is told to, and counts."""

    def __init__(self) -> None:
        self.value = "first-value-of-it"
        self.asked = 0
        self.down = False

    def read(self, reference: Reference) -> str:
        self.asked += 1
        if self.down:
            raise SecretUnavailable(f"{reference} is silent.")
        return self.value


class Bench:
    """`Secrets` over one such source, with a clock of its own."""

    def __init__(self) -> None:
        self.source = Counting()
        self.seconds = 0.0
        makers = {Scheme.ENV: self._made}
        self.secrets = Secrets(
            makers, cache_seconds=60, timeout_seconds=5, now=lambda: self.seconds
        )

    def _made(self) -> Source:
        return self.source

    async def get(self) -> str:
        return (await self.secrets.get("env:X")).get_secret_value()


async def test_a_secret_is_kept_for_a_while_and_then_asked_for_anew() -> None:
    bench = Bench()
    assert await bench.get() == "first-value-of-it"
    bench.source.value = "second-value-of-it"
    bench.seconds = 59
    assert await bench.get() == "first-value-of-it"
    bench.seconds = 61
    assert await bench.get() == "second-value-of-it"
    assert bench.source.asked == 2


async def test_many_at_once_ask_once() -> None:
    bench = Bench()
    assert set(await asyncio.gather(*(bench.get() for _ in range(20)))) == {"first-value-of-it"}
    assert bench.source.asked == 1


async def test_a_refused_secret_is_asked_for_at_once() -> None:
    bench = Bench()
    old = await bench.secrets.get("env:X")
    bench.source.value = "second-value-of-it"
    newer = await bench.secrets.refresh("env:X", refused=old)
    assert newer.get_secret_value() == "second-value-of-it"
    again = await bench.secrets.refresh("env:X", refused=old)
    assert again == newer
    assert bench.source.asked == 2, "who comes second takes what the first has brought"


async def test_what_has_ended_is_not_given_out_when_its_source_is_silent() -> None:
    bench = Bench()
    await bench.get()
    bench.seconds, bench.source.down = 61, True
    with pytest.raises(SecretUnavailable, match="env:X is silent"):
        await bench.get()
    bench.source.down = False
    assert await bench.get() == "first-value-of-it"


async def test_a_setting_is_the_secret_or_names_it() -> None:
    bench = Bench()
    assert await bench.secrets.value(SecretStr("plain-secret")) == SecretStr("plain-secret")
    assert await bench.secrets.value("literal:env:X") == SecretStr("env:X")
    assert await bench.secrets.value(SecretStr("env:X")) == SecretStr("first-value-of-it")
    refused = SecretStr("plain-secret")
    assert await bench.secrets.refresh(refused, refused=refused) == refused
    assert bench.source.asked == 1


async def test_whatever_was_given_out_is_redacted_from_then_on() -> None:
    bench = Bench()
    bench.source.value = "given-out-and-known-0815"
    assert "0815" in REDACTOR.text("x given-out-and-known-0815")
    await bench.get()
    assert "0815" not in REDACTOR.text("x given-out-and-known-0815")


async def test_the_environment_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = secrets_of(Settings(_env_file=None, secrets_cache_seconds=0))
    with pytest.raises(SecretMissing, match="SHOP_TOKEN_OF_TEST is not set"):
        await secrets.get("env:SHOP_TOKEN_OF_TEST")
    monkeypatch.setenv("SHOP_TOKEN_OF_TEST", "from-the-environment")
    assert (
        await secrets.get("env:SHOP_TOKEN_OF_TEST")
    ).get_secret_value() == "from-the-environment"


def test_which_settings_name_a_secret() -> None:
    settings = Settings(
        _env_file=None,
        openai_api_key=SecretStr("vault:kv/model#key"),
        vault_token=SecretStr("hvs.plain-token-of-test"),
    )
    assert named_by(settings) == {"OPENAI_API_KEY": "vault:kv/model#key"}
    secrets_of(settings)
    assert "plain-token" not in REDACTOR.text("the vault said hvs.plain-token-of-test")


# --- files ---------------------------------------------------------------------------------------


def held(tmp_path: Path, content: bytes, mode: int = 0o600) -> Reference:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return Reference.parse(f"file:{path}")


def test_a_closed_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    assert FileSource().read(held(tmp_path, b"of-a-file\n")) == "of-a-file"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_an_open_file_is_refused_with_the_command_that_closes_it(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SecretDenied, match="chmod 600") as raised:
        FileSource().read(held(tmp_path, b"of-a-file", mode))
    assert "of-a-file" not in str(raised.value).replace(str(tmp_path), "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_account_is_refused(tmp_path: Path) -> None:
    reference = held(tmp_path, b"of-a-file")
    os.chown(reference.place, 12345, 12345)
    with pytest.raises(SecretDenied, match="belongs to the account 12345"):
        FileSource().read(reference)


def test_what_is_no_ordinary_file_or_no_secret(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretDenied, match="not an ordinary file"):
        FileSource().read(Reference.parse(f"file:{tmp_path}/pipe"))
    with pytest.raises(SecretMissing, match="no such file"):
        FileSource().read(Reference.parse(f"file:{tmp_path}/none"))
    with pytest.raises(SecretMissing, match="is empty"):
        FileSource().read(held(tmp_path, b"\n"))
    with pytest.raises(SecretDenied, match="more than"):
        FileSource().read(held(tmp_path, b"x" * 70_000))
    with pytest.raises(SecretDenied, match="no text"):
        FileSource().read(held(tmp_path, b"\xff\xfe"))
