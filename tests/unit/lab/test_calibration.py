"""Whether stated confidence keeps its word, and what runs teach of priors."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import KnowledgeError
from app.knowledge.library import Library, learned_priors
from app.lab.calibration import Stated, calibration, learned, stated, wilson, write
from app.lab.commands import calibrate
from app.lab.errors import LabError
from tests.unit.lab.rows import row, written

LIBRARY = Library.load()
MODE = "unit-stopped"


def many(confidence: float, right: int, wrong: int, mode: str = MODE) -> list[Stated]:
    made = [Stated(mode, confidence, right=True)] * right
    return [*made, *[Stated(mode, confidence, right=False)] * wrong]


def test_who_keeps_his_word_has_no_error() -> None:
    found = calibration([*many(0.9, 9, 1), *many(0.6, 6, 4)])
    assert found.ece == pytest.approx(0.0)
    assert [(one.count, round(one.right, 2)) for one in found.bins] == [(10, 0.6), (10, 0.9)]


def test_who_is_too_sure_is_told_by_how_much() -> None:
    found = calibration(many(1.0, 5, 5))
    assert found.ece == pytest.approx(0.5)
    assert found.brier == pytest.approx(0.5)
    (only,) = found.bins
    assert only.between == wilson(5, 10)
    assert only.between[0] < 0.5 < only.between[1]


def test_what_states_no_cause_says_nothing() -> None:
    rows = [row(), row("other", mode=MODE, confidence=80.0, cause_ok=False)]
    assert stated(rows) == [Stated(MODE, 0.8, right=False)]


def test_a_prior_is_moved_towards_what_was_seen_and_never_far() -> None:
    (lower,) = learned(many(0.95, 4, 2), LIBRARY)
    (higher,) = learned(many(0.5, 6, 0), LIBRARY)
    (least,) = learned(many(1.0, 0, 500), LIBRARY)
    declared = LIBRARY.declared[MODE]
    assert least.prior < lower.prior < declared < higher.prior
    assert least.prior > declared / 2
    assert learned(many(0.9, 1, 1), LIBRARY) == [], "two runs teach nothing"


def test_what_was_learned_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "learned.yaml"
    write(file, learned(many(0.5, 6, 0), LIBRARY))
    priors = learned_priors(file.read_text(), file)
    again = Library(LIBRARY.modes, "x", priors)
    (mode,) = [one for one in again.modes if one.id == MODE]
    assert mode.prior == priors[MODE] > LIBRARY.declared[MODE]
    assert again.declared[MODE] == LIBRARY.declared[MODE]


@pytest.mark.parametrize(
    "text", ["priors: {x: {prior: 2, runs: 1, right: 1}}", "priors: [", "a: 1"]
)
def test_a_file_that_is_not_right_is_refused_by_name(text: str) -> None:
    with pytest.raises(KnowledgeError, match=r"learned\.yaml"):
        learned_priors(text, Path("learned.yaml"))


def test_the_command_tells_the_table_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(f"n{n}", mode=MODE, confidence=90.0, cause_ok=n > 0) for n in range(10)]
    assert calibrate([written(tmp_path / "a.jsonl", *rows)], tmp_path / "out.yaml") == 0
    said = capsys.readouterr().out
    assert "ECE 0.000" in said
    assert f"{MODE}" in said
    assert "runs: 10" in (tmp_path / "out.yaml").read_text()
    with pytest.raises(LabError, match="none of the rows"):
        calibrate([written(tmp_path / "b.jsonl", row())])
