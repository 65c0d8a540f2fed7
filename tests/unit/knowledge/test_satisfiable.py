"""Which conditions can be true at all: what is said to be impossible is, on every value tried."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.knowledge.expressions import Expression
from app.knowledge.satisfiable import may_hold, negated
from app.knowledge.schema import NUMBER, TEXT, TRUTH, Record, Scope, one_of

SCOPE: Scope = {
    "x": Record("x", {"n": NUMBER, "ok": TRUTH, "state": one_of("up", "down"), "name": TEXT})
}


@pytest.mark.parametrize(
    ("condition", "possible"),
    [
        ("x.n > 3 and x.n < 5", True),
        ("x.n > 5 and x.n < 3", False),
        ("x.n >= 3 and x.n <= 3", True),
        ("x.n >= 3 and x.n <= 3 and x.n != 3", False),
        ("3 < x.n < 3", False),
        ("5 > x.n and x.n == 5", False),
        ("x.ok and x.ok == false", False),
        ("x.ok or not x.ok", True),
        ("x.state == 'up' and x.state in ['down']", False),
        ("x.state != 'up' and x.state != 'down'", False),
        ("x.name != 'up' and x.name != 'down'", True),
        ("matches(x.name, 'a') and not matches(x.name, 'a')", False),
        ("matches(x.name, 'a') and not matches(x.name, 'b')", True),
        ("1 == 2", False),
        ("true", True),
        ("x.n == unknown", False),
        ("not (x.n == unknown)", False),
        ("length(x.name) == 0 and length(x.name) > 0", False),
    ],
)
def test_possible(condition: str, possible: bool) -> None:
    assert may_hold([Expression(condition).tree], SCOPE) is possible


atoms = st.sampled_from([
    "x.n > 1", "x.n <= 1", "x.n == 2", "x.n != 2", "x.ok", "x.ok == false", "x.state == 'up'",
    "x.state in ['down']", "x.state != 'down'", "x.name == 'a'", "x.name not in ['a', 'b']",
])  # fmt: skip
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda c: f"not ({c})"),
    ),
    max_leaves=8,
)
values = st.fixed_dictionaries({
    "n": st.integers(0, 3), "ok": st.booleans(), "state": st.sampled_from(["up", "down"]),
    "name": st.sampled_from(["a", "b", "c"]),
})  # fmt: skip


@given(conditions, values)
def test_what_is_true_of_some_facts_is_never_called_impossible(
    condition: str, facts: dict[str, object]
) -> None:
    expression = Expression(condition)
    if expression.holds({"x": facts}):
        assert may_hold([expression.tree], SCOPE)
    else:
        assert may_hold([negated(expression.tree)], SCOPE)
