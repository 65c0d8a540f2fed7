"""The base of every table: names of constraints, UTC times, text and JSON for any database."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Enum, Integer, MetaData, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from app.domain.value import JsonObject

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL refuses in text: NUL, and halves of surrogate pairs (undecodable bytes)."""


def storable(text: str) -> str:
    """The text with what no database takes shown as a mark; hosts may print anything."""
    return UNSTORABLE.sub(lambda found: "\u2400" if found[0] == "\x00" else "\ufffd", text)


def storable_json(value: Any) -> Any:
    """The same for JSON, at any depth. NaN and infinities are unknown (null): JSON has neither."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {storable(str(key)): storable_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_json(item) for item in value]
    return value


class UtcDateTime(TypeDecorator[datetime]):
    """Points in time. Naive ones are refused; what comes back is aware and in UTC, everywhere."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value.isoformat()}: times carry their zone, UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite keeps no zone; what was stored is UTC, by the line above
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class StorableText(TypeDecorator[str]):
    """Text from anywhere."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class StorableJson(TypeDecorator[Any]):
    """JSON from anywhere. The text is kept as written (JSON, not JSONB): it may be hashed."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> Any:
        return storable_json(value)


class DatabaseNow(FunctionElement[datetime]):
    """The database's clock: the one that all processes share."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(DatabaseNow, "sqlite")
def _now_of_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_kw: Any) -> str:
    # six digits after the second, as SQLAlchemy stores times: texts compare as times do
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(DatabaseNow, "postgresql")
def _now_of_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "clock_timestamp()"  # now() stands still within a transaction


ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")

Identity = Annotated[int, mapped_column(ROW_NUMBER, primary_key=True)]
"""A row's number. 64 bits; on SQLite AUTOINCREMENT (per table), so no number is given twice."""

Reference = Annotated[int, mapped_column(ROW_NUMBER)]
"""The number of another row."""

Written = Annotated[datetime, mapped_column(UtcDateTime, insert_default=DatabaseNow())]
"""When the row was written, by the database's clock."""


class Base(DeclarativeBase):
    """The base of all tables. Enums are kept as their values, in text."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # what the database filled in comes back with the statement: the audit's chain covers it too
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012  SQLAlchemy's own name and type
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        str: StorableText(),
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            length=32,
            values_callable=lambda kind: [member.value for member in kind],
        ),
        JsonObject: StorableJson(),
        list[str]: StorableJson(),
        list[int]: StorableJson(),
        list[JsonObject]: StorableJson(),
    }
