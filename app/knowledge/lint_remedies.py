"""What a failure mode asks and repairs, held against the catalog: there, whole, and proven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.knowledge.actions import Action, Actions
from app.knowledge.expressions import Expression
from app.knowledge.failure_mode import FailureMode, RemedyStep, computed
from app.knowledge.lint_conditions import Found, typed
from app.knowledge.schema import ANY, Scope, type_of
from app.strict_yaml import Place


def action_problems(mode: FailureMode, scope: Scope, actions: Actions) -> Iterator[Found]:
    """Actions that the catalog does not have, or not with these parameters."""
    for index, ask in enumerate(mode.asks):
        place: Place = ("asks", index)
        yield from _call(ask.action, ask.params, scope, place, actions)
        action = actions.get(ask.action)
        if action is not None and action.changes:
            said = f"{ask.action} changes the host; expected a diagnostic, which only reads"
            yield (*place, "action"), said
    for index, remedy in enumerate(mode.remedies):
        for number, step in enumerate(remedy.steps):
            yield from _step(mode, step, scope, ("remedies", index, "steps", number), actions)


def proof_problems(mode: FailureMode, actions: Actions) -> Iterator[Found]:
    """Repairs of which nothing would show whether they helped, and modes that lead nowhere."""
    for index, remedy in enumerate(mode.remedies):
        shown = any(_is_shown(step, actions) for step in remedy.steps)
        if not shown and not mode.asks and remedy.person is None:
            said = f"nothing verifies {remedy.title!r}; expected a step that the catalog verifies"
            yield ("remedies", index), f"{said} or can undo, an `asks`, or a `person` who looks"
    if not mode.remedies and not mode.recommend:
        yield (), "it ends nowhere; expected `remedies`, or `recommend` for the person it goes to"


def _is_shown(step: RemedyStep, actions: Actions) -> bool:
    """Whether a step's effect is looked at; composed steps are made of actions that are."""
    action = actions.get(step.action or "")
    return step.action is None or (action is not None and (action.is_verified or action.is_undone))


def _step(
    mode: FailureMode, step: RemedyStep, scope: Scope, place: Place, actions: Actions
) -> Iterator[Found]:
    for word, named in (("start", step.start), ("renew", step.renew)):
        if named is not None:
            yield from _names_unit(named, scope, (*place, word))
    if step.restore is not None and step.restore not in scope:
        said = f"a {mode.subject} has no {step.restore!r} to put back"
        yield (*place, "restore"), f"{said}; expected a subject that has one"
    if step.action is None:
        return
    inner = dict(scope)
    if step.each is not None:
        yield from typed(step.each, scope, (*place, "each"))
        inner["item"] = type_of(step.each, scope, lambda _said: None).items
    yield from _call(step.action, step.params, inner, place, actions)
    action = actions.get(step.action)
    if action is not None and not action.changes:
        said = f"{step.action} only reads; expected a change (what it tells belongs to `asks`)"
        yield (*place, "action"), said


def _names_unit(named: Expression, scope: Scope, place: Place) -> Iterator[Found]:
    yield from typed(named, scope, place)
    found = type_of(named, scope, lambda _said: None)
    is_unit = "active_state" in (found.fields or ())
    if found is not ANY and not is_unit:
        yield place, f"{named.text!r} is {found.said}; expected a unit"


def _call(
    name: str,
    params: Mapping[str, str | int],
    scope: Scope,
    place: Place,
    actions: Actions,
) -> Iterator[Found]:
    action = actions.get(name)
    if action is None:
        said = f"there is no action {name!r}; expected one of the catalog (sre-agent catalog list)"
        yield (*place, "action"), said
        return
    missing = sorted(action.parameters - set(params))
    unknown = sorted(set(params) - action.parameters)
    takes = ", ".join(sorted(action.parameters)) or "none"
    if missing:
        said = f"{name} lacks {', '.join(missing)}; expected parameters: {takes}"
        yield (*place, "params"), said
    for parameter in unknown:
        said = f"{name} has no parameter {parameter!r}; expected parameters: {takes}"
        yield (*place, "params", parameter), said
    for parameter, value in params.items():
        if parameter in action.parameters:
            yield from _value(action, parameter, value, scope, (*place, "params", parameter))


def _value(
    action: Action, parameter: str, value: str | int, scope: Scope, place: Place
) -> Iterator[Found]:
    expression = computed(value)
    if expression is not None:
        yield from typed(expression, scope, place)
    elif said := action.unfit(parameter, value):
        yield place, said
