"""What sessions of PostgreSQL begin with that they did not while the host was healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, unquote

from app.domain.value import Value
from app.host.database_facts import DatabaseDefault, PostgresCluster
from app.host.databases import cluster, clusters
from app.host.view import HostView

CHECK = "default"
"""The check that sessions begin with what they did while the host was healthy."""

NOT_SET = "none"

Said = tuple[bool, str]


class ChangedDefault(Value):
    """A default of a role, of a database or of a role in a database that is not as it was."""

    port: int
    role: str  # *: each
    database: str  # *: each
    name: str
    was: str  # none: it was not set; likewise `now`
    now: str
    said: str  # as a sentence without its end
    evidence_id: int

    @property
    def subject(self) -> str:
        """What its check asks about."""
        return f"{self.port} {self.role} {self.database} {self.name} {quote(self.was, safe='')}"


def changed(now: HostView, then: HostView | None) -> tuple[ChangedDefault, ...]:
    """Every default that is not as it was while the host was healthy."""
    return tuple(
        change
        for one, current, was in clusters(now, then)
        if was.reachable
        for change in _changed(current, was, one.evidence_id)
    )


def _changed(now: PostgresCluster, then: PostgresCluster, ident: int) -> Iterable[ChangedDefault]:
    current, known = ({_key(d): d.value for d in one.defaults} for one in (now, then))
    for role, database, name in sorted({*current, *known}):
        value, was = (of.get((role, database, name), NOT_SET) for of in (current, known))
        if value != was:
            yield ChangedDefault(
                port=now.port,
                role=role,
                database=database,
                name=name,
                was=was,
                now=value,
                said=f"{_whose(role, database)} {_told(name, value)}, {_past(name, was)}",
                evidence_id=ident,
            )


def _key(one: DatabaseDefault) -> tuple[str, str, str]:
    return one.role, one.database, one.name


def _whose(role: str, database: str) -> str:
    who = "sessions" if role == "*" else f"sessions of the role {role}"
    where = "" if database == "*" else f" in the database {database}"
    return f"{who}{where}"


def _told(name: str, value: str) -> str:
    if value == NOT_SET:
        return f"no longer begin with a {name} of their own"
    return f"begin with {name} = {value} (ALTER ROLE or DATABASE ... SET)"


def _past(name: str, was: str) -> str:
    return f"where no {name} was set" if was == NOT_SET else f"it was {was}"


def _is_as_it_was(view: HostView, subject: str) -> Said | None:
    port, role, database, name, was = subject.split(" ")
    one = cluster(view, int(port))
    if one is None:
        return None
    known = {_key(d): d.value for d in one.defaults}
    value = known.get((role, database, name), NOT_SET)
    return value == unquote(was), f"{_whose(role, database)} {_told(name, value)}"


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {CHECK: _is_as_it_was}
