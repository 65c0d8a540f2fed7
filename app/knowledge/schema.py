"""What conditions may read, and of which type: the schema that failure modes are held against.

Which names there are for which subject is said where the facts are made
(app/reasoning/vocabulary.py). Here is only what a type is, and what type an expression has.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.knowledge.expressions import CONSTANTS, FUNCTIONS, Expression


@dataclass(frozen=True, eq=False)
class Type:
    """The type of a value: with these fields, or any where that is not known."""

    said: str = "anything"
    fields: Mapping[str, Type] | None = None

    def field(self, name: str) -> Type | None:
        """The type of a field; None where there is no such field."""
        return ANY if self.fields is None else self.fields.get(name)

    @property
    def items(self) -> Type:
        """The type of what a list of it has."""
        return ANY


ANY = Type()


@dataclass(frozen=True, eq=False)
class Scalar(Type):
    """A text, a number or a truth value; `values`: the only ones that it can have."""

    fields: Mapping[str, Type] | None = field(default_factory=dict)
    values: frozenset[object] = frozenset()


TEXT, NUMBER = Scalar("a text"), Scalar("a number")
TRUTH = Scalar("true or false", values=frozenset({True, False}))


def one_of(*values: str) -> Scalar:
    """A text that has one of these values and no other."""
    return Scalar("a text", values=frozenset(values))


@dataclass(frozen=True, eq=False)
class Listing(Type):
    """A list."""

    said: str = "a list"
    fields: Mapping[str, Type] | None = field(default_factory=dict)
    of: Type = ANY

    @property
    def items(self) -> Type:
        return self.of


class Record(Type):
    """A thing with named fields."""


Scope = Mapping[str, Type]
"""The names that a condition may read."""

Complain = Callable[[str], None]


def type_of(expression: Expression, scope: Scope, complain: Complain) -> Type:
    """The type of an expression's value; what cannot be right in it is complained of."""
    return _type(expression.tree, scope, complain)


def type_of_node(node: ast.expr, scope: Scope) -> Type:
    """The type of a part of an expression; what is wrong in it was complained of before."""
    return _type(node, scope, lambda _said: None)


def _type(node: ast.AST, scope: Scope, complain: Complain) -> Type:
    match node:
        case ast.Constant():
            return _of_literal(node.value)
        case ast.Name():
            return _named(node.id, scope, complain)
        case ast.Attribute():
            return _field(node, scope, complain)
        case ast.Compare():
            _check_comparison(node, scope, complain)
            return TRUTH
        case ast.BoolOp():
            for value in node.values:
                _type(value, scope, complain)
            return TRUTH
        case ast.UnaryOp():
            inner = _type(node.operand, scope, complain)
            return TRUTH if isinstance(node.op, ast.Not) else inner
        case ast.BinOp():
            left, right = (_type(n, scope, complain) for n in (node.left, node.right))
            return left if left.said == right.said else ANY
        case ast.IfExp():
            _type(node.test, scope, complain)
            return _common(*(_type(n, scope, complain) for n in (node.body, node.orelse)))
        case ast.List() | ast.Tuple():
            return Listing(of=_common(*(_type(e, scope, complain) for e in node.elts)))
        case ast.Call():
            return _call(node, scope, complain)
    return ANY


def _of_literal(value: object) -> Type:
    if isinstance(value, bool):
        return TRUTH
    return NUMBER if isinstance(value, int | float) else Scalar("a text", values=frozenset({value}))


def _named(name: str, scope: Scope, complain: Complain) -> Type:
    if name in CONSTANTS:
        return ANY if name == "unknown" else TRUTH
    found = scope.get(name)
    if found is None:
        complain(f"there is no fact {name!r}; expected one of {', '.join(sorted(scope))}")
    return found or ANY


def _field(node: ast.Attribute, scope: Scope, complain: Complain) -> Type:
    owner = _type(node.value, scope, complain)
    found = owner.field(node.attr)
    if found is None:
        there = sorted(owner.fields or ())
        expected = f"one of {', '.join(there)}" if there else f"no field: it is {owner.said}"
        complain(f"{ast.unparse(node.value)} has no field {node.attr!r}; expected {expected}")
    return found or ANY


def _common(*types: Type) -> Type:
    """What several types have in common, a choice of literals among it."""
    known = [one for one in types if one is not ANY]
    if not known or len({one.said for one in known}) > 1 or len(known) < len(types):
        return ANY
    if all(isinstance(one, Scalar) and one.values for one in known):
        values = (one.values for one in known if isinstance(one, Scalar))
        return Scalar(known[0].said, values=frozenset[object]().union(*values))
    return next((o for o in known if not isinstance(o, Scalar) or not o.values), known[0])


def _call(node: ast.Call, scope: Scope, complain: Complain) -> Type:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in FUNCTIONS:
        types = [_type(argument, scope, complain) for argument in node.args]
        if name == "either":
            return _common(*types)
        return NUMBER if name == "length" else TRUTH
    generator = node.args[0]
    assert isinstance(generator, ast.GeneratorExp)
    clause = generator.generators[0]
    listed = _type(clause.iter, scope, complain)
    if isinstance(listed, Scalar | Record):
        complain(f"{ast.unparse(clause.iter)} is {listed.said}; expected a list")
    assert isinstance(clause.target, ast.Name)
    inner = {**scope, clause.target.id: listed.items}
    for condition in clause.ifs:
        _type(condition, inner, complain)
    item = _type(generator.elt, inner, complain)
    if name in ("first", "last"):
        return item
    return NUMBER if name == "count" else TRUTH


def _check_comparison(node: ast.Compare, scope: Scope, complain: Complain) -> None:
    operands = [node.left, *node.comparators]
    types = [_type(operand, scope, complain) for operand in operands]
    for index, op in enumerate(node.ops):
        left, right = types[index], types[index + 1]
        other = right.items if isinstance(op, ast.In | ast.NotIn) else right
        if isinstance(op, ast.In | ast.NotIn) and isinstance(right, Scalar):
            other = right if right.said == TEXT.said else ANY
            if right.said != TEXT.said:
                complain(f"{ast.unparse(operands[index + 1])} is {right.said}; expected a list")
            else:
                continue  # a text in a text: any part of it
        _check_pair(operands[index], left, operands[index + 1], other, complain)


def _check_pair(
    left: ast.expr, of_left: Type, right: ast.expr, of_right: Type, complain: Complain
) -> None:
    """Whether two compared values can be equal at all."""
    if of_left is ANY or of_right is ANY:
        return
    shown = f"{ast.unparse(left)} is compared with {ast.unparse(right)}"
    if of_left.said != of_right.said:
        complain(f"{shown}: {of_left.said} and {of_right.said} are never alike")
        return
    for one, fact, other in ((of_left, left, of_right), (of_right, right, of_left)):
        if isinstance(fact, ast.Constant | ast.List | ast.Tuple) or not isinstance(one, Scalar):
            continue
        outside = sorted(map(str, _values(other) - one.values)) if one.values else []
        if outside and one.said == TEXT.said:
            expected = ", ".join(sorted(map(str, one.values)))
            complain(f"{shown}: it is never {', '.join(outside)}; expected one of {expected}")
            return


def _values(of: Type) -> frozenset[object]:
    return of.values if isinstance(of, Scalar) else frozenset()
