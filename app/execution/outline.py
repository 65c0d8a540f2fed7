"""The catalog's outline: what failure modes are held against (app/knowledge/lint_remedies.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.execution.catalog import Catalog
from app.execution.gate.parameters import Unfit, check
from app.knowledge.actions import Action, Actions


def outline(catalog: Catalog) -> Actions:
    """Every action with its parameters and how its effect is shown."""
    return {
        entry.id: Action(
            parameters=frozenset(entry.params),
            changes=entry.changes,
            is_verified=bool(entry.verify),
            is_undone=bool(entry.undo),
            unfit=_Unfitness(catalog.types_of(entry)),
        )
        for entry in catalog.actions.values()
    }


class _Unfitness:
    """Says why a literal value does not fit one of an action's parameters; "" where it does."""

    def __init__(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        self._types = types

    def __call__(self, name: str, value: object) -> str:
        try:
            check(name, value, self._types[name])
        except Unfit as problem:
            return str(problem)
        return ""
