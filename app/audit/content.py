"""What an entry of the chain says of a row: each column, in a form that is the same for ever.

Short values stand as they are. Long text and JSON stand as their SHA-256, so that the chain does
not hold every output twice; which column differs can be said all the same. The form depends on
nothing but the value: the one that is written gives the same as the one that is read back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Float, Integer, Label, Text, cast, inspect, type_coerce
from sqlalchemy.orm import ColumnProperty, Mapper
from sqlalchemy.sql.elements import NamedColumn
from sqlalchemy.types import NullType

from app.domain.value import JsonObject, canonical_json
from app.models.audited import audited_of
from app.models.base import StorableJson, UtcDateTime, storable, storable_json

WHOLE_UP_TO = 120
"""Characters of text that stand in the chain as they are."""


def values_of(row: Any) -> JsonObject:
    """A row's columns as plain JSON values; those that are outside of the audit are left out."""
    return {
        attribute.key: _plain(attribute.columns[0], getattr(row, attribute.key))
        for attribute in audited_columns(inspect(type(row)))
    }


def raw_columns(mapper: Mapper[Any]) -> list[Label[Any]]:
    """A table's columns as the database has them, for `values_of_raw`.

    Whoever writes over a row need not leave what its type can read.
    """
    return [
        (
            cast(attribute.columns[0], Text)
            if isinstance(attribute.columns[0].type, StorableJson)
            else type_coerce(attribute.columns[0], NullType())
        ).label(attribute.key)
        for attribute in audited_columns(mapper)
    ]


def values_of_raw(mapper: Mapper[Any], row: Mapping[str, Any]) -> JsonObject:
    """The same as `values_of`, of what `raw_columns` selected."""
    return {
        attribute.key: _readable(attribute.columns[0], row[attribute.key])
        for attribute in audited_columns(mapper)
    }


def audited_columns(mapper: Mapper[Any]) -> list[ColumnProperty[Any]]:
    """A table's columns but those that are outside of the audit."""
    audited = audited_of(mapper.class_)
    outside = audited.outside if audited else frozenset()
    return [attribute for attribute in mapper.column_attrs if attribute.key not in outside]


def content_of(values: JsonObject) -> JsonObject:
    """What the chain says of these values (from `values_of`)."""
    return {name: _shortened(value) for name, value in values.items()}


def row_id_of(row: Any) -> str:
    """A row's primary key, as text."""
    return "/".join(str(part) for part in inspect(type(row)).primary_key_from_instance(row))


def differing(said: JsonObject, there: JsonObject) -> tuple[str, ...]:
    """The columns in which the row that is there differs from what was said of it.

    A column that a later version added is empty in rows from before, and nothing was said of it.
    """
    later = {name for name in there.keys() - said.keys() if there[name] is None}
    names = sorted((said.keys() | there.keys()) - later)
    return tuple(n for n in names if n not in said or n not in there or said[n] != there[n])


def _plain(column: NamedColumn[Any], value: Any) -> Any:
    kind = column.type
    if value is None:
        return None
    if isinstance(kind, StorableJson):
        return storable_json(value)
    if isinstance(kind, UtcDateTime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(kind, Boolean):
        return bool(value)
    if isinstance(kind, Integer):
        return int(value)
    if isinstance(kind, Float):
        return float(value)
    return storable(str(value))


def _readable(column: NamedColumn[Any], value: Any) -> Any:
    """A value as the database has it; what its type cannot read is no value of ours."""
    kind = column.type
    try:
        if isinstance(kind, StorableJson) and value is not None:
            return json.loads(value)
        if isinstance(kind, UtcDateTime) and isinstance(value, str):
            value = datetime.fromisoformat(value).replace(tzinfo=UTC)
        if isinstance(kind, Boolean) and value not in (None, 0, 1):
            return {"unreadable": str(value)}
        return _plain(column, value)
    except (ValueError, TypeError, AttributeError):
        return {"unreadable": str(value)}


def _shortened(value: Any) -> Any:
    # JSON always by its hash: a value may then never be taken for the hash of another one
    if isinstance(value, dict | list):
        return _digest(canonical_json(value))
    if isinstance(value, str) and len(value) > WHOLE_UP_TO:
        return _digest(value)
    return value


def _digest(text: str) -> JsonObject:
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "characters": len(text)}
