"""Encoded queries: `active=true^priorityIN1,2^ORassigned_toISEMPTY^ORDERBYDESCopened_at`.

`^` joins with and, `^OR` adds an alternative to the term before, `^NQ` begins another query whose
rows are taken too, `^^` is a caret in a value. A term that is not understood, or whose column does
not exist, is left out, so that more rows come back: so does ServiceNow, unless the property
glide.invalid_query.returns_no_rows says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.servicenow.fake.clock import meant_in
from app.servicenow.fake.records import Records, Row, step
from app.servicenow.fake.schema import Kind, columns_of

_TERM = re.compile(
    r"(?P<path>[a-z0-9_]+(?:\.[a-z0-9_]+)*)"
    r"(?P<operator>NOT IN|NOT LIKE|NOTLIKE|DOES NOT CONTAIN|!=|>=|<=|=|>|<|STARTSWITH|ENDSWITH"
    r"|CONTAINS|LIKE|ISNOTEMPTY|ISEMPTY|IN)"
    r"(?P<value>.*)",
    re.DOTALL,
)
_CARET = "\x00"

_NUMBER = re.compile(r"-?\d{1,15}(\.\d+)?")


@dataclass(frozen=True)
class Term:
    """One comparison."""

    path: str
    operator: str
    value: str


@dataclass(frozen=True)
class Order:
    """One column to sort by."""

    path: str
    descending: bool


@dataclass(frozen=True)
class Query:
    """Alternatives of conjunctions of alternatives: `((a or b) and c) or d`; and an order."""

    branches: tuple[tuple[tuple[Term, ...], ...], ...]
    orders: tuple[Order, ...]
    not_understood: tuple[str, ...]  # left out, as ServiceNow leaves them out


def parse(encoded: str) -> Query:
    """Read an encoded query. Never refuses: what is not understood stands in the result."""
    orders: list[Order] = []
    bad: list[str] = []
    branches = []
    for branch in encoded.replace("^^", _CARET).split("^NQ"):
        groups: list[tuple[Term, ...]] = []
        for part in branch.split("^"):
            _read(part.replace(_CARET, "^"), groups, orders, bad)
        branches.append(tuple(groups))
    return Query(tuple(branches), tuple(orders), tuple(bad))


def _read(part: str, groups: list[tuple[Term, ...]], orders: list[Order], bad: list[str]) -> None:
    if part in ("", "EQ"):
        return
    if part.startswith("ORDERBY"):
        path = part.removeprefix("ORDERBY")
        orders.append(Order(path.removeprefix("DESC"), path.startswith("DESC")))
        return
    alternative = part.startswith("OR")
    found = _TERM.fullmatch(part.removeprefix("OR") if alternative else part)
    if found is None:
        bad.append(part)
    elif alternative and groups:
        groups[-1] = (*groups[-1], Term(**found.groupdict()))
    else:
        groups.append((Term(**found.groupdict()),))


class Search:
    """Runs queries for one user: dates in them are meant in the user's time zone."""

    def __init__(self, records: Records, zone: str = "UTC") -> None:
        self._records = records
        self._zone = zone

    def rows(self, table: str, encoded: str) -> list[Row]:
        """The rows that a query chooses, in its order."""
        query = parse(encoded)
        if self._refuses_bad_terms() and self._has_bad_terms(table, query):
            return []
        chosen = [row for row in self._records.of(table) if self._chooses(query, table, row)]
        for order in reversed(query.orders):
            if self._known(table, order.path):
                chosen.sort(key=self._sorter(table, order.path), reverse=order.descending)
        return chosen

    def matches(self, table: str, row: Row, encoded: str) -> bool:
        """Whether one row is chosen."""
        return self._chooses(parse(encoded), table, row)

    def _chooses(self, query: Query, table: str, row: Row) -> bool:
        return any(
            all(self._any_holds(group, table, row) for group in branch) for branch in query.branches
        )

    def _any_holds(self, group: Iterable[Term], table: str, row: Row) -> bool:
        known = [term for term in group if self._known(table, term.path)]
        return not known or any(self._holds(term, table, row) for term in known)

    def _holds(self, term: Term, table: str, row: Row) -> bool:
        end = step(self._records, table, row, term.path)
        if end is None:
            return False
        at, name, value = end
        column = columns_of(at)[name]
        wanted = term.value
        if column.kind is Kind.REFERENCE and term.operator in _BY_DISPLAY:
            value = self._records.display(column.to, value)
        if column.kind is Kind.MOMENT:
            wanted = meant_in(self._zone, wanted)
        return _COMPARISONS[term.operator](value, wanted)

    def _sorter(self, table: str, path: str) -> Callable[[Row], tuple[float, str]]:
        def key(row: Row) -> tuple[float, str]:
            end = step(self._records, table, row, path)
            return _rank("" if end is None else end[2])

        return key

    def _known(self, table: str, path: str) -> bool:
        blank = dict.fromkeys(columns_of(table), "")
        return step(self._records, table, blank, path) is not None

    def _has_bad_terms(self, table: str, query: Query) -> bool:
        terms = (term for branch in query.branches for group in branch for term in group)
        return bool(query.not_understood) or any(
            not self._known(table, term.path) for term in terms
        )

    def _refuses_bad_terms(self) -> bool:
        name = "glide.invalid_query.returns_no_rows"
        found = self._records.first("sys_properties", name=name)
        return found is not None and found["value"] == "true"


def _rank(value: str) -> tuple[float, str]:
    """Numbers by their size, texts by their letters, whichever case."""
    return (float(value), "") if _NUMBER.fullmatch(value) else (0.0, value.casefold())


def _same(value: str, wanted: str) -> bool:
    return _rank(value) == _rank(wanted)


def _listed(value: str, wanted: str) -> bool:
    return any(_same(value, one) for one in wanted.split(","))


def _contains(value: str, wanted: str) -> bool:
    return wanted.casefold() in value.casefold()


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "=": _same,
    "!=": lambda value, wanted: not _same(value, wanted),
    ">": lambda value, wanted: bool(value) and _rank(value) > _rank(wanted),
    "<": lambda value, wanted: bool(value) and _rank(value) < _rank(wanted),
    ">=": lambda value, wanted: bool(value) and _rank(value) >= _rank(wanted),
    "<=": lambda value, wanted: bool(value) and _rank(value) <= _rank(wanted),
    "IN": _listed,
    "NOT IN": lambda value, wanted: not _listed(value, wanted),
    "LIKE": _contains,
    "CONTAINS": _contains,
    "NOT LIKE": lambda value, wanted: not _contains(value, wanted),
    "NOTLIKE": lambda value, wanted: not _contains(value, wanted),
    "DOES NOT CONTAIN": lambda value, wanted: not _contains(value, wanted),
    "STARTSWITH": lambda value, wanted: value.casefold().startswith(wanted.casefold()),
    "ENDSWITH": lambda value, wanted: value.casefold().endswith(wanted.casefold()),
    "ISEMPTY": lambda value, _: not value,
    "ISNOTEMPTY": lambda value, _: bool(value),
}

_BY_DISPLAY = frozenset(
    {"LIKE", "CONTAINS", "NOT LIKE", "NOTLIKE", "DOES NOT CONTAIN", "STARTSWITH", "ENDSWITH"}
)
