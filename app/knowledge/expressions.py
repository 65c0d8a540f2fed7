"""The language of conditions: a small, safe part of Python's expressions over facts.

Three-valued (Kleene's strong logic): a fact that nobody has looked at is UNKNOWN, and an UNKNOWN
condition neither speaks for nor against a cause. `unit.active_state == 'failed'` is UNKNOWN, not
false, before the unit has been looked at; `false and UNKNOWN` is false all the same.

Allowed: names, attributes, literals of text and number, lists, `true` and `false`,
`== != < <= > >= in not in`, `and or not`, `+ - * /` on numbers, `a if c else b`, and the functions
of `FUNCTIONS` and `QUANTIFIERS`; a quantifier takes a generator:
`any(l.port == 80 for l in listeners)`. Nothing else parses: there is no call of a method, no index,
no lambda, no underscore name. A condition is data; it cannot do anything.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from app.errors import KnowledgeError


class _Unknown:
    """The value of what has not been observed."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("UNKNOWN is neither true nor false; compare with `is UNKNOWN`")


UNKNOWN: Final = _Unknown()

Facts = Mapping[str, Any]
"""Names and their values: dicts, lists and scalars. None means not told, hence UNKNOWN."""


def _matches(text: object, pattern: object) -> object:
    """Whether the pattern is found in the text, ignoring case."""
    if not isinstance(text, str) or not isinstance(pattern, str):
        return UNKNOWN
    return re.search(pattern, text[:20_000], re.IGNORECASE) is not None


def _length(value: object) -> object:
    return len(value) if isinstance(value, list | tuple | str | dict) else UNKNOWN


def _beneath(path: object, folder: object) -> object:
    """Whether a path is the folder or lies below it."""
    if not isinstance(path, str) or not isinstance(folder, str):
        return UNKNOWN
    root = folder.rstrip("/")
    return path == root or path.startswith(root + "/")


def _either(one: object, other: object) -> object:
    """The first of two that is known."""
    return other if one is UNKNOWN else one


FUNCTIONS: Final[dict[str, Callable[..., object]]] = {
    "matches": _matches,
    "length": _length,
    "beneath": _beneath,
    "either": _either,
}
QUANTIFIERS: Final = frozenset({"any", "all", "count", "first", "last"})
"""`first(l for l in listeners if l.port == 80)` is that item, UNKNOWN where there is none."""

CONSTANTS: Final[dict[str, object]] = {"true": True, "false": False, "unknown": UNKNOWN}

_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, box: item in box,
    ast.NotIn: lambda item, box: item not in box,
}
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Expression:
    """One parsed condition. `names` are the facts it reads, for the linter and for planning."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.tree: ast.expr = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise KnowledgeError(
                f"The condition {text!r} does not parse: {error.msg} at column {error.offset}.",
                hint="See docs/reference/conditions.md for the language.",
            ) from error
        self.names: frozenset[str] = frozenset(_check(self.tree, text, frozenset()))

    def value(self, facts: Facts) -> object:
        """Evaluate over facts; UNKNOWN where what it needs has not been observed."""
        return _evaluate(self.tree, facts)

    def holds(self, facts: Facts) -> bool | None:
        """True, False, or None for unknown."""
        found = _truth(self.value(facts))
        return None if found is UNKNOWN else bool(found)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


# --- checking: what may stand in a condition -----------------------------------------------------


def _check(node: ast.AST, text: str, bound: frozenset[str]) -> set[str]:
    """Refuse what the language does not have; return the free names (dotted paths) it reads."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | bool):
        return set()
    if isinstance(node, ast.Name | ast.Attribute):
        return _check_path(node, text, bound)
    if isinstance(node, ast.Call):
        return _check_call(node, text, bound)
    known = not isinstance(node, ast.Compare) or all(type(op) in _COMPARE for op in node.ops)
    if isinstance(node, _ALLOWED) and known:
        return set().union(*(_check(c, text, bound) for c in _operands(node)), set())
    raise KnowledgeError(
        f"The condition {text!r} uses {type(node).__name__}, which the language does not have.",
        hint="Allowed are facts, literals, comparisons, and/or/not, and "
        + ", ".join(sorted([*FUNCTIONS, *QUANTIFIERS]))
        + ".",
    )


_ALLOWED: Final = (ast.BoolOp, ast.UnaryOp, ast.Compare, ast.List, ast.Tuple, ast.IfExp, ast.BinOp)


def _operands(node: ast.AST) -> Iterable[ast.AST]:
    return (c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))


