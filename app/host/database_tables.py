"""Tables that a host's databases had while they were healthy: gone, or emptied since.

Nothing brings them back but a copy, and which copy is right is for the owners of the data to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.incident import Incident
from app.domain.value import Value
from app.host.database_facts import DatabaseTable, MariadbServer, PostgresCluster
from app.host.databases import Found, both
from app.host.network_state import text_of
from app.host.view import HostView

_MOST = 400
"""So many are told of one server or database (app/execution/gate)."""


class OneTable(Value):
    """A table of one server, by what it is called, and the evidence on it."""

    engine: str  # postgres | mariadb
    port: int
    database: str
    name: str
    evidence_id: int

    @property
    def subject(self) -> str:
        return f"{self.engine}:{self.port}/{self.database}.{self.name}"

    @property
    def own_name(self) -> str:
        """Without its schema."""
        return self.name.rpartition(".")[2]


class LostTable(OneTable):
    """A table that is gone, or that had rows and has none."""

    is_gone: bool  # else emptied
    said: str  # as a sentence without its end


def is_named_in(incident: Incident, name: str) -> bool:
    """Whether a ticket has a table's name as a word."""
    return re.search(rf"\b{re.escape(name.lower())}\b", text_of(incident)) is not None


def lost(now: HostView, then: HostView | None) -> tuple[LostTable, ...]:
    """Every table that is gone or was emptied since the host was healthy."""
    return tuple(loss for one, was in both(now, then) for loss in _lost(one, was))


def _lost(now: Found, then: Found) -> Iterable[LostTable]:
    current, known = _tables(now), _tables(then)
    if current is None or known is None or len(current) >= _MOST:
        return
    there = {(t.database, t.table): t for t in current}
    seen = _seen(now)
    for was in known:
        one = there.get((was.database, was.table))
        if (seen is not None and was.database not in seen) or was.empty is not False:
            continue  # what had no row is missed by nobody
        if one is not None and one.empty is not True:
            continue
        what = f"the table {was.table} of {was.database} in {now.engine} on port {now.server.port}"
        how = "is gone" if one is None else "is empty: its rows were deleted"
        yield LostTable(
            engine=now.engine,
            port=now.server.port,
            database=was.database,
            name=was.table,
            is_gone=one is None,
            said=f"{what} {how}, and had rows while the host was healthy",
            evidence_id=now.evidence_id,
        )


def _tables(found: Found) -> tuple[DatabaseTable, ...] | None:
    one = found.server
    return one.tables if isinstance(one, PostgresCluster | MariadbServer) else None


def _seen(found: Found) -> frozenset[str] | None:
    """The databases of which all tables are told; None: all."""
    one = found.server
    if not isinstance(one, PostgresCluster):
        return None
    return frozenset(one.databases) - {*one.not_looked_at, *one.tables_unseen}
