"""Failure modes on disk: the shipped ones are right, wrong ones are refused with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import KnowledgeError
from app.knowledge.failure_mode import fill, parameters
from app.knowledge.library import Library, parse

GOOD = """
id: out-of-coffee
title: There is no coffee
family: morale
subject: unit
cause: "{unit.name} has no coffee"
prior: 0.1
candidate: unit.coffee == 0
signs:
  - {if: unit.cups > 3, weight: 1.5, says: many cups}
remedies:
  - title: Brew
    steps: [{action: service.restart, params: {unit: =unit.name}}]
"""


def test_the_shipped_modes_load() -> None:
    modes = Library.load().modes
    assert {m.id for m in modes} >= {"unit-stopped", "port-taken", "storage-full"}


def test_a_sites_own_folder_adds_and_replaces(tmp_path: Path) -> None:
    (tmp_path / "out-of-coffee.yaml").write_text(GOOD)
    shipped = Library.load()
    with_site = Library.load(tmp_path)
    assert len(with_site.modes) == len(shipped.modes) + 1
    assert with_site.digest != shipped.digest


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("subject: unit", "subject: planet"), "subject"),
        (("prior: 0.1", "prior: 3"), "prior"),
        (("candidate: unit.coffee == 0", "candidate: unit.coffee ="), "candidate"),
        (("weight: 1.5", "wieght: 1.5"), "wieght"),
        (("steps: [{action: service.restart", "steps: [{start: unit, action: x"), "steps"),
        (("id: out-of-coffee", "id: something-else"), "something-else"),
        (("prior: 0.1", "prior: [0.1"), "YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(change: tuple[str, str], named: str) -> None:
    with pytest.raises(KnowledgeError, match=named):
        parse(GOOD.replace(*change), Path("out-of-coffee.yaml"))


def test_parameters_are_evaluated_or_withheld() -> None:
    facts = {"unit": {"name": "x.service"}}
    assert parameters({"unit": "=unit.name", "lines": 5}, facts) == {
        "unit": "x.service",
        "lines": 5,
    }
    assert parameters({"unit": "=unit.other"}, facts) is None


def test_texts_say_what_is_unknown() -> None:
    assert fill("{unit.name} and {unit.other}", {"unit": {"name": "x"}}) == "x and (unknown)"
