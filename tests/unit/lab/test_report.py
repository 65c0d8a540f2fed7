"""What a person reads in the terminal, while a run goes on and after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab.__main__ import main
from app.lab.progress import Progress
from tests.unit.lab.rows import failed, row, written


def test_progress_counts_and_tells_why(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(3)
    progress.ended(row("a"))
    progress.ended(failed("b", reason="users are [red]not[/red]\x1b[2J served"))
    told = capsys.readouterr().err
    assert "1/3: 1 passed in 0:00 | a passed in 0 s" in told
    assert "2/3: 1 passed, 1 failed in 0:00 | b failed in 0 s" in told
    assert "users are [red]not[/red]\N{REPLACEMENT CHARACTER}[2J served" in told.replace("\n", " ")


def test_one_file_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (failed("a-bad", false_resolved=True), row("b-good"))
    assert main(["report", str(written(tmp_path / "rows.jsonl", *rows))]) == 0
    told = capsys.readouterr().out
    assert told.index("b-good") < told.index("a-bad")  # failures last
    assert "falsely resolved" in told
    assert "1 of 2" in told
    assert "a-bad: users are not served at the end" in told


def test_several_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = written(tmp_path / "first.jsonl", row("same"), row("lost"), failed("won"))
    later = written(tmp_path / "later.jsonl", row("same"), failed("lost"), row("won"))
    assert main(["report", str(first), str(later)]) == 0
    told = capsys.readouterr().out
    assert "1 passed in first and failed in later; 1 the reverse" in told
    assert "same" not in told.split("not the same in all")[1]


def test_bad_lines_are_named_and_timelines_are_no_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = written(tmp_path / "rows.jsonl", row("a"))
    place.write_text(place.read_text() + "{}\n")
    beside = tmp_path / "rows.timelines.jsonl"
    beside.write_text("{}\n")
    html = tmp_path / "out/page.html"
    assert main(["report", str(place), str(beside), "--html", str(html)]) == 1
    assert f"{place}:2: not a row" in capsys.readouterr().err
    assert "rows.jsonl:2: not a row" in html.read_text()


def test_files_of_the_same_name_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # names are cut where they are long, as a folder's here may be
    (tmp_path / "old").mkdir()
    written(tmp_path / "old/rows.jsonl", row("a"))
    written(tmp_path / "rows.jsonl", row("a"))
    assert main(["report", "rows.jsonl", "old/rows.jsonl"]) == 0
    assert "old/rows.jsonl" in capsys.readouterr().out.replace("\n", "")


def test_no_rows_at_all_could_not_be_done(tmp_path: Path) -> None:
    assert main(["report", str(tmp_path / "absent.jsonl")]) == 2
