"""The log files of a unit: by its name, fresh, without lists of requests, errors last."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.execution.gate import unit_logs
from app.execution.gate.places import Places


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(unit_logs, "LOGS", str(tmp_path))
    return tmp_path


def write(path: Path, text: str, *, hours_ago: float = 0) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    moment = time.time() - hours_ago * 3600
    os.utime(path, (moment, moment))


def told(capsys: pytest.CaptureFixture[str], unit: str, lines: int = 3) -> list[str]:
    assert unit_logs.unit_logs({"unit": unit, "lines": lines}, Places()) == 0
    return capsys.readouterr().out.splitlines()


def test_fresh_files_of_that_name_and_errors_last(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(logs / "web3" / "error.log", "".join(f"bad {n}\n" for n in range(9)))
    write(logs / "web3" / "other_vhosts.log", "fine\n")
    write(logs / "web3" / "access.log", "GET /\n")
    write(logs / "web3" / "error.log.1", "older\n")
    write(logs / "web3" / "long-ago.log", "past\n", hours_ago=5)
    write(logs / "webmail.log", "another program\n")
    assert told(capsys, "web3.service") == ["fine", "bad 6", "bad 7", "bad 8"]


def test_an_instance_has_its_own(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(logs / "postgresql" / "postgresql-15-main.log", "mine\n")
    write(logs / "postgresql" / "postgresql-15-other.log", "not mine\n")
    assert told(capsys, "postgresql@15-main.service") == ["mine"]


def test_a_link_is_not_followed(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(logs / "secret", "secret\n")
    (logs / "web3").mkdir()
    (logs / "web3" / "error.log").symlink_to(logs / "secret")
    assert told(capsys, "web3.service") == []
