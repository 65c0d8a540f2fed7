"""Logs are searched for words, never for patterns that run for long; folders tell no contents."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.execution.catalog import Catalog
from app.execution.gate import folders, load, logs, window
from app.execution.gate.parameters import Unfit, check
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.folder_facts import FolderListFacts
from app.host.load_facts import HostLoadFacts

PLACES = Places()
WORDS = Catalog.load().types["words"]
LOG = "started\nERROR no route\nwarned: timed out\nGET /error.html\ntimed-out again\nended\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(LOG)
    return path


def found(capsys: pytest.CaptureFixture[str], path: Path, words: str, lines: int = 10) -> list[str]:
    assert logs.log_find({"path": str(path), "words": words, "lines": lines}, PLACES) == 0
    return capsys.readouterr().out.splitlines()


def test_lines_that_hold_a_word_in_capitals_or_not(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(capsys, log, "error") == ["ERROR no route", "GET /error.html"]
    assert found(capsys, log, "error|timed?out")[-2:] == ["GET /error.html", "timed-out again"]
    assert found(capsys, log, "error|timed?out", lines=1) == ["timed-out again"]
    assert found(capsys, log, "er.or") == [], "a dot is a dot"
    assert found(capsys, log, "absent") == []


def test_the_beginning_of_a_log(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.log_head({"path": str(log), "lines": 2}, PLACES) == 0
    assert capsys.readouterr().out == "started\nERROR no route\n"


@pytest.mark.parametrize("builtin", [logs.log_head, logs.log_find])
def test_no_link_leads_to_another_file(log: Path, builtin: object) -> None:
    link = log.with_name("link.log")
    link.symlink_to(log)
    with pytest.raises(Failed, match="symbolic link"):
        builtin({"path": str(link), "lines": 5, "words": "x"}, PLACES)  # type: ignore[operator]


@given(st.from_regex(WORDS["pattern"], fullmatch=True))
def test_whatever_words_fit_are_searched_at_once(words: str) -> None:
    try:
        check("words", words, WORDS)
    except Unfit:
        return  # it would be an option
    began = time.process_time()
    logs._pattern(words).search("a" * 4096)
    assert time.process_time() - began < 0.5


def test_a_folder_tells_names_and_owners_the_newest_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.log").write_text("secret inside")
    os.utime(tmp_path / "old.log", (1, 1))
    (tmp_path / "sub").mkdir(mode=0o750)
    (tmp_path / "link").symlink_to("/nowhere")
    assert folders.folder_list({"path": str(tmp_path)}, PLACES) == 0
    told = capsys.readouterr().out
    assert "secret" not in told
    facts = FolderListFacts.model_validate_json(told)
    assert (facts.count, facts.entries[-1].name) == (3, "old.log")
    assert {(e.name, e.kind) for e in facts.entries[:2]} == {
        ("sub", "directory"), ("link", "symlink"),
    }  # fmt: skip


def test_a_folder_behind_a_link_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Failed, match="is a link"):
        folders.folder_list({"path": str(tmp_path / "link")}, PLACES)


def test_the_load_is_the_kernels(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "SECONDS", 0.05)
    assert load.host_load({}, PLACES) == 0
    facts = HostLoadFacts.model_validate(json.loads(capsys.readouterr().out))
    assert facts.processors == os.cpu_count()
    assert facts.memory_bytes
    assert 0 < (facts.memory_available_bytes or 0) <= facts.memory_bytes
    assert all(0 <= disk.busy_percent <= 100 for disk in facts.disks)


def test_what_a_disk_did_is_counted_over_the_time_that_was_measured() -> None:
    then, now = [0] * 14, [0] * 14
    now[5], now[9], now[12] = 200, 400, 500  # sectors read and written, milliseconds busy
    assert load._used("sda", then, now, 2.0) == {
        "name": "sda",
        "busy_percent": 25.0,
        "read_bytes_a_second": 51200,
        "written_bytes_a_second": 102400,
    }
