"""Why a redis that answers and can be read takes no writes, as its own figures tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from app.domain.value import Value
from app.host.database_facts import RedisServer
from app.host.databases import full, server, servers
from app.host.view import HostView

CHECK = "takes-writes"
"""The check that a redis that took writes while the host was healthy takes them."""

Said = tuple[bool, str]


class Refusal(Value):
    """A reason for which every write is refused."""

    code: str  # the word with which redis says no
    said: str  # as a sentence without its end
    settings: tuple[str, ...]  # those that decide it


def refusals(one: RedisServer) -> tuple[Refusal, ...]:
    """Every reason for which a server takes no write now; none where nothing is known of it."""
    return tuple(_refusals(one)) if one.reachable and not one.auth_required else ()


def _refusals(one: RedisServer) -> Iterable[Refusal]:
    if lacks_replicas(one):
        wanted, there = one.settings["min-replicas-to-write"], replicas_of(one)
        late = (one.replicas or 0) >= wanted
        how, setting = (
            ("in time", "min-replicas-max-lag") if late else ("connected", "min-replicas-to-write")
        )
        yield _refusal(
            one, "NOREPLICAS", f"it wants {wanted} replicas and {there} are {how}", setting
        )
    if one.rdb_last_bgsave_status == "err" and one.stop_writes_on_bgsave_error == "yes":
        yield _refusal(
            one, "MISCONF", f"it could not save its snapshot to {one.dir}",
            "stop-writes-on-bgsave-error",
        )  # fmt: skip
    if one.aof_last_write_status == "err":
        yield _refusal(one, "MISCONF", f"it cannot append to its file (AOF) in {one.dir}")
    if full(one):
        yield _refusal(
            one, "OOM", f"it is full: maxmemory {one.maxmemory}, noeviction", "maxmemory-policy"
        )
    if one.role == "slave" and one.words.get("replica-read-only") == "yes":
        yield _refusal(one, "READONLY", "it is a replica that may only be read",
                       "replica-read-only")  # fmt: skip


def lacks_replicas(one: RedisServer) -> bool:
    """Whether fewer replicas are connected than a master waits for."""
    wanted = one.settings.get("min-replicas-to-write", 0)
    asks = wanted > 0 and one.settings.get("min-replicas-max-lag", 1) > 0  # 0: it asks for none
    there = replicas_of(one)
    return one.role == "master" and asks and there is not None and there < wanted


def replicas_of(one: RedisServer) -> int | None:
    """The replicas that count for a master: those that are not late, where it tells them apart."""
    return one.replicas if one.good_replicas is None else one.good_replicas


def _refusal(one: RedisServer, code: str, why: str, *settings: str) -> Refusal:
    often = one.refused.get(code, 0)
    times = f"; it has refused {often} commands so" if often else ""
    said = f"redis on port {one.port} takes no writes ({code}): {why}{times}"
    return Refusal(code=code, said=said, settings=settings)


def learned(then: HostView) -> Iterable[tuple[str, str]]:
    """The check of each server that took writes while the host was healthy."""
    for found in servers(then):
        one = found.server
        if isinstance(one, RedisServer) and one.role == "master" and not refusals(one):
            yield CHECK, found.subject


def declared(now: HostView) -> Iterable[tuple[str, str]]:
    """The same where that is not known: of a master that refuses what it is asked to write."""
    for found in servers(now):
        one = found.server
        if isinstance(one, RedisServer) and one.role == "master" and _is_felt(one):
            yield CHECK, found.subject


def _is_felt(one: RedisServer) -> bool:
    """Whether somebody was refused for a reason that holds now."""
    return any(one.refused.get(refusal.code) for refusal in refusals(one))


def _takes_writes(view: HostView, subject: str) -> Said | None:
    found = server(view, subject)
    if found is None or not isinstance(found.server, RedisServer):
        return None
    one = found.server
    if not one.reachable or one.auth_required:
        return None
    reasons = refusals(one)
    taken = f"redis on port {one.port} takes writes"
    return not reasons, "; ".join(refusal.said for refusal in reasons) or taken


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {CHECK: _takes_writes}
