"""Sequences of PostgreSQL that are behind the table whose rows they number."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.domain.value import Value
from app.host.database_facts import PostgresCluster, SequenceBehind
from app.host.databases import cluster, servers
from app.host.view import HostView

CHECK = "sequence"
"""The check that a sequence is ahead of its table."""

Said = tuple[bool, str]


class LateSequence(Value):
    """A sequence that was ahead of its table, or was not seen, while the host was healthy."""

    port: int
    behind: SequenceBehind
    said: str  # as a sentence without its end
    evidence_id: int

    @property
    def subject(self) -> str:
        """What its check asks about."""
        return f"{self.port} {self.behind.database} {self.behind.sequence}"


def late(now: HostView, then: HostView | None) -> tuple[LateSequence, ...]:
    """Every sequence whose next number is refused, but those that were so while all was well.

    There the numbers come from elsewhere, and nobody asks the sequence.
    """
    before = {} if then is None else {one.subject: one.server for one in servers(then)}
    found = []
    for one in servers(now):
        if not isinstance(one.server, PostgresCluster):
            continue
        was = before.get(one.subject)
        known = was.behind if isinstance(was, PostgresCluster) else ()
        usual = {(b.database, b.sequence) for b in known}
        found += [
            LateSequence(port=one.server.port, behind=b, said=_said(b), evidence_id=one.evidence_id)
            for b in one.server.behind
            if (b.database, b.sequence) not in usual
        ]
    return tuple(found)


def _said(one: SequenceBehind) -> str:
    return (
        f"the sequence {one.sequence} of {one.database} gives {one.next} next, and {one.table} has "
        f"rows up to {one.highest}: each new row is refused as a duplicate key"
    )


def _is_ahead(view: HostView, subject: str) -> Said | None:
    port, database, sequence = subject.split(" ")
    one = cluster(view, int(port))
    if one is None or not one.looked_into(database):
        return None
    found = next((b for b in one.behind if (b.database, b.sequence) == (database, sequence)), None)
    if found is None:
        return True, f"the sequence {sequence} of {database} is ahead of its table"
    return False, _said(found)


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {CHECK: _is_ahead}
