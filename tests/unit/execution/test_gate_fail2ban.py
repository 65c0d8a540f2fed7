"""The gate and fail2ban's client: a small program in its place, answering as documented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import fail2ban
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.facts import BanFacts, BansFacts

CLIENT = """#!/bin/sh
# `banned`, and `set sshd banip|unbanip ADDRESS`; whoever is banned stands in a file
list="$(dirname "$0")/banned"
case "$1 $3" in
  'banned ') printf "[{'sshd': [%s]}, {'recidive': []}]\\n" \
    "$(sed "s/.*/'&'/" "$list" | paste -sd, | sed 's/,/, /g')" ;;
  'set banip') echo "$4" >> "$list"; echo 1 ;;
  'set unbanip') grep -vxF "$4" "$list" > "$list.new"; mv "$list.new" "$list"; echo 1 ;;
  *) echo "ERROR no such jail" >&2; exit 255 ;;
esac
"""
GIVEN: dict[str, str | int] = {"jail": "sshd", "address": "192.0.2.7"}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    client = tmp_path / "fail2ban-client"
    client.write_text(CLIENT)
    client.chmod(0o755)
    (tmp_path / "banned").write_text("192.0.2.7\n2001:db8::7\n")
    monkeypatch.setattr(fail2ban, "CLIENT", str(client))
    return Places(str(tmp_path / "state"), str(tmp_path / "gate.json"))


def said(capfd: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capfd.readouterr().out)


def test_everybody_who_is_shut_out_is_told(
    places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    fail2ban.fail2ban_banned({}, places)
    told = BansFacts.model_validate(said(capfd))
    assert [(b.jail, b.address) for b in told.bans] == [
        ("sshd", "192.0.2.7"), ("sshd", "2001:db8::7"),
    ]  # fmt: skip


def test_one_is_let_in_and_shut_out_again(
    places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    for change, banned in ((fail2ban.fail2ban_unban, "no"), (fail2ban.fail2ban_ban_again, "yes")):
        change(GIVEN, places)
        capfd.readouterr()
        fail2ban.fail2ban_ban(GIVEN, places)
        assert BanFacts.model_validate(said(capfd)).banned == banned


def test_what_it_answers_to_a_jail_that_is_not_there_is_told(
    places: Places, tmp_path: Path
) -> None:
    (tmp_path / "fail2ban-client").write_text("#!/bin/sh\necho 'no such jail' >&2; exit 255\n")
    with pytest.raises(Failed, match="no such jail"):
        fail2ban.fail2ban_unban(GIVEN, places)


@pytest.mark.parametrize("answer", ["not a list", "[1, 2]", "{'sshd': 3}"])
def test_another_answer_than_expected_is_no_answer(
    places: Places, tmp_path: Path, answer: str
) -> None:
    (tmp_path / "fail2ban-client").write_text(f'#!/bin/sh\necho "{answer}"\n')
    with pytest.raises(Failed, match="otherwise than expected"):
        fail2ban.fail2ban_banned({}, places)
