"""The rows, in memory: a row is a dictionary of strings, replaced whole when it changes."""

from __future__ import annotations

from collections.abc import Iterator

from app.servicenow.fake.schema import (
    SCHEMA,
    Kind,
    ancestry,
    columns_of,
    extensions_of,
    number_prefix,
)

Row = dict[str, str]

FIRST_NUMBER = 10_001


class Records:
    """Rows by table and sys_id. A row stands in its own table and is found in all it extends."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Row]] = {name: {} for name in SCHEMA}
        self._numbers: dict[str, int] = {}
        self._labels: dict[tuple[str, str], dict[str, str]] | None = None

    def of(self, table: str) -> list[Row]:
        """Every row of a table and of those that extend it, in the order of insertion."""
        return [row for name in extensions_of(table) for row in self._tables[name].values()]

    def find(self, table: str, sys_id: str) -> Row | None:
        """The row of that key; None where the table has none."""
        found = self.locate(table, sys_id)
        return None if found is None else found[1]

    def locate(self, table: str, sys_id: str) -> tuple[str, Row] | None:
        """The row of that key and the very table that it stands in."""
        for name in extensions_of(table):
            if sys_id in self._tables[name]:
                return name, self._tables[name][sys_id]
        return None

    def first(self, table: str, **equal: str) -> Row | None:
        """The first row with these values."""
        return next(self.where(table, **equal), None)

    def where(self, table: str, **equal: str) -> Iterator[Row]:
        """Every row with these values."""
        for row in self.of(table):
            if all(row[column] == value for column, value in equal.items()):
                yield row

    def put(self, table: str, row: Row) -> None:
        """Insert a row, or put it in the place of the one with its key."""
        self._tables[table][row["sys_id"]] = row
        self._forget_labels(table)

    def remove(self, table: str, sys_id: str) -> None:
        """Take a row away."""
        del self._tables[table][sys_id]
        self._forget_labels(table)

    def next_number(self, table: str) -> str:
        """INC0010001, INC0010002, ...; "" for tables without numbers."""
        prefix = number_prefix(table)
        if not prefix:
            return ""
        following = self._numbers.get(prefix, FIRST_NUMBER)
        self._numbers[prefix] = following + 1
        return f"{prefix}{following:07}"

    def display(self, table: str, sys_id: str) -> str:
        """What stands for a row where it is referred to; "" where there is no such row."""
        found = self.locate(table, sys_id)
        if found is None:
            return ""
        name, row = found
        return row.get(SCHEMA[name].display, "") or row.get("name", "") or row.get("number", "")

    def label(self, table: str, column: str, value: str) -> str:
        """A choice's label, looked up in the table and then in those that it extends."""
        if self._labels is None:
            self._labels = self._read_labels()
        for part in ancestry(table):
            known = self._labels.get((part.name, column), {})
            if value in known:
                return known[value]
        return value

    def dump(self) -> dict[str, list[Row]]:
        """Every row of every table that has any."""
        return {name: list(rows.values()) for name, rows in self._tables.items() if rows}

    def _read_labels(self) -> dict[tuple[str, str], dict[str, str]]:
        labels: dict[tuple[str, str], dict[str, str]] = {}
        for row in self._tables["sys_choice"].values():
            labels.setdefault((row["name"], row["element"]), {})[row["value"]] = row["label"]
        return labels

    def _forget_labels(self, table: str) -> None:
        if table == "sys_choice":
            self._labels = None


def empty_row(table: str) -> Row:
    """A row of a table with nothing in it."""
    return dict.fromkeys(columns_of(table), "")


def step(records: Records, table: str, row: Row, path: str) -> tuple[str, str, str] | None:
    """Follow a dot-walk such as `cmdb_ci.name`.

    Returns the table, the column and the value at its end; None where the path is no column. An
    empty reference on the way ends in "".
    """
    first, _, rest = path.partition(".")
    column = columns_of(table).get(first)
    if column is None:
        return None
    if not rest:
        return table, first, row[first]
    if column.kind is not Kind.REFERENCE:
        return None
    found = records.locate(column.to, row[first])
    if found is None:
        return _end_of(column.to, rest)
    return step(records, *found, rest) or _end_of(column.to, rest)


def _end_of(table: str, path: str) -> tuple[str, str, str] | None:
    """Where a dot-walk over an empty reference ends, with no value there."""
    first, _, rest = path.partition(".")
    column = columns_of(table).get(first)
    if column is None:
        return None
    if not rest:
        return table, first, ""
    return _end_of(column.to, rest) if column.kind is Kind.REFERENCE else None