def _check_path(node: ast.AST, text: str, bound: frozenset[str]) -> set[str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or any(p.startswith("_") for p in [*parts, node.id]):
        raise KnowledgeError(f"The condition {text!r} reads something that is not a named fact.")
    if node.id in bound or node.id in CONSTANTS:
        return set()
    return {".".join([node.id, *reversed(parts)])}


def _check_call(node: ast.Call, text: str, bound: frozenset[str]) -> set[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if node.keywords or name not in {*FUNCTIONS, *QUANTIFIERS}:
        raise KnowledgeError(f"The condition {text!r} calls something that is not a function.")
    if name in FUNCTIONS:
        return set().union(*(_check(a, text, bound) for a in node.args), set())
    generator = node.args[0] if len(node.args) == 1 else None
    if not isinstance(generator, ast.GeneratorExp) or len(generator.generators) != 1:
        raise KnowledgeError(f"In {text!r}, {name} takes one generator: {name}(x.a for x in xs).")
    clause = generator.generators[0]
    if not isinstance(clause.target, ast.Name):
        raise KnowledgeError(f"In {text!r}, {name} binds one plain name.")
    inner = bound | {clause.target.id}
    found = _check(clause.iter, text, bound) | _check(generator.elt, text, inner)
    return found.union(*(_check(c, text, inner) for c in clause.ifs), set())


# --- evaluating ----------------------------------------------------------------------------------


def _truth(value: object) -> object:
    """Kleene's truth of a value: UNKNOWN stays, a collection is true when it has something."""
    return UNKNOWN if value is UNKNOWN else bool(value)


def _evaluate(node: ast.AST, facts: Facts) -> object:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return _named(node.id, facts)
        case ast.Attribute():
            return _attribute(_evaluate(node.value, facts), node.attr)
        case ast.BoolOp():
            return _bool_op(node, facts)
        case ast.UnaryOp():
            return _unary(node, facts)
        case ast.Compare():
            return _compare(node, facts)
        case ast.BinOp():
            return _binary(node, facts)
        case ast.List() | ast.Tuple():
            return [_evaluate(e, facts) for e in node.elts]
        case ast.IfExp():
            return _if(node, facts)
        case ast.Call():
            return _call(node, facts)
    raise AssertionError(f"unchecked node {node!r}")


def _named(name: str, facts: Facts) -> object:
    return CONSTANTS[name] if name in CONSTANTS else _known(facts.get(name, UNKNOWN))


def _known(value: object) -> object:
    return UNKNOWN if value is None else value


def _attribute(owner: object, name: str) -> object:
    if isinstance(owner, Mapping):
        return _known(owner.get(name, UNKNOWN))
    return UNKNOWN


def _bool_op(node: ast.BoolOp, facts: Facts) -> object:
    decisive = isinstance(node.op, ast.Or)
    result: object = not decisive
    for operand in node.values:
        truth = _truth(_evaluate(operand, facts))
        if truth is decisive:
            return decisive
        if truth is UNKNOWN:
            result = UNKNOWN
    return result


def _unary(node: ast.UnaryOp, facts: Facts) -> object:
    value = _evaluate(node.operand, facts)
    if isinstance(node.op, ast.Not):
        truth = _truth(value)
        return UNKNOWN if truth is UNKNOWN else not truth
    if isinstance(node.op, ast.USub) and isinstance(value, int | float):
        return -value
    return UNKNOWN


def _compare(node: ast.Compare, facts: Facts) -> object:
    left = _evaluate(node.left, facts)
    result: object = True
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = _evaluate(right_node, facts)
        found = _apply(_COMPARE[type(op)], left, right)
        if found is False:
            return False
        if found is UNKNOWN:
            result = UNKNOWN
        left = right
    return result


def _binary(node: ast.BinOp, facts: Facts) -> object:
    work = _ARITHMETIC.get(type(node.op))
    if work is None:
        return UNKNOWN
    return _apply(work, _evaluate(node.left, facts), _evaluate(node.right, facts))


def _apply(work: Callable[[Any, Any], Any], left: object, right: object) -> object:
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    try:
        result: object = work(left, right)
    except (TypeError, ZeroDivisionError):  # facts of another kind than the condition expects
        return UNKNOWN
    return result


def _if(node: ast.IfExp, facts: Facts) -> object:
    truth = _truth(_evaluate(node.test, facts))
    if truth is UNKNOWN:
        return UNKNOWN
    return _evaluate(node.body if truth else node.orelse, facts)


def _call(node: ast.Call, facts: Facts) -> object:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in FUNCTIONS:
        return FUNCTIONS[name](*(_evaluate(a, facts) for a in node.args))
    generator = node.args[0]
    assert isinstance(generator, ast.GeneratorExp)
    members = _members(generator, facts)
    if name in ("first", "last"):
        known = [m for m in members if m is not UNKNOWN]
        return UNKNOWN if not known else known[0 if name == "first" else -1]
    truths = [_truth(m) for m in members]
    return _quantify(name, truths, known=_iterable_known(generator, facts))


def _iterable_known(generator: ast.GeneratorExp, facts: Facts) -> bool:
    return isinstance(_evaluate(generator.generators[0].iter, facts), list | tuple)


def _members(generator: ast.GeneratorExp, facts: Facts) -> Iterable[object]:
    clause = generator.generators[0]
    assert isinstance(clause.target, ast.Name)
    items = _evaluate(clause.iter, facts)
    for item in items if isinstance(items, list | tuple) else ():
        inner = {**facts, clause.target.id: item}
        kept: list[object] = [_truth(_evaluate(c, inner)) for c in clause.ifs]
        if False in kept:
            continue
        yield UNKNOWN if UNKNOWN in kept else _evaluate(generator.elt, inner)


def _quantify(name: str, truths: list[object], *, known: bool) -> object:
    if not known:
        return UNKNOWN
    if name == "count":
        return UNKNOWN if UNKNOWN in truths else sum(t is True for t in truths)
    decisive = name == "any"
    if decisive in truths:
        return decisive
    return UNKNOWN if UNKNOWN in truths else not decisive
