"""What the gate tells of accounts: how long a password may stay, and nothing of the password."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from app.execution.gate import accounts
from app.execution.gate.places import Places
from app.host.facts import AccountsFacts

TODAY = int(time.time() // 86400)


@pytest.mark.parametrize(
    ("changed", "most", "days", "due"),
    [
        (str(TODAY - 400), "90", 90, "yes"),
        (str(TODAY - 10), "90", 90, "no"),
        (str(TODAY - 400), "99999", -1, "no"),
        (str(TODAY - 400), "", -1, "no"),
        ("0", "99999", -1, "yes"),  # chage -d 0: at the next login
        ("", "90", 90, "no"),  # never set: nothing ages
    ],
)
def test_a_password_is_due_by_its_age(
    changed: str,
    most: str,
    days: int,
    due: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shadow = tmp_path / "shadow"
    shadow.write_text(f"root:$6$secret:{changed}:0:{most}:7:::\n", encoding="utf-8")
    monkeypatch.setattr(accounts, "_SHADOW", str(shadow))
    accounts.accounts_list({}, Places())
    said = capsys.readouterr().out
    assert "secret" not in said
    found = AccountsFacts.model_validate(json.loads(said)).accounts
    root = next(one for one in found if one.name == "root")
    assert (root.renew_days, root.must_renew) == (days, due)
