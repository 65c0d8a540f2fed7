"""Whether stated confidence keeps its word, and what runs teach of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app.knowledge.calibration import MOST_SHIFT, read_calibration
from app.lab.calibration import learn, reliability, restated, unseen, wilson, write
from app.lab.claims import UNKNOWN, Claim, claims_of
from app.lab.commands import calibrate
from app.lab.errors import LabError
from app.lab.rowfile import RowFile, read
from tests.unit.lab.rows import row, written

MODE = "unit-stopped"


def many(confidence: float, right: int, wrong: int, mode: str = MODE) -> list[Claim]:
    verdicts = [True] * right + [False] * wrong
    return [Claim(f"s{n}", mode, confidence, right=so) for n, so in enumerate(verdicts)]


def test_who_keeps_his_word_has_no_error() -> None:
    found = reliability([*many(0.9, 9, 1), *many(0.6, 6, 4)])
    assert found.ece == pytest.approx(0.0)
    assert [(one.count, round(one.right, 2)) for one in found.bins] == [(10, 0.6), (10, 0.9)]
    assert (found.count, found.scenarios) == (20, 10)


def test_who_is_too_sure_is_told_by_how_much() -> None:
    found = reliability(many(1.0, 5, 5))
    assert found.ece == pytest.approx(0.5)
    assert found.brier == pytest.approx(0.5)
    (only,) = found.bins
    assert only.between == wilson(5, 10)
    assert only.between[0] < 0.5 < only.between[1]


# --- what rows and timelines state ---------------------------------------------------------------

SHOP, LOCK = "changed-since-healthy@web01:/etc/shop.env", "job-locked-out@web01:/run/x.lock"


def story(*entries: tuple[str, dict[str, Any]], name: str = "a") -> str:
    timeline = [
        {"action_type": key.split("-")[0], "title": "", "status": "completed", "key": key,
         "created_at": "2026-03-02T10:00:00Z", **more}
        for key, more in entries
    ]  # fmt: skip
    return json.dumps({"id": name, "timeline": timeline}) + "\n"


def ranked(number: int, advice: str, **causes: float) -> tuple[str, dict[str, Any]]:
    named = {"shop": SHOP, "lock": LOCK, "unknown": "unknown"}
    told = [{"key": named[name], "confidence": share} for name, share in causes.items()]
    return f"hypothesize-{number}", {"detail": {"advice": advice, "causes": told}}


def verified(number: int, healed: str) -> tuple[str, dict[str, Any]]:
    return f"verify-{number}", {"status": "completed" if healed == "healed" else "failed"}


def file_of(folder: Path, story_of_it: str, **changes: Any) -> RowFile:
    place = written(folder / "rows.jsonl", row("a", **changes))
    place.with_name("rows.timelines.jsonl").write_text(story_of_it, encoding="utf-8")
    return read(place)


def told(file: RowFile) -> list[tuple[str, float, bool]]:
    return [(one.key, one.confidence, one.right) for one in claims_of(file)]


def test_a_row_without_a_timeline_states_its_cause_or_nothing(tmp_path: Path) -> None:
    rows = [row("a"), row("b", mode=MODE, confidence=80.0, cause_ok=False)]
    (only,) = claims_of(read(written(tmp_path / "rows.jsonl", *rows)))
    assert (only.mode, only.confidence, only.right) == (MODE, 0.8, False)
    assert only.rivals == {MODE: 0.8, UNKNOWN: pytest.approx(0.2)}


def test_what_was_tried_in_vain_was_stated_too_and_wrong(tmp_path: Path) -> None:
    file = file_of(tmp_path, story(
        ranked(1, "diagnose", lock=90.0, unknown=10.0),
        ranked(2, "remediate", shop=55.0, lock=44.0, unknown=1.0),
        verified(1, "not"),
        ranked(3, "remediate", lock=97.0, unknown=3.0, shop=0.0),
        verified(2, "healed"),
    ))  # fmt: skip
    assert told(file) == [(SHOP, 0.55, False), (LOCK, 0.97, True)]
    assert claims_of(file)[1].rivals == {LOCK: 0.97, UNKNOWN: 0.03}


def test_a_repair_that_was_kept_for_helping_some_was_right(tmp_path: Path) -> None:
    file = file_of(tmp_path, story(
        ranked(1, "remediate", shop=85.0, lock=14.0, unknown=1.0),
        verified(1, "not"),
        ("verify-1.further", {}),
        ranked(2, "remediate", lock=97.0, unknown=3.0),
        verified(2, "healed"),
    ))  # fmt: skip
    assert told(file) == [(SHOP, 0.85, True), (LOCK, 0.97, True)]


def test_what_is_left_to_a_person_is_stated_from_a_half_on(tmp_path: Path) -> None:
    likely = story(ranked(1, "hand_over", shop=60.0, unknown=40.0))
    assert told(file_of(tmp_path, likely, cause_ok=False)) == [(SHOP, 0.6, False)]
    unlikely = story(ranked(1, "hand_over", shop=45.0, unknown=55.0))
    assert told(file_of(tmp_path, unlikely)) == []


def test_a_run_that_waits_has_not_been_judged(tmp_path: Path) -> None:
    waits = story(ranked(1, "remediate", shop=95.0, unknown=5.0))
    assert told(file_of(tmp_path, waits, outcome="waiting_approval", cause="")) == []


# --- what they teach -----------------------------------------------------------------------------


def test_a_mode_is_moved_towards_what_was_seen_and_never_far() -> None:
    lower, higher, least = (
        learn(those).shift(MODE) for those in (many(0.95, 4, 2), many(0.5, 6, 0), many(1.0, 0, 500))
    )
    assert -MOST_SHIFT == least < lower < 0 < higher < MOST_SHIFT
    assert learn(many(0.9, 1, 1)).shift(MODE) == 0, "two runs teach nothing"
    assert learn(many(0.9, 9, 1)).shift(MODE) == 0, "nor do those that went as stated"


def test_a_rival_that_is_never_so_is_moved_down() -> None:
    given = [Claim(f"s{n}", "a", 0.8, True, "a@h:x", {"a@h:x": 0.8, "b@h:x": 0.15, "": 0.05})
             for n in range(40)]  # fmt: skip
    taught = learn(given)
    assert taught.shift("b") < -0.3
    assert taught.shift("a") > 0


def test_who_is_too_sure_is_made_less_sure_in_the_same_order() -> None:
    given = [*many(0.95, 30, 30), *many(0.8, 20, 20, mode="b")]
    taught = learn(given)
    after = restated(given, taught)
    assert reliability(after).brier < reliability(given).brier
    assert reliability(after).ece < reliability(given).ece
    steps = [Claim("s", MODE, n / 100, right=True) for n in range(1, 100)]
    stated = [one.confidence for one in restated(steps, taught)]
    assert stated == sorted(stated)


def test_the_same_rows_teach_the_same() -> None:
    given = [*many(0.95, 10, 3), *many(0.6, 6, 4, mode="b")]
    assert learn(given) == learn(list(reversed(given)))
    assert unseen(given) == unseen(given)


def test_nothing_is_learned_of_a_scenario_from_itself() -> None:
    """Each is restated by others alone: one that is alone in being wrong does not learn of it."""
    odd = Claim("odd", "odd-one", 0.99, right=False)
    others = [Claim(f"s{n}", MODE, 0.9, right=n % 10 > 0) for n in range(60)]
    (alone,) = [one for one in unseen([*others, *[odd] * 9]) if one.mode == "odd-one"][:1]
    assert alone.confidence > 0.98


def test_what_was_learned_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "calibration.yaml"
    taught = learn([*many(0.5, 6, 0), *many(0.99, 5, 5, mode="b")])
    write(file, taught)
    assert read_calibration(file.read_text(encoding="utf-8"), file) == taught


def test_the_command_tells_the_table_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(f"n{n}", mode=MODE, confidence=90.0, cause_ok=n > 0) for n in range(10)]
    assert calibrate([written(tmp_path / "a.jsonl", *rows)], tmp_path / "out.yaml") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "10 causes stated in 10 scenarios; expected calibration error (ECE) 0.000" in said
    assert "60% to 98%" in said
    assert "let more runs teach before it is used" in said
    assert "runs: 10" in (tmp_path / "out.yaml").read_text()
    with pytest.raises(LabError, match="none of the rows"):
        calibrate([written(tmp_path / "b.jsonl", row())])


def test_rows_of_before_have_no_confidence_and_are_read(tmp_path: Path) -> None:
    old = {k: v for k, v in asdict(row("a")).items() if k not in ("mode", "confidence")}
    place = tmp_path / "rows.jsonl"
    place.write_text(json.dumps(old) + "\n", encoding="utf-8")
    assert claims_of(read(place)) == []
