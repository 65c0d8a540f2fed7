"""The language of conditions: what it means, what it refuses, that it cannot do anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import KnowledgeError
from app.knowledge.expressions import UNKNOWN, Expression

FACTS = {
    "unit": {"name": "billing.service", "active": "failed", "restarts": 3, "user": None},
    "listeners": [{"port": 80, "unit": "a.service"}, {"port": 443, "unit": None}],
    "empty": [],
}


@pytest.mark.parametrize(
    ("condition", "meaning"),
    [
        ("unit.active == 'failed'", True),
        ("unit.active in ['failed', 'inactive']", True),
        ("unit.restarts >= 2 and unit.restarts < 10", True),
        ("2 <= unit.restarts <= 3", True),
        ("not unit.restarts > 5", True),
        ("any(l.port == 80 for l in listeners)", True),
        ("all(l.port > 100 for l in listeners)", False),
        ("count(l.port > 0 for l in listeners) == 2", True),
        ("any(l.port == 80 for l in empty)", False),
        ("all(l.port == 80 for l in empty)", True),
        ("matches(unit.name, '^BILL')", True),
        ("beneath('/var/log/x', '/var/log')", True),
        ("beneath('/var/logs', '/var/log')", False),
        ("length(listeners) == 2", True),
        ("(unit.restarts == 4) == false", True),
        ("either(unit.missing, 'x') == 'x'", True),
        ("either(unit.name, 'x') == 'x'", False),
        # what nobody looked at is unknown, and only that
        ("unit.missing == 1", None),
        ("unit.user == 'root'", None),
        ("nowhere.at.all", None),
        ("any(l.port == 80 for l in nowhere)", None),
        ("any(l.unit == 'b.service' for l in listeners)", None),
        # Kleene: a decided operand decides
        ("unit.active == 'active' and unit.missing == 1", False),
        ("unit.active == 'failed' or unit.missing == 1", True),
        ("unit.active == 'active' or unit.missing == 1", None),
        ("not (unit.missing == 1)", None),
        # facts of another kind than expected are unknown, not an error
        ("unit.name > 3", None),
        ("unit.restarts / 0 > 1", None),
    ],
)
def test_meaning(condition: str, meaning: bool | None) -> None:
    assert Expression(condition).holds(FACTS) is meaning


def test_first_gives_the_item_itself() -> None:
    found = Expression("first(l for l in listeners if l.port == 443)").value(FACTS)
    assert found == {"port": 443, "unit": None}
    assert Expression("first(l for l in listeners if l.port == 1)").value(FACTS) is UNKNOWN
    assert Expression("last(l.port for l in listeners)").value(FACTS) == 443


@pytest.mark.parametrize(
    "condition",
    [
        "__import__('os').system('id')",
        "unit.__class__",
        "open('/etc/passwd')",
        "(lambda: 1)()",
        "listeners[0].port == 80",
        "[l for l in listeners]",
        "unit.name.upper() == 'X'",
        "any(l.port for l in listeners for m in listeners)",
        "{'a': 1}",
        "f'{unit.name}'",
        "unit := 1",
        "unit.active ==",
        "",
    ],
)
def test_what_is_not_in_the_language_does_not_parse(condition: str) -> None:
    with pytest.raises(KnowledgeError):
        Expression(condition)


def test_names_are_what_it_reads_and_not_what_it_binds() -> None:
    expression = Expression("any(l.port == unit.port for l in listeners) and host.name == 'x'")
    assert expression.names == {"unit.port", "listeners", "host.name"}


def test_unknown_cannot_be_taken_for_false() -> None:
    with pytest.raises(TypeError):
        bool(UNKNOWN)


def test_what_is_the_same_object_is_no_question_of_the_language() -> None:
    with pytest.raises(KnowledgeError, match="does not have"):
        Expression("unit.name is host.name")


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        expression = Expression(text)
    except (KnowledgeError, ValueError, RecursionError, MemoryError):
        return
    assert expression.holds(FACTS) in (True, False, None)
