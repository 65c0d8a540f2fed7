"""What the linter says of failure modes that would load and never work: file, line, expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.execution.catalog import Catalog
from app.execution.outline import outline
from app.knowledge.library import SHIPPED
from app.knowledge.lint import Problem, lint
from app.reasoning.vocabulary import VOCABULARY

ACTIONS = outline(Catalog.load())

GOOD = """\
id: out-of-coffee
title: There is no coffee
family: morale
subject: unit
cause: "{unit.name} has no coffee"
prior: 0.1
candidate: unit.failing and unit.active_state == 'failed'
let:
  line: last(l for l in unit.log if matches(l.example, 'coffee'))
signs:
  - if: unit.n_restarts > 3
    weight: 1.5
    says: "it says {line.example}"
  - {if: unit.steady, weight: -2.0, otherwise: 0.5, says: it runs}
asks:
  - {action: journal.unit, params: {unit: =unit.name, lines: 200}}
remedies:
  - title: Brew
    if: length(unit.held) == 0
    steps:
      - {action: service.restart, params: {unit: =unit.name}}
handovers:
  - {if: length(persons.logged_in) > 0, because: "{persons.logged_in} brews"}
"""


RESTART = "{action: service.restart, params: {unit: =unit.name}}"


def linted(folder: Path, *texts: str) -> list[Problem]:
    """The problems of files with these texts, the first named as its id wants it."""
    names = ["out-of-coffee", *(f"further-{n}" for n in range(len(texts)))]
    paths = [folder / f"{name}.yaml" for name, _ in zip(names, texts, strict=False)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return lint(paths, VOCABULARY, ACTIONS)


def test_the_shipped_modes_have_no_problem() -> None:
    assert [str(problem) for problem in lint(SHIPPED.glob("*.yaml"), VOCABULARY, ACTIONS)] == []


def test_a_good_mode_has_no_problem(tmp_path: Path) -> None:
    assert linted(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        # facts that nobody gathers, in conditions, computed names, parameters and texts
        ("unit.n_restarts > 3", "unit.restarts > 3", 11, "no field 'restarts'; expected one of"),
        ("unit.n_restarts > 3", "mount.path == '/'", 11, "no fact 'mount'; expected one of"),
        ("l.example, 'coffee'", "l.text, 'coffee'", 9, "no field 'text'"),
        ("{line.example}", "{line.exmaple}", 13, "no field 'exmaple'"),
        ("params: {unit: =unit.name}}\n", "params: {unit: =unit.nmae}}\n", 21, "no field 'nmae'"),
        ("{persons.logged_in} brews", "{persons.there} brews", 23, "no field 'there'"),
        ("length(unit.held) == 0", "any(h.prt == 1 for h in unit.held)", 19, "no field 'prt'"),
        # compared with what it never is
        ("== 'failed'", "== 'faild'", 7, "it is never faild; expected one of activating"),
        ("== 'failed'", "in ['failed', 'dead']", 7, "it is never dead; expected one of"),
        ("unit.n_restarts > 3", "unit.n_restarts == 'many'", 11, "are never alike"),
        # never true, by itself or where the mode fits
        ("unit.n_restarts > 3", "unit.n_restarts > 3 and unit.n_restarts < 2", 11, "never be true"),
        ("unit.n_restarts > 3", "unit.active_state == 'active'", 11, "where the candidate"),
        ("unit.n_restarts > 3", "unit.exec_main_status == unknown", 11, "never be true"),
        ("unit.failing and", "unit.failing and not unit.failing and", 7, "fits nothing"),
        ("length(unit.held) == 0", "length(unit.held) < 0", 19, "never be true"),
        # the catalog
        ("action: service.restart", "action: service.brew", 21, "no action 'service.brew'"),
        ("unit: =unit.name, lines: 200", "unit: =unit.name", 16, "journal.unit lacks lines"),
        ("lines: 200", "lines: many", 16, "lines is 'many'"),
        ("lines: 200", "lines: 200, colour: red", 16, "no parameter 'colour'; expected parameters"),
        ("action: journal.unit", "action: service.stop", 16, "changes the host; expected a diagn"),
        ("action: service.restart", "action: unit.show", 21, "only reads; expected a change"),
        (RESTART, "{start: persons}", 21, "expected a unit"),
        (RESTART, "{restore: change}", 21, "has no 'change' to put back"),
        # numbers
        ("weight: 1.5", "weight: 15", 12, "the weight 15 is out of range; expected"),
        ("weight: -2.0, otherwise: 0.5", "weight: 0", 14, "weighs nothing"),
        ("prior: 0.1", "prior: 1.4", 6, "less than 1"),
        # what is no failure mode at all
        ("says: it runs", "sayz: it runs", 14, "signs.1"),
        ("title: There", "id: twice\ntitle: There", 2, "'id' stands there twice"),
        ("unit.n_restarts > 3", "unit.n_restarts >", 11, "does not parse"),
        # the same fact counted twice
        ("unit.steady, weight", "unit.n_restarts > 3, weight", 14, "sign 1 too"),
        ("  line: last", "  host: last", 9, "hides the fact of that name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_what_was_expected(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in GOOD
    problems = linted(tmp_path, GOOD.replace(old, new))
    fitting = [p for p in problems if p.line == line and said in p.said]
    assert fitting, "\n".join(map(str, problems))
    assert str(fitting[0]).startswith(f"{tmp_path / 'out-of-coffee.yaml'}:{line}: ")


def test_two_modes_of_one_name_are_told(tmp_path: Path) -> None:
    told = [str(problem) for problem in linted(tmp_path, GOOD, GOOD)]
    assert any("the id 'out-of-coffee' stands in" in one for one in told)
    assert any("expected 'further-0', the file's name" in one for one in told)
    assert any("has the same title" in one for one in told)


def test_modes_that_no_condition_separates_are_told(tmp_path: Path) -> None:
    twin = GOOD.replace("id: out-of-coffee", "id: further-0").replace("There is no", "No more")
    turned = twin.replace(
        "unit.failing and unit.active_state == 'failed'",
        "not (unit.failing == false or unit.active_state != 'failed')",
    )
    (problem,) = linted(tmp_path, GOOD, turned)
    assert "no condition separates it from out-of-coffee" in problem.said
    narrower = twin.replace("== 'failed'", "== 'failed' and unit.declared")
    assert linted(tmp_path, GOOD, narrower) == []
    own_sign = twin.replace("unit.n_restarts > 3", "unit.n_restarts > 9")
    assert linted(tmp_path, GOOD, own_sign) == []


def test_a_repair_that_nothing_verifies_is_told(tmp_path: Path) -> None:
    asks = GOOD[GOOD.index("asks:") : GOOD.index("remedies:")]
    ending = "{action: process.terminate, params: {pid: =unit.main_pid, start_time: 5}}"
    bare = GOOD.replace(asks, "").replace(RESTART, ending)
    assert any("nothing verifies 'Brew'" in p.said for p in linted(tmp_path, bare))
    watched = bare.replace("    if: length", "    person: it ends work\n    if: length")
    assert not any("nothing verifies" in p.said for p in linted(tmp_path, watched))


def test_a_subject_that_nobody_gathers_is_told(tmp_path: Path) -> None:
    path = tmp_path / "out-of-coffee.yaml"
    path.write_text(GOOD, encoding="utf-8")
    (problem,) = lint([path], {"mount": {}}, ACTIONS)
    assert (problem.line, problem.said) == (4, "no facts of such are known; expected one of mount")


def test_a_mode_that_ends_nowhere_is_told(tmp_path: Path) -> None:
    bare = GOOD[: GOOD.index("remedies:")]
    assert [p.said for p in linted(tmp_path, bare)] == [
        "it ends nowhere; expected `remedies`, or `recommend` for the person it goes to"
    ]
