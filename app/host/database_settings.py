"""Settings of a host's databases that are not as they were while it was healthy.

What somebody set on the running server stands in no file: nothing else tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, unquote

from app.domain.value import Value
from app.host.database_facts import PostgresCluster
from app.host.databases import Found, both, server
from app.host.view import HostView

CHECK = "server-setting"
"""The check that a setting of a database's server is what it was while the host was healthy."""

NOT_SET = "none"

ONLY_PACE = frozenset({
    "sort_buffer_size", "join_buffer_size", "table_open_cache", "thread_cache_size",
    "innodb_io_capacity", "innodb_thread_concurrency", "innodb_buffer_pool_size",
    "key_buffer_size", "query_cache_size", "query_cache_type", "sync_binlog",
    "innodb_flush_log_at_trx_commit", "concurrent_insert", "delay_key_write",
    "low_priority_updates", "slow_query_log", "general_log", "appendfsync",
    "lazyfree-lazy-eviction",
})  # fmt: skip
"""Settings by which a server is faster or slower, and which let nobody do more or less."""

Said = tuple[bool, str]


class ChangedSetting(Value):
    """A setting of a server that is not as it was."""

    engine: str  # postgres | mariadb | redis
    port: int
    name: str
    was: str  # PostgreSQL: none: ALTER SYSTEM had not set it; likewise `now`
    now: str
    is_word: bool  # a word or a switch, and no number
    said: str  # as a sentence without its end
    evidence_id: int

    @property
    def subject(self) -> str:
        """What its check asks about."""
        return f"{self.engine}:{self.port} {self.name} {quote(self.was, safe='')}"


def changed(now: HostView, then: HostView | None) -> tuple[ChangedSetting, ...]:
    """Every setting that is not as it was while the host was healthy."""
    return tuple(change for one, was in both(now, then) for change in _changed(one, was))


def _changed(now: Found, then: Found) -> Iterable[ChangedSetting]:
    current, known = _settings(now), _settings(then)
    if current is None or known is None:
        return
    postgres = isinstance(now.server, PostgresCluster)
    words = () if isinstance(now.server, PostgresCluster) else now.server.words
    names = {*current, *known} if postgres else current.keys() & known.keys()
    for name in sorted(names):
        value, was = (of.get(name, NOT_SET) for of in (current, known))
        if value != was:
            yield ChangedSetting(
                engine=now.engine,
                port=now.server.port,
                name=name,
                was=was,
                now=value,
                is_word=name in words,
                said=f"{now.engine} ({now.server.port}) runs with {name} = {value}, was {was}",
                evidence_id=now.evidence_id,
            )


def _settings(found: Found) -> dict[str, str] | None:
    one = found.server
    if not one.reachable:
        return None
    if isinstance(one, PostgresCluster):
        return one.system
    return {name: str(value) for name, value in one.settings.items()} | one.words


def _is_as_it_was(view: HostView, subject: str) -> Said | None:
    which, name, was = subject.split(" ")
    found = server(view, which)
    settings = None if found is None else _settings(found)
    if settings is None:
        return None
    value = settings.get(name, NOT_SET)
    return value == unquote(was), f"{which} runs with {name} = {value}"


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {CHECK: _is_as_it_was}
