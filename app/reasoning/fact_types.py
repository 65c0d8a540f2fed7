"""Types of facts from their models, so that no field is written down twice."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from app.knowledge.schema import (
    ANY,
    NUMBER,
    TEXT,
    TRUTH,
    Listing,
    Record,
    Scalar,
    Scope,
    Type,
    one_of,
)


@cache
def type_of_model(model: type[BaseModel]) -> Record:
    """A model of facts as a record."""
    fields = {name: annotated(info.annotation) for name, info in model.model_fields.items()}
    return Record(f"a thing with fields ({model.__name__})", fields)


def annotated(annotation: Any) -> Type:
    """The type that an annotation stands for; anything where that is not known."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        known = [one for one in arguments if one is not types.NoneType]
        return annotated(known[0]) if len(known) == 1 else ANY
    if origin is Literal:
        return one_of(*map(str, arguments))
    if origin in (tuple, list):
        return Listing(of=annotated(arguments[0]) if arguments else ANY)
    if not isinstance(annotation, type):
        return ANY
    return _of_class(annotation)


def _of_class(of: type) -> Type:
    if issubclass(of, StrEnum):
        return one_of(*(member.value for member in of))
    if issubclass(of, BaseModel):
        return type_of_model(of)
    plain: tuple[tuple[type, Scalar], ...] = (
        (bool, TRUTH), (int, NUMBER), (float, NUMBER), (str, TEXT)
    )  # fmt: skip
    return next((found for kind, found in plain if issubclass(of, kind)), ANY)


def extended(model: type[BaseModel] | Record, more: Mapping[str, Type]) -> Record:
    """A model and what gathering adds to it, or knows better."""
    record = model if isinstance(model, Record) else type_of_model(model)
    return Record(record.said, {**(record.fields or {}), **more})


def made(told: str, /, **fields: Type) -> Record:
    """What gathering makes up itself."""
    return Record(told, fields)


def each(model: type[BaseModel] | Record) -> Listing:
    """A list of them."""
    return Listing(of=model if isinstance(model, Record) else type_of_model(model))


def misfits(facts: Mapping[str, object], scope: Scope) -> list[str]:
    """Paths of facts that a scope does not have, or not with such a value."""
    return sorted(set(_misfits(facts, Record("the facts", scope), "")))


def _misfits(value: object, of: Type, path: str) -> list[str]:
    if value is None or of is ANY:
        return []
    if isinstance(value, Mapping):
        if not isinstance(of, Record):
            return [path]
        named = ((f"{path}.{key}".lstrip("."), of.field(key), one) for key, one in value.items())
        return [p for at, kind, one in named
                for p in ([at] if kind is None else _misfits(one, kind, at))]  # fmt: skip
    if isinstance(value, list | tuple):
        if not isinstance(of, Listing):
            return [path]
        return [p for item in value for p in _misfits(item, of.of, f"{path}[]")]
    return [] if _fits(value, of) else [f"{path}={value!r}"]


def _fits(value: object, of: Type) -> bool:
    if not isinstance(of, Scalar):
        return False
    kind = TRUTH if isinstance(value, bool) else NUMBER if isinstance(value, int | float) else TEXT
    return kind.said == of.said and (not of.values or value in of.values)
