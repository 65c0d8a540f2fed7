"""Cron's tables as cron reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import accounts, cron
from app.execution.gate.places import Places
from app.host.facts import CronFacts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    system = tmp_path / "cron.d"
    system.mkdir()
    users = tmp_path / "crontabs"
    users.mkdir()
    monkeypatch.setattr(cron, "SYSTEM_TABLE", str(tmp_path / "crontab"))
    monkeypatch.setattr(cron, "SYSTEM_FOLDER", str(system))
    monkeypatch.setattr(cron, "USERS_FOLDERS", (str(users),))
    return system


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[int, tuple[str, ...]]]:
    assert cron.cron_tables({}, Places()) == 0
    found: Any = json.loads(capsys.readouterr().out)
    tables = CronFacts.model_validate(found).tables
    return {Path(t.path).name: (t.jobs, t.problems) for t in tables}


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


GOOD = "SHELL=/bin/sh\n# every night\n5 2 * * 1-5 root /opt/a \\%d\n@daily root /opt/b\n"


def test_a_table_that_cron_runs_has_no_complaint(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "nightly", GOOD)
    write(folder.parent / "crontabs" / "ann", "*/5 * * * * /opt/c\n", 0o600)
    _, mine = told(capsys)["nightly"]
    assert [p for p in mine if "belongs to" not in p] == []
    assert told(capsys)["nightly"][0] == 2
    assert told(capsys)["ann"] == (1, ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("* * * * * /opt/a\n", "user column"),
        ("* * * * * root /opt/a", "newline"),
        ("* * * * * root /opt/a $(date +%F)\n", "percent"),
        ("* * ? * * root /opt/a\n", "time field"),
        ("* * * * * root\n", "no command"),
    ],
)
def test_what_keeps_cron_from_running_it_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    write(folder / "nightly", text)
    _, problems = told(capsys)["nightly"]
    assert any(says in problem for problem in problems), problems


def test_a_table_that_cron_does_not_even_read_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "nightly.bak", GOOD)
    write(folder / "open", GOOD, 0o666)
    assert any("passes over" in p for p in told(capsys)["nightly.bak"][1])
    assert any("may write it" in p for p in told(capsys)["open"][1])


def test_a_table_of_comments_has_no_job(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "off", "#* * * * * root /opt/a\n")
    assert told(capsys)["off"][0] == 0


@pytest.mark.parametrize(("day", "expired"), [("1", True), ("99999", False), ("", False)])
def test_jobs_of_an_account_that_has_expired_are_told(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    day: str,
    expired: bool,
) -> None:
    shadow = folder.parent / "shadow"
    write(shadow, f"root:x:1:0:9:7:::\nann:$6$secret:1:0:9:7::{day}:\n", 0o600)
    monkeypatch.setattr(accounts, "_SHADOW", str(shadow))
    write(folder.parent / "crontabs" / "ann", "*/5 * * * * /opt/c\n", 0o600)
    _, problems = told(capsys)["ann"]
    assert any("ann has expired" in problem for problem in problems) is expired
    assert "secret" not in str(problems)
