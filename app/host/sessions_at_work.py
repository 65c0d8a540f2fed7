"""Who is at work on the tables of a database, and keeps others waiting: somebody means to be."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.value import Value
from app.host.database_facts import (
    MariadbServer,
    MariadbSession,
    PostgresCluster,
    PostgresSession,
)

LEAST_SECONDS = 3.0
"""What is over sooner keeps nobody waiting to speak of."""


class AtWork(Value):
    """A session that changes, copies or locks tables at this moment."""

    engine: str  # postgres | mariadb
    port: int
    pid: int
    user: str
    application: str  # "" where it has no name
    address: str  # "this host" through the host's own socket
    database: str
    work: str  # CREATE INDEX, ALTER TABLE ...
    tables: str  # from which it keeps writers or everybody away, by names; "" where none is known
    seconds: int
    superuser: bool
    backup: bool  # it copies the database
    waiting: int
    waiters: str  # who waits, by names

    @property
    def said(self) -> str:
        """As a sentence without its end."""
        name = f" ({self.application})" if self.application else ""
        on = f" on {self.tables}" if self.tables else ""
        waits = f"; {self.waiting} wait for it: {self.waiters}" if self.waiting else ""
        return (
            f"session {self.pid} of {self.user}{name} from {self.address} runs {self.work}{on} of "
            f"{self.database} for {self.seconds} s{waits}"
        )


def at_work(server: PostgresCluster | MariadbServer) -> tuple[AtWork, ...]:
    """Sessions at work for which others wait, or could: those that wait themselves are not."""
    if isinstance(server, PostgresCluster):
        found = (_of_postgres(server, one) for one in server.sessions if _works(server, one))
    else:
        found = (_of_mariadb(server, one) for one in server.at_tables if one.work and not one.waits)
    return tuple(one for one in found if one.seconds >= LEAST_SECONDS)


def held_up(server: PostgresCluster | MariadbServer) -> tuple[AtWork, ...]:
    """Those of them for which somebody waits now."""
    return tuple(one for one in at_work(server) if one.waiting)


def _works(cluster: PostgresCluster, one: PostgresSession) -> bool:
    """Whether a session runs something that is told, or something else in a transaction that has
    locked a table."""
    holds = one.state == "active" and any(held.pid == one.pid for held in cluster.held)
    return bool(one.work or holds) and not one.blocked_by


def _of_postgres(cluster: PostgresCluster, one: PostgresSession) -> AtWork:
    behind = [s for s in cluster.sessions if one.pid in (s.blocked_by or ())]
    tables = dict.fromkeys(held.table for held in cluster.held if held.pid == one.pid)
    return AtWork(
        engine="postgres",
        port=cluster.port,
        pid=one.pid,
        user=one.user or "",
        application=one.application or "",
        address=one.address or "this host",
        database=one.database or "",
        work=one.work or "a statement, in a transaction that has locked tables,",
        tables=", ".join(list(tables)[:3]),
        seconds=int(one.state_seconds or 0),
        superuser=one.superuser,
        backup=one.backup,
        waiting=len(behind),
        waiters=_names(s.user for s in behind),
    )


def _of_mariadb(server: MariadbServer, one: MariadbSession) -> AtWork:
    behind = [s for s in server.at_tables if s.waits and s.database == one.database]
    return AtWork(
        engine="mariadb",
        port=server.port,
        pid=one.id,
        user=one.user or "",
        application="",
        address=one.address or "this host",
        database=one.database or "",
        work=one.work,
        tables="",
        seconds=int(one.seconds),
        superuser=one.user == "root",
        backup=False,
        waiting=len(behind),
        waiters=_names(s.user for s in behind),
    )


def _names(users: Iterable[str | None]) -> str:
    return ", ".join(sorted({user for user in users if user}))
