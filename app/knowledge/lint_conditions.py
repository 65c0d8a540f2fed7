"""Conditions of a failure mode that cannot work: unknown facts, and what can never be true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from app.errors import KnowledgeError
from app.knowledge.expressions import Expression
from app.knowledge.failure_mode import FailureMode
from app.knowledge.satisfiable import may_hold
from app.knowledge.schema import Scope, type_of
from app.strict_yaml import Place

_BRACES = re.compile(r"\{([^{}]+)\}")

Found = tuple[Place, str]


def scope_of(mode: FailureMode, names: Scope) -> Scope:
    """What the mode's conditions may read: the subject's names, and those that it binds."""
    scope = dict(names)
    for name, expression in mode.let.items():
        scope[name] = type_of(expression, scope, lambda _said: None)
    return scope


def condition_problems(mode: FailureMode, names: Scope) -> Iterator[Found]:
    """Everything that is wrong with conditions, computed names and the braces of texts."""
    scope = dict(names)
    for name, expression in mode.let.items():
        yield from typed(expression, scope, ("let", name))
        if name in names:
            yield ("let", name), f"{name!r} hides the fact of that name; expected another name"
        scope[name] = type_of(expression, scope, lambda _said: None)
    yield from typed(mode.candidate, scope, ("candidate",))
    for place, condition in _conditions(mode):
        yield from typed(condition, scope, place)
    for place, text in _texts(mode):
        yield from _of_braces(text, scope, place)
    yield from _never_true(mode, scope)
    yield from _counted_twice(mode)


def typed(expression: Expression, scope: Scope, place: Place) -> Iterator[Found]:
    """What is wrong with what an expression reads and compares."""
    said: list[str] = []
    type_of(expression, scope, said.append)
    for one in dict.fromkeys(said):
        yield place, one


def _conditions(mode: FailureMode) -> Iterator[tuple[Place, Expression]]:
    """Every condition but the candidate, with its place."""
    for index, sign in enumerate(mode.signs):
        yield ("signs", index, "if"), sign.condition
    for index, ask in enumerate(mode.asks):
        if ask.condition is not None:
            yield ("asks", index, "if"), ask.condition
    for index, remedy in enumerate(mode.remedies):
        if remedy.condition is not None:
            yield ("remedies", index, "if"), remedy.condition
        for number, step in enumerate(remedy.steps):
            if step.condition is not None:
                yield ("remedies", index, "steps", number, "if"), step.condition
    for index, handover in enumerate(mode.handovers):
        yield ("handovers", index, "if"), handover.condition


def _texts(mode: FailureMode) -> Iterator[tuple[Place, str]]:
    yield ("cause",), mode.cause
    yield ("recommend",), mode.recommend
    for index, sign in enumerate(mode.signs):
        yield ("signs", index, "says"), sign.says
    for index, handover in enumerate(mode.handovers):
        yield ("handovers", index, "because"), handover.because
    for index, remedy in enumerate(mode.remedies):
        yield ("remedies", index, "person"), remedy.person or ""


def _of_braces(text: str, scope: Scope, place: Place) -> Iterator[Found]:
    for inside in _BRACES.findall(text):
        try:
            expression = Expression(inside)
        except KnowledgeError as error:
            yield place, error.message
            continue
        yield from typed(expression, scope, place)


def _never_true(mode: FailureMode, scope: Scope) -> Iterator[Found]:
    """Conditions that no facts can make true, by themselves or where the mode fits."""
    fits: ast.expr = mode.candidate.tree
    if not may_hold([fits], scope):
        yield ("candidate",), f"{mode.candidate.text!r} can never be true, so the mode fits nothing"
        return
    for place, condition in _conditions(mode):
        what = f"{condition.text!r} can never be true"
        if not may_hold([condition.tree], scope):
            yield place, f"{what}; expected a condition that some facts fulfil"
        elif not may_hold([condition.tree, fits], scope) and not _weighs_otherwise(mode, place):
            yield place, f"{what} where the candidate {mode.candidate.text!r} is"


def _weighs_otherwise(mode: FailureMode, place: Place) -> bool:
    """Whether a sign works by not being so."""
    index = place[1]
    return place[0] == "signs" and isinstance(index, int) and bool(mode.signs[index].otherwise)


def _counted_twice(mode: FailureMode) -> Iterator[Found]:
    """The same fact as two signs would count twice."""
    seen: dict[str, int] = {}
    for index, sign in enumerate(mode.signs):
        text = " ".join(sign.condition.text.split())
        first = seen.setdefault(text, index)
        if first != index:
            said = f"{text!r} is sign {first + 1} too, so it counts twice; expected each fact once"
            yield ("signs", index, "if"), said
