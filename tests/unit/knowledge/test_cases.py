"""The recorded cases: what real hosts told, and what the failure modes must make of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
import yaml

from app.errors import KnowledgeError
from app.knowledge.case_file import SHIPPED_CASES, Ending, RecordedCase, read_case, yaml_files
from app.knowledge.failure_mode import FailureMode, Subject
from app.knowledge.library import Library
from app.reasoning.case_run import run_case
from app.reasoning.vocabulary import VOCABULARY, undeclared

MODES = Library.load().modes
FILES = yaml_files([SHIPPED_CASES])
READ: dict[Path, RecordedCase] = {}


def recorded(file: Path) -> RecordedCase:
    """A shipped case, read once."""
    if file not in READ:
        READ[file] = read_case(file)
    return READ[file]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recorded_case_comes_out_as_it_should(file: Path) -> None:
    assert run_case(recorded(file), MODES).complaints == ()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_was_gathered_is_what_conditions_may_read(file: Path) -> None:
    """A fact that gathering makes and the vocabulary lacks would be a mistake to the linter."""
    found = [u for one in recorded(file).facts for u in undeclared(one.subject, one.reads)]
    assert found == []


def test_every_subject_has_its_vocabulary() -> None:
    assert set(VOCABULARY) == set(get_args(Subject))


def test_cases_cover_many_modes_and_every_ending_and_stay_small() -> None:
    expected = [recorded(file).expect for file in FILES]
    endings = Counter(one.ends for one in expected)
    assert len({one.cause for one in expected}) >= 40
    assert min(endings[ending] for ending in Ending) >= 5
    assert sum(file.stat().st_size for file in FILES) < 1_500_000


STOPPED = """\
about: a web server that was stopped
expect: {cause: unit-stopped, subject: nginx.service, ends: repair, absent: [unit-crashed]}
facts:
  - subject: unit
    host: web01
    name: nginx.service
    reads:
      suffering: true
      unit: {name: nginx.service, host: web01, failing: true, active_state: inactive,
             load_state: loaded, result: success, active_then: true, enabled: enabled}
"""


def changed(folder: Path, old: str, new: str) -> Path:
    assert old in STOPPED
    file = folder / "case.yaml"
    file.write_text(STOPPED.replace(old, new), encoding="utf-8")
    return file


def told(file: Path, modes: tuple[FailureMode, ...] = MODES) -> str:
    return "\n".join(run_case(read_case(file), modes).complaints)


def test_a_case_by_hand_passes(tmp_path: Path) -> None:
    assert told(changed(tmp_path, "about", "about")) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("active_state: inactive", "active_state: failed", "expected unit-stopped of nginx."),
        ("active_state: inactive", "active_state: failed", "unit-stopped does not fit: "),
        ("active_state: inactive,", "", "is unknown"),
        ("subject: nginx.service, ends", "subject: apache2.service, ends", "the case has no unit"),
        ("cause: unit-stopped", "cause: unit-vanished", "there is no failure mode 'unit-vanished'"),
        ("ends: repair", "ends: hand_over", "ends as hand_over; it ends as repair"),
        ("[unit-crashed]", "[unit-vanished]", "there is no failure mode of that name"),
        ("suffering: true", "suffering: false", "it ends as no_fault"),
    ],
)  # fmt: skip
def test_a_case_that_comes_out_otherwise_says_why(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert said in told(changed(tmp_path, old, new))


def test_a_mode_that_should_be_absent_and_is_likely_fails_the_case(tmp_path: Path) -> None:
    (stopped,) = [mode for mode in MODES if mode.id == "unit-stopped"]
    twin = stopped.model_copy(update={"id": "unit-put-to-sleep"})
    file = changed(tmp_path, "[unit-crashed]", "[unit-put-to-sleep]")
    assert "expected unit-put-to-sleep to be unlikely, below 20%" in told(file, (*MODES, twin))


def test_signs_of_a_compromise_forbid_everything_else(tmp_path: Path) -> None:
    raw = yaml.safe_load(STOPPED)
    sign = {"kind": "job", "subject": "/tmp/x", "user": "nobody"}
    host = {"subject": "host", "host": "web01", "name": "web01",
            "reads": {"suffering": True, "security": {"signs": [sign]}}}  # fmt: skip
    raw["facts"].append(host)
    raw["expect"] = {"cause": "compromise", "subject": "web01", "ends": "hand_over"}
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    assert told(file) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("subject: unit\n", "subject: planet\n", "subject"),
        ("cause: unit-stopped, subject: nginx.service, ", "", "needs the cause"),
        ("[unit-crashed]", "[unit-stopped]", "cannot be absent"),
        ("about: a", "about: [a", "not YAML"),
    ],
)
def test_what_is_no_case_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(KnowledgeError, match=said):
        read_case(changed(tmp_path, old, new))
