"""One file of rows holds rows of one kind of run, also after a stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.lab.batch import RunOptions
from app.lab.errors import LabError
from app.lab.provenance import claim, note_of


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(out=tmp_path / "rows.jsonl")


def stopped(options: RunOptions) -> RunOptions:
    """A run with these options that wrote a row, and what would go on with it."""
    assert options.out is not None
    claim(options)
    options.out.write_text('{"id": "one"}\n')
    return replace(options, resume=True)


def test_a_plain_run_leaves_no_note(options: RunOptions) -> None:
    claim(stopped(options))
    assert options.out is not None
    assert not note_of(options.out).exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"noise": True}, "with --noise"),
        ({"inject_text": True}, "with --inject-text"),
        ({"redraw": 7}, "with --redraw 7"),
        ({"redraw": 0}, "with --redraw 0"),
        ({"prove": True}, "with --prove"),
    ],
)
def test_a_run_goes_on_only_with_the_same_options(
    options: RunOptions, changes: dict[str, bool | int], told: str
) -> None:
    varied = replace(options, **changes)  # type: ignore[arg-type]
    claim(stopped(varied))
    with pytest.raises(LabError, match=rf"rows of a run {told}; .* run without options"):
        claim(replace(options, resume=True))
    claim(options)  # begins anew
    with pytest.raises(LabError, match=rf"rows of a run without options; .* run {told}"):
        claim(replace(stopped(options), **changes))  # type: ignore[arg-type]


def test_another_seed_is_another_run(options: RunOptions) -> None:
    going_on = stopped(replace(options, redraw=7))
    with pytest.raises(LabError, match=r"--redraw 7.*--redraw 8"):
        claim(replace(going_on, redraw=8))


def test_a_policy_counts_by_its_content(options: RunOptions, tmp_path: Path) -> None:
    policy, same = tmp_path / "policy.yaml", tmp_path / "same.yaml"
    policy.write_text("autonomy_level: L2\n")
    same.write_text("autonomy_level: L2\n")
    going_on = stopped(replace(options, policy=policy))
    claim(replace(going_on, policy=same))
    same.write_text("autonomy_level: L4\n")
    with pytest.raises(LabError, match="--policy"):
        claim(replace(going_on, policy=same))


def test_what_is_run_and_how_is_free(options: RunOptions, tmp_path: Path) -> None:
    going_on = stopped(replace(options, noise=True))
    claim(replace(going_on, only=("one",), jobs=3, trust=True, scenarios=tmp_path))


def test_where_nothing_is_written_yet_any_options_will_do(options: RunOptions) -> None:
    claim(replace(options, noise=True, resume=True))
    claim(replace(options, resume=True))
    claim(replace(options, out=None, noise=True))
