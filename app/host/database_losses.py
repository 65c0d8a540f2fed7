"""What was there inside a host's databases while they were healthy, and is not now.

Nothing fails by it, and everything that used it is slow, or will be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from app.domain.host import Host, asked_of
from app.domain.incident import Incident
from app.domain.probe import Probe
from app.host.amiss import Amiss
from app.host.database_facts import (
    DatabaseIndex,
    MariadbServer,
    PostgresCluster,
    TableWithoutVacuum,
)
from app.host.databases import Found, cluster, clusters, servers
from app.host.network_state import ABOUT_SPEED, text_of
from app.host.view import HostView

UPKEEP = "upkeep"
"""The check that a table is vacuumed by itself, as it was while the host was healthy."""

INDEX = "index"
"""The check that an index that was there while the host was healthy is there and valid."""

_ABOUT_INDEXES = re.compile(
    ABOUT_SPEED.pattern + r"|\b(?:databases?|dbs?|sql|quer(?:y|ies)|index\w*|postgres\w*)\b"
)
"""How people speak of what a dropped index makes worse; it may be gone for good reasons."""

_MOST_INDEXES = 400
"""So many are told of one database (app/execution/gate/postgres.py)."""

_COMES_BACK = 4
"""A quarter of what was ended, within the time that health is watched, comes back to stay."""

Said = tuple[bool, str]


def losses(now: HostView, then: HostView | None) -> tuple[Amiss, ...]:
    """What is missing inside the databases, or was switched off in them, since they were healthy.

    Each with the check that tells whether it is mended, where there is one.
    """
    if then is None:
        return ()
    tables = (
        Amiss(
            key=f"autovacuum {one.database}.{one.table}",
            text=f"autovacuum of {one.database}'s table {one.table} was switched off",
            evidence_id=found.evidence_id,
            check=_check(now.host, UPKEEP, found.server.port, one.database, one.table),
        )
        for found, one in unvacuumed(now, then)
    )
    lost = (
        loss
        for one, current, was in clusters(now, then)
        for loss in _lost(now, current, was, one.evidence_id)
    )
    return (*lost, *tables)


def doubted(
    now: HostView, then: HostView | None, incident: Incident, *, agreed: bool = False
) -> tuple[Probe, ...]:
    """The checks of what is missing that a ticket may be about, or a person has agreed to mend."""
    checks = tuple(loss.check for loss in losses(now, then) if loss.check is not None)
    meant = agreed or _ABOUT_INDEXES.search(text_of(incident)) is not None
    return tuple(c for c in checks if meant or c.check != INDEX)


def unvacuumed(
    now: HostView, then: HostView | None
) -> tuple[tuple[Found, TableWithoutVacuum], ...]:
    """Tables for which autovacuum was switched off since the host was healthy, by server."""
    found = []
    for one, current, was in clusters(now, then):
        off = {(table.database, table.table) for table in was.autovacuum_off}
        new = (t for t in current.autovacuum_off if (t.database, t.table) not in off)
        found += [(one, table) for table in new]
    return tuple(found)


def is_looked_after(view: HostView, subject: str) -> Said | None:
    """Whether autovacuum looks after a table."""
    port, database, table = subject.split(" ")
    one = cluster(view, int(port))
    if one is None or not one.looked_into(database):
        return None
    off = any((t.database, t.table) == (database, table) for t in one.autovacuum_off)
    return not off, f"autovacuum of {database}'s table {table} was switched off"


def has_index(view: HostView, subject: str) -> Said | None:
    """Whether an index is there and valid."""
    port, database, table, name = subject.split(" ")
    one = cluster(view, int(port))
    if one is None or not one.looked_into(database):
        return None
    place = (database, table, name)
    valid = any(i.valid and (i.database, i.table, i.name) == place for i in one.indexes)
    return valid, f"the index {name} of {database}'s table {table} is gone or no longer valid"


def filling_again(view: HostView, group: str, ended: int) -> tuple[Amiss, ...]:
    """Whether sessions of a group of which so many were ended come back to stay."""
    return tuple(
        Amiss(
            key=f"sessions {group}",
            text=f"{one.user} has {one.idle} idle sessions again; {ended} were ended just now",
            evidence_id=found.evidence_id,
        )
        for found in servers(view)
        if isinstance(found.server, PostgresCluster | MariadbServer)
        for one in found.server.groups
        if one.id == group and one.idle * _COMES_BACK >= ended
    )


def lost_indexes(
    now: PostgresCluster, then: PostgresCluster
) -> Iterable[tuple[DatabaseIndex, bool]]:
    """Indexes that were valid while the host was healthy, each with whether it is still there."""
    told = Counter(index.database for index in now.indexes)
    cut_short = {name for name, many in told.items() if many >= _MOST_INDEXES}
    valid = {(i.database, i.table, i.name) for i in now.indexes if i.valid}
    there = {(i.database, i.table, i.name) for i in now.indexes}
    for index in then.indexes:
        name = (index.database, index.table, index.name)
        seen = now.looked_into(index.database) and index.database not in cut_short
        if index.valid and seen and name not in valid:
            yield index, name in there


def _check(host: Host, check: str, port: int, *names: str) -> Probe | None:
    """The check of something named so; None where its name would not be read again as it is."""
    subject = " ".join((str(port), *names))
    return asked_of(host, check, subject) if len(subject.split()) == 1 + len(names) else None


def _lost(
    view: HostView, now: PostgresCluster, then: PostgresCluster, ident: int
) -> Iterable[Amiss]:
    for index, is_there in lost_indexes(now, then):
        how = "is no longer valid" if is_there else "is gone"
        text = f"the index {index.name} of {index.database}'s table {index.table} {how}"
        key = f"index {index.database}.{index.table}.{index.name}"
        check = _check(view.host, INDEX, now.port, index.database, index.table, index.name)
        yield Amiss(key=key, text=text, evidence_id=ident, check=check)
    if then.autovacuum and now.autovacuum is False:
        text = f"autovacuum of PostgreSQL on port {now.port} was switched off"
        yield Amiss(key=f"autovacuum {now.port}", text=text, evidence_id=ident)


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {
    UPKEEP: is_looked_after,
    INDEX: has_index,
}
"""How each check of what is missing is answered."""
