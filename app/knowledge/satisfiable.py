"""Whether conditions can be true at all: by the types of what they read, and by one another.

A condition becomes alternatives, each of them demands that must hold together. What is not
understood (a pattern in a text, a quantifier) is taken for a demand that may hold or not, but not
both. So "can never be true" is proven, and silence proves nothing.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeGuard

from app.knowledge.expressions import CONSTANTS
from app.knowledge.schema import TRUTH, Scalar, Scope, type_of_node

MOST_ALTERNATIVES = 2000
"""A condition with more of them is taken for one that can be true."""


@dataclass(frozen=True)
class Demand:
    """What one comparison wants of one value."""

    of: str  # the expression, as text
    among: frozenset[object] | None = None  # None: any value
    outside: frozenset[object] = frozenset()
    least: float = -math.inf
    most: float = math.inf
    open_least: bool = False  # above `least`, not equal to it; likewise `open_most`
    open_most: bool = False

    def joined(self, other: Demand) -> Demand:
        """Both demands of the same value."""
        low = max(self, other, key=lambda one: (one.least, one.open_least))
        high = min(self, other, key=lambda one: (one.most, not one.open_most))
        among = other.among if self.among is None else self.among
        if self.among is not None and other.among is not None:
            among = self.among & other.among
        return Demand(self.of, among, self.outside | other.outside, low.least, high.most,
                      low.open_least, high.open_most)  # fmt: skip

    @property
    def can_hold(self) -> bool:
        """Whether some value fits."""
        if self.among is not None:
            return any(self._takes(value) for value in self.among)
        if self.least == self.most:
            return not (self.open_least or self.open_most) and self.least not in self.outside
        return self.least < self.most

    def _takes(self, value: object) -> bool:
        if value in self.outside:
            return False
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.least == -math.inf and self.most == math.inf
        above = value > self.least or (value == self.least and not self.open_least)
        below = value < self.most or (value == self.most and not self.open_most)
        return above and below


Alternative = tuple[Demand, ...]
NEVER: tuple[Alternative, ...] = ()
ALWAYS: tuple[Alternative, ...] = ((),)


def may_hold(conditions: Iterable[ast.expr], scope: Scope) -> bool:
    """Whether conditions can all be true together; True where that is not known."""
    found: Iterable[Alternative] = ALWAYS
    for condition in conditions:
        pairs = product(found, _alternatives(condition, scope, wanted=True))
        found = [one for left, right in pairs if (one := _joined(left + right)) is not None]
        if len(found) > MOST_ALTERNATIVES:
            return True
    return bool(found)


def negated(condition: ast.expr) -> ast.expr:
    """What is true where a condition is false."""
    return ast.UnaryOp(ast.Not(), condition)


def _joined(demands: Iterable[Demand]) -> Alternative | None:
    """Demands of the same value made one; None where one of them cannot hold."""
    of: dict[str, Demand] = {}
    for demand in demands:
        of[demand.of] = of[demand.of].joined(demand) if demand.of in of else demand
    return tuple(of.values()) if all(one.can_hold for one in of.values()) else None


def _alternatives(node: ast.expr, scope: Scope, *, wanted: bool) -> tuple[Alternative, ...]:
    match node:
        case ast.UnaryOp(op=ast.Not()):
            return _alternatives(node.operand, scope, wanted=not wanted)
        case ast.BoolOp():
            parts = [_alternatives(value, scope, wanted=wanted) for value in node.values]
            together = isinstance(node.op, ast.And) is wanted
            return _all_of(parts) if together else tuple(one for part in parts for one in part)
        case ast.Compare() if len(node.ops) > 1:
            return _alternatives(_split(node), scope, wanted=wanted)
        case ast.Compare():
            return _of_comparison(node, scope, wanted=wanted)
        case ast.Constant():
            return ALWAYS if bool(node.value) is wanted else NEVER
        case ast.Name() if node.id in CONSTANTS:
            known = {"true": True, "false": False}.get(node.id)
            return ALWAYS if known is wanted else NEVER
    return _of_truth(node, scope, wanted=wanted)


def _all_of(parts: list[tuple[Alternative, ...]]) -> tuple[Alternative, ...]:
    if math.prod(map(len, parts)) > MOST_ALTERNATIVES:
        return ALWAYS
    joined = (_joined(d for one in some for d in one) for some in product(*parts))
    return tuple(one for one in joined if one is not None)


def _split(node: ast.Compare) -> ast.expr:
    """`1 <= x < 5` as two comparisons."""
    operands = [node.left, *node.comparators]
    pairs = zip(operands, node.ops, operands[1:], strict=False)
    return ast.BoolOp(ast.And(), [ast.Compare(left, [op], [right]) for left, op, right in pairs])


def _of_truth(node: ast.expr, scope: Scope, *, wanted: bool) -> tuple[Alternative, ...]:
    demand = _domain(node, scope)
    if demand.among == TRUTH.values:
        return ((replace(demand, among=frozenset({wanted})),),)
    return ((Demand(f"so: {demand.of}", among=frozenset({wanted})),),)


_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE
}  # fmt: skip
_CONTRARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
}  # fmt: skip


def _of_comparison(node: ast.Compare, scope: Scope, *, wanted: bool) -> tuple[Alternative, ...]:
    left, op, right = node.left, type(node.ops[0]), node.comparators[0]
    if op in _TURNED | {ast.Eq: ast.Eq, ast.NotEq: ast.NotEq} and _is_literal(left):
        left, right, op = right, left, _TURNED.get(op, op)
    if _is_unknown(left) or _is_unknown(right):
        return NEVER  # what is compared with the unknown is unknown
    if not _is_literal(right):
        return _of_opaque(node, wanted=wanted)
    if not wanted:
        op = _CONTRARY[op]
    value = _literal(right)
    if _is_literal(left):
        return ALWAYS if _holds(_literal(left), op, value) else NEVER
    demand = _demanded(_domain(left, scope), op, value)
    return _of_opaque(node, wanted=wanted) if demand is None else ((demand,),)


def _of_opaque(node: ast.expr, *, wanted: bool) -> tuple[Alternative, ...]:
    return ((Demand(f"so: {ast.unparse(node)}", among=frozenset({wanted})),),)


def _demanded(domain: Demand, op: type[ast.cmpop], value: object) -> Demand | None:
    if op in (ast.In, ast.NotIn):
        if not isinstance(value, tuple):
            return None  # in a text
        values = frozenset(value)
    else:
        values = frozenset({value})
    if op in (ast.Eq, ast.In):
        return domain.joined(Demand(domain.of, among=values))
    if op in (ast.NotEq, ast.NotIn):
        return domain.joined(Demand(domain.of, outside=values))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    strict = op in (ast.Lt, ast.Gt)
    if op in (ast.Lt, ast.LtE):
        return domain.joined(Demand(domain.of, most=value, open_most=strict))
    return domain.joined(Demand(domain.of, least=value, open_least=strict))


def _domain(node: ast.expr, scope: Scope) -> Demand:
    """What a value can be at all, by its type."""
    of = ast.unparse(node)
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Name) and called.id in ("length", "count"):
        return Demand(of, least=0)
    kind = type_of_node(node, scope)
    values = kind.values if isinstance(kind, Scalar) else frozenset()
    return Demand(of, among=values or None)


def _is_unknown(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "unknown"


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Tuple):
        return all(_is_literal(element) for element in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _is_literal(node.operand)
    return isinstance(node, ast.Constant) or _is_truth(node)


def _is_truth(node: ast.expr) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and node.id in ("true", "false")


def _literal(node: ast.expr) -> object:
    if isinstance(node, ast.List | ast.Tuple):
        return tuple(_literal(element) for element in node.elts)
    if isinstance(node, ast.UnaryOp):
        value = _literal(node.operand)
        return -value if isinstance(value, int | float) else value
    if _is_truth(node):
        return node.id == "true"
    assert isinstance(node, ast.Constant)
    return node.value


def _holds(left: object, op: type[ast.cmpop], right: object) -> bool:
    """A comparison of two literals; one that makes no sense holds nowhere."""
    if op in (ast.Eq, ast.NotEq):
        return (left == right) is (op is ast.Eq)
    if op in (ast.In, ast.NotIn):
        inside = left in right if isinstance(right, tuple) else str(left) in str(right)
        return inside is (op is ast.In)
    demand = _demanded(Demand(""), op, right)
    return demand is not None and demand.joined(Demand("", frozenset({left}))).can_hold
