"""Files of rows may be cut off, edited by hand or from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab import rowfile
from app.lab.errors import LabError
from tests.unit.lab.rows import failed, row, written


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    place = written(tmp_path / "today.jsonl", row("a"), failed("b", healthy_after=None))
    read = rowfile.read(place)
    assert read.name == "today"
    assert read.rows == {"a": row("a"), "b": failed("b", healthy_after=None)}
    assert read.complaints == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": "cut-o', "Unterminated string"),
        ("[]", "not a row: Input should be"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": "lonely"}', "family: Field required"),
        ("\xff", "can't decode byte 0xff"),
    ],
)
def test_a_line_that_is_no_row_is_named_and_left_out(tmp_path: Path, line: str, told: str) -> None:
    place = written(tmp_path / "rows.jsonl", row("a"))
    with place.open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    read = rowfile.read(place)
    assert list(read.rows) == ["a"]
    (complaint,) = read.complaints
    assert complaint.startswith(f"{place}:2: ")
    assert told in complaint


def test_of_two_rows_the_last_one_counts_and_it_is_said(tmp_path: Path) -> None:
    read = rowfile.read(written(tmp_path / "rows.jsonl", failed("a"), row("a")))
    assert read.rows["a"].passed
    assert ":2: a further row of a" in read.complaints[0]


def test_nothing_to_report_on_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(LabError, match="no rows"):
        rowfile.read(empty)
    with pytest.raises(LabError, match=r"absent\.jsonl: cannot be read: No such file"):
        rowfile.read(tmp_path / "absent.jsonl")
