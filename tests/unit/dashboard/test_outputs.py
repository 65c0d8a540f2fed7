"""Outputs: their beginning, their difference, and the line that a claim rests on."""

from __future__ import annotations

import json

import pytest

from app.dashboard import outputs


def test_a_long_output_is_cut_and_says_by_how_much() -> None:
    shown = outputs.preview("\n".join(str(number) for number in range(100)))
    assert len(shown.lines) == outputs.PREVIEW_LINES
    assert shown.left_out == 100 - outputs.PREVIEW_LINES


def test_a_single_endless_line_is_cut_too() -> None:
    (line,) = outputs.preview("x" * 100_000).lines
    assert len(line) < outputs.PREVIEW_CHARACTERS + 10
    assert line.endswith("[…]")


def test_the_difference_in_a_diagnostic() -> None:
    output = json.dumps({"diff": "--- baseline\n+++ now\n@@ -1 +1 @@\n-a\n+b\n c"})
    kinds = [line.kind for line in outputs.difference(output)]
    assert kinds == ["place", "place", "place", "removed", "added", "same"]


@pytest.mark.parametrize("output", ["", "plain", '{"diff": "cut off', '{"diff": 3}', '["diff"]'])
def test_no_difference(output: str) -> None:
    assert outputs.difference(output) == ()


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        ("nginx.service fails to start", 2),
        ("the unit's result is exit-code", 3),
        ("the disk is full", None),
    ],
)
def test_the_line_that_a_claim_rests_on(claim: str, line: int | None) -> None:
    output = "Type=forking\nId=nginx.service\nResult=exit-code unit\nRestart=no"
    assert outputs.closest_line(claim, output) == line


def test_an_output_that_is_not_the_recorded_one_is_found() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert outputs.matches_hash("", empty)
    assert not outputs.matches_hash(" ", empty)
