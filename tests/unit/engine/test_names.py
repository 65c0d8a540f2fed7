"""Names of workflows, rows and intents: the same again on resume, never the same twice."""

from __future__ import annotations

import pytest

from app.engine.keys import Keys
from app.engine.workflows import workflow_id, workflow_of

FIRST, SECOND = Keys(execution_id=7, number=1), Keys(execution_id=7, number=2)


def test_a_workflow_is_named_by_execution_and_number() -> None:
    assert workflow_id(7, 2) == "exe-7-2"
    assert workflow_of("exe-7-2") == (7, 2)


@pytest.mark.parametrize("name", ["", "exe-7", "run-7-2", "exe-seven-2"])
def test_foreign_workflow_ids_are_told(name: str) -> None:
    with pytest.raises(ValueError):
        workflow_of(name)


def test_the_same_key_in_the_next_workflow_is_another_row_and_another_intent() -> None:
    assert FIRST.row("observe", "diagnose-1") != SECOND.row("observe", "diagnose-1")
    assert FIRST.intent("remediate-1", 0) != SECOND.intent("remediate-1", 0)
    assert FIRST.story("diagnose-1") != SECOND.story("diagnose-1")


def test_one_key_of_two_effects_is_two_rows() -> None:
    assert FIRST.row("observe", "analyze-1") != FIRST.row("probe", "analyze-1")


def test_an_intent_id_is_what_the_gate_takes() -> None:
    assert FIRST.intent("a key/with $odd", 3) == "exe-7-1.a-key-with--odd.3"
    with pytest.raises(ValueError, match="too long"):
        FIRST.intent("x" * 130, 0)
