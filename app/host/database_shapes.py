"""Tables that are made otherwise than while healthy: a column, a constraint, a trigger.

A migration that was left half done refuses rows that the application writes as ever. Which of the
two is right, its owners know.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.host.database_facts import MariadbServer, PostgresCluster, TableShape
from app.host.database_tables import OneTable
from app.host.databases import Found, both
from app.host.view import HostView

_MOST = 2000
"""So many parts are told of one database or server (app/execution/gate)."""

_SHOWN = 3


class ReshapedTable(OneTable):
    """A table that has parts that it had not, or lacks some that it had."""

    # a line a part: "trigger audit BEFORE INSERT ON ...", "column note text not null"
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def refuses(self) -> bool:
        """Whether what it gained may refuse rows."""
        return any(
            part.startswith(("trigger ", "constraint ", "rule ", "row level"))
            or part.endswith("not null")
            for part in self.gained
        )

    @property
    def said(self) -> str:
        """As a sentence without its end."""
        told = [f"has {part}, which it had not" for part in self.gained[:_SHOWN]]
        told += [f"lacks {part}, which it had" for part in self.lost[:_SHOWN]]
        where = f"of {self.database} in {self.engine} on port {self.port}"
        return f"the table {self.name} {where} {'; '.join(told)} while the host was healthy"


def reshaped(now: HostView, then: HostView | None) -> tuple[ReshapedTable, ...]:
    """Every table that there was and that is made otherwise."""
    return tuple(one for current, was in both(now, then) for one in _reshaped(current, was))


def _reshaped(now: Found, then: Found) -> Iterable[ReshapedTable]:
    current, known = _shapes(now), _shapes(then)
    if sum(len(shape.parts) for shape in current) >= _MOST:
        return
    there = {(shape.database, shape.table): shape.parts for shape in current}
    for was in known:
        parts = there.get((was.database, was.table))
        if parts is None or parts == was.parts:
            continue  # what is gone is told of as gone
        yield ReshapedTable(
            engine=now.engine,
            port=now.server.port,
            database=was.database,
            name=was.table,
            gained=tuple(part for part in parts if part not in was.parts),
            lost=tuple(part for part in was.parts if part not in parts),
            evidence_id=now.evidence_id,
        )


def _shapes(found: Found) -> tuple[TableShape, ...]:
    one = found.server
    return (one.shapes or ()) if isinstance(one, PostgresCluster | MariadbServer) else ()
