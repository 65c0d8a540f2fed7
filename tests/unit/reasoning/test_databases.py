"""Databases as causes: what is ended, what is given back, what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.host import checks, database_losses, databases
from app.host.view import HostView
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    HOST,
    NOW,
    case,
    evidence,
    facts_of,
    nginx,
    tickets,
    unit,
)
from tests.unit.reasoning.test_builtin import asked, judge, steps
from tests.unit.reasoning.test_containers import settled

GROUP = "9" * 64


MB = 1024 * 1024


def cluster(**more: Any) -> dict[str, Any]:
    shape = {
        "port": 5544, "account": "pg", "data": "/data/pg", "status": "ready", "reachable": True,
        "max_connections": 40, "reserved": 3, "used": 9, "databases": ["sales"],
    }  # fmt: skip
    return {"clusters": [shape | more]}


def session(**more: Any) -> dict[str, Any]:
    shape = {
        "pid": 777, "started": 5, "user": "anna", "application": "psql", "kind": "client backend",
        "state": "idle in transaction", "state_seconds": 40, "lock": "RowExclusiveLock",
    }  # fmt: skip
    return shape | more


WAITS = {"pid": 778, "started": 6, "state": "active", "blocked_by": [777]}


def group(**more: Any) -> dict[str, Any]:
    return {"id": GROUP, "user": "sums", "sessions": 30, "idle": 30, "idle_seconds": 90} | more


def told(subject: str, now: dict[str, Any], then: dict[str, Any] | None = None) -> Case:
    """A host whose database was well, and whose check of it fails now."""
    looked = facts_of([unit("base.service")], [], **now)
    well = cases.baseline().model_copy(
        update={"evidence": evidence(facts_of([unit("base.service")], [], **(then or {})))}
    )
    probe = Probe(
        name="check database", kind=ProbeKind.HOST, address="192.0.2.7", port=0,
        check="database", subject=subject,
    )  # fmt: skip
    red = ProbeResult(
        probe=probe, ok=False, error="check", detail="not well", taken_at=NOW, simulated=False,
        evidence_id=900,
    )  # fmt: skip
    return cases.case(looked).model_copy(update={"probes": (red,), "baselines": (well,)})


async def of_postgres(**more: Any) -> Assessment:
    return await settled(told("postgres:5544", {"postgres__state": cluster(**more)}))


async def test_a_forgotten_transaction_is_ended_if_a_person_agrees() -> None:
    judged = await of_postgres(sessions=[session(), WAITS])
    assert judged.advice is Advice.REMEDIATE
    assert steps(judged) == ["postgres.terminate_session pid=777 port=5544 started=5"]
    assert judged.repair is not None
    assert "anna" in str(judged.repair.requires_person)


async def test_a_backup_that_others_wait_for_is_left_alone() -> None:
    judged = await of_postgres(sessions=[session(backup=True, application="pg_dump"), WAITS])
    assert judged.advice is Advice.HAND_OVER


IN_DOUBT = {"name": "settle-7", "user": "erp", "database": "sales", "seconds": 900}


@pytest.mark.parametrize("blocked_by", [[0], []])
async def test_a_transaction_in_doubt_is_told_and_left_to_its_owner(blocked_by: list[int]) -> None:
    waits = {"pid": 9, "started": 6, "state": "active", "database": "sales"}
    judged = await of_postgres(prepared=[IN_DOUBT], sessions=[waits | {"blocked_by": blocked_by}])
    assert judged.advice is Advice.HAND_OVER
    assert ("settle-7" in judged.statement) is bool(blocked_by)


async def test_of_used_up_connections_the_one_that_holds_most_gives_its_idle_ones() -> None:
    judged = await of_postgres(used=37, groups=[group()])
    assert steps(judged) == [
        f"postgres.terminate_idle count=30 group={GROUP} idle_seconds=1 port=5544"
    ]
    assert judged.repair is not None
    assert judged.repair.requires_person


@pytest.mark.parametrize("more", [{"superuser": True}, {"backup": True}, {"idle": 5}])
async def test_without_one_culprit_nothing_is_ended(more: dict[str, Any]) -> None:
    judged = await of_postgres(used=37, groups=[group(**more)])
    assert judged.advice is Advice.HAND_OVER


async def test_a_recovery_is_left_to_persons() -> None:
    recovering = cluster(status="starting", reachable=False, replaying="0" * 24)
    judged = await settled(told("postgres:5544", {"postgres__state": recovering}))
    assert judged.advice is Advice.HAND_OVER
    assert judged.repair is None


async def test_a_slot_that_nobody_reads_is_dropped_only_with_a_persons_yes() -> None:
    slot = {"name": "old_copy", "active": False, "retained_bytes": 2 * 1024**3}
    given = told("postgres:5544", {"postgres__state": cluster(slots=[slot])})
    looked = given.evidence[-1].model_copy(
        update={"id": 700, "action": "postgres.slot", "params": {"port": 5544, "slot": "old_copy"},
                "facts": {"slot": "old_copy", "state": "inactive"}}
    )  # fmt: skip
    judged = await settled(given.model_copy(update={"evidence": (*given.evidence, looked)}))
    assert steps(judged) == ["postgres.drop_slot port=5544 slot=old_copy"]
    assert judged.repair is not None
    assert judged.repair.requires_person


@pytest.mark.parametrize(("whole", "helped"), [(8, True), (7, False)])
async def test_redis_gets_more_memory_where_its_host_has_it_and_a_person_agrees(
    whole: int, helped: bool
) -> None:
    full = {
        "port": 6400, "reachable": True, "used_memory": 100 * MB, "maxmemory": 100 * MB,
        "maxmemory_policy": "noeviction", "total_system_memory": whole * 100 * MB,
    }  # fmt: skip
    judged = await settled(told("redis:6400", {"redis__state": {"servers": [full]}}))
    if not helped:
        assert judged.advice is Advice.HAND_OVER
        return
    assert steps(judged) == [f"redis.set_maxmemory bytes={200 * MB} port=6400"]
    assert judged.repair is not None
    assert judged.repair.requires_person


async def test_a_table_is_left_to_autovacuum_again_once_a_person_agrees() -> None:
    off = {"database": "sales", "table": "public.bills", "dead": 90_000}
    now, then = cluster(autovacuum_off=[off]), cluster()
    given = told("postgres:5544", {"postgres__state": now}, {"postgres__state": then})
    view, before = HostView(HOST, given.evidence), given.baselines[0].view(HOST)
    (probe,) = database_losses.doubted(view, before, given.incident)
    red = given.probes[0].model_copy(update={"probe": probe})
    judged = await settled(given.model_copy(update={"probes": (red,)}))
    assert steps(judged) == [
        "postgres.set_autovacuum database=sales enabled=yes port=5544 table=public.bills",
        "postgres.vacuum database=sales port=5544 table=public.bills",
    ]
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert database_losses.doubted(before, before, given.incident) == ()
    assert database_losses.is_looked_after(before, probe.subject or "") == (
        True, "autovacuum of sales's table public.bills was switched off"
    )  # fmt: skip


def mariadb(limit: int, **more: Any) -> dict[str, Any]:
    shape = {"port": 3399, "reachable": True, "settings": {"max_connections": limit}}
    return {"servers": [shape | more]}


async def test_a_limit_that_was_lowered_while_it_ran_goes_back_to_what_it_was() -> None:
    now = mariadb(
        12, groups=[group(sessions=12, idle=0)], changed_while_running=["max_connections"]
    )
    given = told("mariadb:3399", {"mariadb__state": now}, {"mariadb__state": mariadb(90)})
    judged = await settled(given)
    assert steps(judged) == ["mariadb.set_global name=max_connections port=3399 value=90"]
    assert judged.repair is not None
    assert judged.repair.requires_person


SLEEPER = {"id": 41, "started": 5_000_000, "user": "buchhaltung", "database": "erp",
           "address": "app7", "seconds": 50, "transaction_seconds": 60}  # fmt: skip
BEHIND = {"waiting": 52, "blocking": 41, "seconds": 9}


@pytest.mark.parametrize(
    ("more", "ended"),
    [
        ({"forgotten": [SLEEPER], "waits": [BEHIND]}, True),
        ({"forgotten": [SLEEPER], "waits": []}, False),  # asleep, and in nobody's way
        ({"forgotten": [SLEEPER | {"seconds": 1}], "waits": [BEHIND]}, False),  # at work
        (
            {
                "forgotten": [SLEEPER],
                "at_tables": [{"id": 53, "database": "erp", "seconds": 20, "waits": True}],
            },
            True,
        ),
        (
            {
                "forgotten": [SLEEPER, SLEEPER | {"id": 42}],  # whose lock it is nobody knows
                "at_tables": [{"id": 53, "database": "erp", "seconds": 20, "waits": True}],
            },
            False,
        ),
        (
            {
                "forgotten": [SLEEPER],  # it came after them
                "at_tables": [{"id": 53, "database": "erp", "seconds": 80, "waits": True}],
            },
            False,
        ),
    ],
)
async def test_a_sleeper_in_a_transaction_is_ended_where_others_wait_for_it(
    more: dict[str, Any], *, ended: bool
) -> None:
    given = told("mariadb:3399", {"mariadb__state": mariadb(90, **more)})
    judged = await settled(given)
    if not ended:
        assert judged.advice is not Advice.REMEDIATE
        return
    assert steps(judged) == ["mariadb.terminate_session connection=41 port=3399 started=5000000"]
    assert judged.repair is not None
    assert "buchhaltung" in str(judged.repair.requires_person)


LOCKER = {"id": 41, "started": 5_000_000, "user": "kopie", "address": "localhost",
          "seconds": 50, "locks_all": True}  # fmt: skip
OF_ALL = {"id": 53, "database": "erp", "seconds": 20, "waits": True, "waits_for_all": True}
OF_TABLES = {"id": 54, "database": "erp", "seconds": 20, "waits": True}


@pytest.mark.parametrize(
    ("lockers", "at_tables", "ended"),
    [
        ([LOCKER], [OF_ALL], True),
        ([LOCKER], [], False),  # nobody waits
        ([LOCKER | {"seconds": 10}], [OF_ALL], False),  # it came after them
        ([LOCKER, LOCKER | {"id": 42}], [OF_ALL], False),  # whose lock it is nobody knows
        ([LOCKER | {"locks_all": False}], [OF_ALL], False),  # it may take no such lock
        ([LOCKER], [OF_ALL, {"id": 60, "work": "FLUSH TABLES", "waits": True}], False),
        ([LOCKER | {"database": "erp"}], [OF_TABLES], True),
        ([LOCKER | {"database": "web"}], [OF_TABLES], False),
        ([LOCKER, LOCKER | {"id": 42, "seconds": 3}], [OF_ALL], True),
    ],
)
async def test_who_alone_can_keep_a_lock_is_ended_if_a_person_agrees(
    lockers: list[dict[str, Any]], at_tables: list[dict[str, Any]], *, ended: bool
) -> None:
    now = mariadb(90, lockers=lockers, at_tables=at_tables)
    judged = await settled(told("mariadb:3399", {"mariadb__state": now}))
    if not ended:
        assert judged.advice is not Advice.REMEDIATE
        return
    assert steps(judged) == ["mariadb.terminate_session connection=41 port=3399 started=5000000"]
    assert judged.repair is not None
    assert "kopie" in str(judged.repair.requires_person)
    assert "A forgotten lock: connection 41 of kopie" in judged.statement


async def test_tables_that_a_transaction_may_keep_are_nobody_elses() -> None:
    """Whether it is the transaction's lock or the other's is not known."""
    now = mariadb(
        90,
        lockers=[LOCKER | {"database": "erp"}],
        forgotten=[SLEEPER | {"id": 43, "transaction_seconds": 4}],
        at_tables=[OF_TABLES],
    )
    judged = await settled(told("mariadb:3399", {"mariadb__state": now}))
    assert judged.advice is not Advice.REMEDIATE


def redis(owner: str, status: str, mode: str = "0750") -> dict[str, Any]:
    folder = {"owner": owner, "group": owner, "mode": mode}
    shape = {"port": 6390, "account": "cache", "reachable": True, "dir": "/var/lib/cache"}
    return {"servers": [shape | {"rdb_last_bgsave_status": status, "folder": folder}]}


async def judged_redis(now: dict[str, Any]) -> Assessment:
    well = {"redis__state": redis("cache", "ok")}
    return await settled(told("redis:6390", {"redis__state": now}, well))


async def test_a_folder_that_was_taken_from_redis_is_given_back_and_it_saves() -> None:
    judged = await judged_redis(redis("root", "err"))
    assert steps(judged) == [
        "file.set_owner group=cache owner=cache path=/var/lib/cache",
        "redis.save port=6390",
    ]
    assert judged.repair is not None
    assert not judged.repair.requires_person
    judged = await judged_redis(redis("cache", "err", "0550"))
    assert steps(judged) == ["file.set_mode mode=0750 path=/var/lib/cache", "redis.save port=6390"]


async def test_a_redis_that_cannot_save_into_its_own_folder_is_a_persons() -> None:
    judged = await judged_redis(redis("cache", "err"))
    assert judged.advice is Advice.HAND_OVER


async def test_a_full_redis_is_handed_over_with_figures() -> None:
    now = redis("cache", "ok")
    now["servers"][0] |= {
        "used_memory": 100, "maxmemory": 100, "maxmemory_policy": "noeviction"
    }  # fmt: skip
    judged = await judged_redis(now)
    assert judged.advice is Advice.HAND_OVER
    assert "maxmemory 100" in judged.statement


INDEX = {"database": "sales", "table": "public.bills", "name": "bills_by_day"}
OFF = {"database": "sales", "table": "public.bills", "dead": 9, "live": 1}


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        ({"indexes": [INDEX]}, ""),
        ({"indexes": []}, "bills_by_day of sales's table public.bills is gone"),
        ({"indexes": [INDEX | {"valid": False}]}, "is no longer valid"),
        ({"indexes": [], "not_looked_at": ["sales"]}, ""),
        ({"indexes": [], "databases": []}, ""),  # it takes no connections, ours neither
        ({"indexes": [], "reachable": False}, ""),
        ({"indexes": [INDEX | {"name": f"i{n}"} for n in range(400)]}, ""),  # not all were told
        ({"indexes": [INDEX], "autovacuum": False}, "autovacuum of PostgreSQL on port 5544"),
        ({"indexes": [INDEX], "autovacuum_off": [OFF]}, "autovacuum of sales's table"),
    ],
)
def test_what_a_database_has_lost_since_it_was_healthy(now: dict[str, Any], lost: str) -> None:
    then = {"indexes": [INDEX], "autovacuum": True}
    seen = HostView(HOST, evidence({"postgres.state": cluster(**then | now)}))
    found = database_losses.losses(
        seen, HostView(HOST, evidence({"postgres.state": cluster(**then)}))
    )
    assert [lost in one.text for one in found] == ([True] if lost else [])
    assert database_losses.losses(seen, None) == ()


@pytest.mark.parametrize(("idle", "again"), [(30, True), (8, True), (7, False), (0, False)])
def test_idle_sessions_that_come_back_are_seen(idle: int, *, again: bool) -> None:
    seen = HostView(HOST, evidence({"postgres.state": cluster(groups=[group(idle=idle)])}))
    assert bool(database_losses.filling_again(seen, GROUP, 30)) is again
    assert database_losses.filling_again(seen, "8" * 64, 30) == ()


@pytest.mark.parametrize(
    ("more", "well"),
    [
        ({}, True),
        ({"used": 36, "groups": [group()]}, True),  # one is left: as its pool wants it
        ({"used": 37}, False),
        ({"sessions": [session(state_seconds=1), WAITS]}, True),
        ({"sessions": [session(lock="RowExclusiveLock")]}, True),  # idle, and in nobody's way
        ({"sessions": [session(lock="AccessExclusiveLock")]}, False),
    ],
)
def test_what_holds_is_learned_and_what_does_not_is_said(
    more: dict[str, Any], *, well: bool
) -> None:
    healthy = HostView(HOST, evidence({"postgres.state": cluster()}))
    (check,) = [p for p in checks.learned(healthy) if p.check == "database"]
    now = HostView(HOST, evidence({"postgres.state": cluster(**more)}))
    said = checks.judge(check, now)
    assert said is not None
    assert said[0] is well
    learned = [p for p in checks.learned(now) if p.check == "database"]
    assert bool(learned) is well, "an old trouble that nobody minds is none"
    assert checks.calls(check, "alpha")[0].action == databases.ACTIONS["postgres"]


async def test_an_index_that_is_gone_is_built_again_once_a_person_agrees() -> None:
    made = INDEX | {"columns": ["day", "shop"], "unique": True, "method": "btree"}
    given = told(
        "postgres:5544",
        {"postgres__state": cluster(indexes=[])},
        {"postgres__state": cluster(indexes=[made])},
    )
    late = given.probes[0].probe.model_copy(update={"kind": ProbeKind.TCP, "check": "", "port": 80})
    red = given.probes[0].model_copy(update={"probe": late, "error": "timeout"})
    judged = await settled(given.model_copy(update={"probes": (red,)}))
    assert steps(judged) == [
        (
            "postgres.create_index columns=day,shop database=sales index=public.bills_by_day"
            " method=btree port=5544 table=public.bills unique=yes"
        ),
    ]
    assert judged.repair is not None
    assert judged.repair.requires_person


def test_how_much_wal_is_too_much_is_asked_with_its_volume() -> None:
    """A small volume is filled by less than a large one: the check alone must know which it is."""
    slot = {"name": "old_copy", "active": False, "retained_bytes": 200 * MB}
    probe = told("postgres:5544", {"postgres__state": cluster()}).probes[0].probe
    volume = {"mount": "/data", "source": "x", "fstype": "xfs", "size_bytes": 300 * MB}
    answers = {
        "postgres.state": cluster(slots=[slot]),
        "filesystems.list": {"filesystems": [volume]},
    }
    asked = {call.action: answers[call.action] for call in checks.calls(probe, HOST.name)}
    held = checks.judge(probe, HostView(HOST, evidence(asked)))
    assert held is not None
    assert held[0] is False


async def test_a_database_whose_data_is_damaged_is_left_to_those_who_answer_for_it() -> None:
    name = "postgresql@15-main.service"
    line = "ERROR:  invalid page in block 3 of relation base/5/1259"
    units = [nginx(), tickets(), unit(name)]
    facts = facts_of(units, HEALTHY_LISTENERS) | asked(*units, log={name: [line]})
    given = case(facts, status=500)
    host = given.host.model_copy(update={"services": ("nginx", "tickets", "postgresql@15-main")})
    page = "http.local host_header=tickets.example url=http://127.0.0.1:9100/"
    (seen,) = evidence({page: {"url": "http://127.0.0.1:9100/", "status": 500}}, start=800)
    known = (*given.evidence, seen)
    given = given.model_copy(update={"host": host, "hosts": (host,), "evidence": known})
    judged = await judge(given)
    assert judged.advice is Advice.HAND_OVER
    assert line in judged.statement


@pytest.mark.parametrize(
    ("action", "server", "word"),
    [
        ("redis", {"role": "slave", "master_link_status": "down"}, "link to the master is down"),
        ("redis", {"role": "slave", "master_link_status": "up"}, ""),
        ("redis", {"role": "master"}, ""),
        ("mariadb", {"replication": {"slave_sql_running": "No", "last_sql_errno": "1062"}}, "1062"),
        (
            "mariadb",
            {"replication": {"slave_io_running": "Connecting", "last_io_errno": "1045"}},
            "1045",
        ),
        (
            "mariadb",
            {"replication": {"slave_io_running": "Connecting", "last_io_errno": "0"}},
            "",  # it has only begun to
        ),
        ("mariadb", {"replication": {"slave_io_running": "Yes", "last_io_errno": "0"}}, ""),
        ("mariadb", {}, ""),
    ],
)
def test_a_replica_that_takes_nothing_over_is_a_trouble(
    action: str, server: dict[str, Any], word: str
) -> None:
    shape = {"port": 7, "reachable": True} | server
    view = HostView(HOST, cases.evidence({f"{action}.state": {"servers": [shape]}}))
    (found,) = databases.servers(view)
    told = " ".join(databases.troubles(view, found))
    assert word in told
    assert bool(told) is bool(word)
