"""Which tables hold facts. A table that says so is chained and guarded, and nothing else is needed:

    class ApiKey(Base):
        __audited__ = Audited(may_change=frozenset({"revoked_at"}), outside=frozenset({"used_at"}))

Each row that is added or changed then gets an entry in the audit's chain in the same transaction
(app/audit/writing.py), the database refuses every other change (app/models/guards.py), and
`sre-agent audit verify` compares each row with the last entry about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table
from sqlalchemy.orm import Mapper

from app.models.base import Base


@dataclass(frozen=True)
class Audited:
    """How a table's rows may change after they were added. Nothing given: not at all."""

    may_change: frozenset[str] = frozenset()
    """Columns that change; each change is an entry of its own."""

    outside: frozenset[str] = frozenset()
    """Columns that change without an entry and are not compared: never part of a fact."""


def audited_of(kind: type[Any]) -> Audited | None:
    """What a mapped class declares; None: its rows are no facts."""
    found = getattr(kind, "__audited__", None)
    return found if isinstance(found, Audited) else None


def audited_mappers() -> tuple[Mapper[Any], ...]:
    """Every table of facts, parents before those that point to them."""
    order = {table: place for place, table in enumerate(Base.metadata.sorted_tables)}
    mappers = [m for m in Base.registry.mappers if audited_of(m.class_) is not None]
    return tuple(sorted(mappers, key=lambda mapper: order[table_of(mapper)]))


def table_of(mapper: Mapper[Any]) -> Table:
    """A mapped class's table."""
    table = mapper.local_table
    assert isinstance(table, Table), "every mapped class has a table of its own"
    return table
