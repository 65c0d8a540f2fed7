"""Checkpoints and anchors: signed, found in any text, never taken on trust."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.audit import checkpoints
from app.audit.checkpoints import Anchor, Checkpoint, anchor_in, checkpoint_of
from tests.unit.audit.chains import KEY, OTHER, chain


def made() -> Checkpoint:
    return checkpoint_of(chain(3)[-1], KEY, chain="ab" * 8, execution_id=7)


def test_a_checkpoint_is_genuine_until_it_is_touched() -> None:
    assert made().is_genuine()
    for change in ({"seq": 4}, {"hash": "00" * 32}, {"public_key": OTHER.public},
                   {"signature": "00"}, {"public_key": "not hexadecimal"}):  # fmt: skip
        assert not made().model_copy(update=change).is_genuine(), change


def test_an_anchor_is_found_in_the_text_of_a_note() -> None:
    anchor = Anchor(chain="ab" * 8, seq=12, hash="cd" * 32, key_id=KEY.id)
    assert anchor_in(f"  Served again.  {anchor.line()}.\n") == anchor
    assert anchor_in("Nothing of the kind") is None


def test_a_line_of_the_file_comes_back_as_it_was() -> None:
    checkpoint = made()
    assert anchor_in(checkpoint.model_dump_json()) == checkpoint
    with pytest.raises(ValueError, match="no checkpoint"):
        anchor_in(checkpoint.model_dump_json()[:-20])


async def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "checkpoints.jsonl"
    await checkpoints.write(path, made())
    await checkpoints.write(path, made())
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert all(isinstance(anchor_in(line), Checkpoint) for line in lines)


async def test_a_file_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with capture_logs() as said:
        await checkpoints.write(tmp_path / "file" / "below", made())
    assert [(line["log_level"], line["entry"]) for line in said] == [("error", 3)]
