"""What counts as a difference between a row and what the chain says of it."""

from __future__ import annotations

from app.audit.content import differing

SAID = {"id": 1, "person": "ann"}


def test_a_column_that_came_later_is_no_difference_while_it_is_empty() -> None:
    assert differing(SAID, SAID | {"subject": None}) == ()


def test_everything_else_is() -> None:
    assert differing(SAID, SAID | {"subject": "https://id.example#1"}) == ("subject",)
    assert differing(SAID, {"id": 1, "person": "bob"}) == ("person",)
    assert differing(SAID, {"id": 1}) == ("person",), "a column was dropped"
    assert differing(SAID | {"subject": "x"}, SAID | {"subject": None}) == ("subject",)
    assert differing(SAID | {"subject": None}, SAID) == ("subject",)
