"""Rows as the REST interfaces show them: raw values, labels, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.domain.value import JsonObject
from app.servicenow.fake.clock import shown_in
from app.servicenow.fake.records import Records, Row, step
from app.servicenow.fake.schema import CLASSED, Kind, columns_of, is_a


class Display(StrEnum):
    """`sysparm_display_value`."""

    RAW = "false"
    LABELS = "true"
    BOTH = "all"


@dataclass(frozen=True)
class Look:
    """How rows are to be shown. `fields` empty: every column."""

    display: Display = Display.RAW
    links: bool = True
    fields: tuple[str, ...] = ()
    zone: str = "UTC"  # display values of moments are in the user's time zone
    base_url: str = ""


@dataclass(frozen=True)
class Rendering:
    """Shows rows."""

    records: Records

    def rows(self, table: str, rows: Sequence[Row], look: Look) -> list[JsonObject]:
        """Every row of a result."""
        return [self.row(table, row, look) for row in rows]

    def row(self, table: str, row: Row, look: Look) -> JsonObject:
        """One row: a string, or an object for a reference or with `all`, for each column."""
        shown: JsonObject = {}
        for path in look.fields or columns_of(table):
            end = step(self.records, table, row, path)
            if end is not None:
                at, column, value = end
                own = own_table(table, row) if at == table else at
                shown[path] = self._cell(own, column, value, look)
        return shown

    def _cell(self, table: str, name: str, value: str, look: Look) -> Any:
        column = columns_of(table)[name]
        if column.kind is Kind.JOURNAL:
            value = ""
        label = self._label(table, name, value, look.zone)
        link = {}
        if column.kind is Kind.REFERENCE and value and look.links:
            link = {"link": f"{look.base_url}/api/now/table/{column.to}/{value}"}
        match look.display:
            case Display.BOTH:
                return {"display_value": label, "value": value} | link
            case Display.LABELS:
                return {"display_value": label} | link if link else label
            case Display.RAW:
                return {"value": value} | link if link else value

    def _label(self, table: str, name: str, value: str, zone: str) -> str:
        column = columns_of(table)[name]
        if column.kind is Kind.REFERENCE:
            return self.records.display(column.to, value) if value else ""
        if column.kind is Kind.CHOICE:
            return self.records.label(table, name, value)
        return shown_in(zone, value) if column.kind is Kind.MOMENT else value


def own_table(table: str, row: Row) -> str:
    """The very table that a row stands in, where it says so itself."""
    classed = any(is_a(table, base) for base in CLASSED)
    return row["sys_class_name"] if classed and row["sys_class_name"] else table
