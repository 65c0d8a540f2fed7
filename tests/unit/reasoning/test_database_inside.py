"""Defaults of sessions and sequences of rows that are not as they were: mended if one agrees."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.database_checks import JUDGED_BY, doubted
from app.host.database_defaults import changed
from app.host.database_sequences import late
from app.host.database_settings import changed as settings_changed
from app.host.database_tables import lost as tables_lost
from app.host.mariadb_access import CHECK, lost
from app.host.view import HostView
from app.reasoning.differences import only_thing
from app.reasoning.host_case import HostCase
from app.reasoning.port import Advice
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, HOST, case, facts_of
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps
from tests.unit.reasoning.test_database_access import between, judged_between, server

PATH = {"role": "clerk", "database": "*", "name": "search_path", "value": "drafts"}
BEHIND = {
    "database": "books", "sequence": "public.ledger_n_seq", "table": "public.ledger",
    "column": "n", "next": 13, "highest": 40,
}  # fmt: skip


def view(**state: Any) -> HostView:
    return HostView(HOST, cases.evidence({"postgres.state": server(**state)}))


@pytest.mark.parametrize(
    ("now", "then", "value"),
    [([PATH], [], "none"), ([], [PATH], "drafts"), ([PATH], [PATH | {"value": "old"}], "old")],
)
async def test_sessions_begin_as_they_did_if_a_person_agrees(
    now: list[Any], then: list[Any], value: str
) -> None:
    judged = await judged_between(server(defaults=now), server(defaults=then))
    assert steps(judged) == [
        f"postgres.set_default database=* name=search_path port=5432 role=clerk value={value}",
        "postgres.renew_sessions port=5432 role=clerk",
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert "search_path" in judged.statement


async def test_a_sequence_goes_on_above_its_table_if_a_person_agrees() -> None:
    judged = await judged_between(server(behind=[BEHIND]), server())
    assert steps(judged) == [
        "postgres.advance_sequence database=books port=5432 sequence=public.ledger_n_seq"
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert "rows up to 40" in judged.statement


def test_what_was_so_while_all_was_well_is_left_alone() -> None:
    now = view(defaults=[PATH], behind=[BEHIND])
    assert changed(now, now) == ()
    assert late(now, now) == ()
    assert changed(now, view(reachable=False)) == (), "then nothing was seen"


@pytest.mark.parametrize(
    ("text", "checks"),
    [
        ('the log says: relation "ledger" does not exist', ["default", "sequence"]),
        ("duplicate key value since the import", ["default", "sequence"]),
        ("the page is blue", []),
    ],
)
def test_it_is_asked_about_where_the_ticket_may_be(text: str, checks: list[str]) -> None:
    incident = case({}).incident.model_copy(
        update={"claimed_service": "tickets", "short_description": text, "description": ""}
    )
    now = view(defaults=[PATH], behind=[BEHIND])
    found = doubted(now, view(), incident, agreed=False)
    assert [probe.check for probe in found] == checks
    for probe in found:
        assert (judge := JUDGED_BY[probe.check or ""]) is not None
        assert (then := judge(now, probe.subject or "")) is not None
        assert not then[0]
        assert (after := judge(view(), probe.subject or "")) is not None
        assert after[0], "it holds again after its repair"


LOGIN = {
    "user": "clerk", "host": "192.0.2.%", "locked": False, "questions": 0, "updates": 0,
    "connections": 0, "at_once": 0, "rights": {"erp": "SELECT,INSERT"},
}  # fmt: skip


def mariadb(account: dict[str, Any], **more: Any) -> dict[str, Any]:
    one = {"port": 3306, "unit": "mariadb.service", "reachable": True, "accounts": [account]}
    return {"servers": [one | more]}


@pytest.mark.parametrize(
    ("now", "step", "word"),
    [
        (
            {"connections": 20},
            (
                "mariadb.set_account at_once=0 connections=0 host=192.0.2.% locked=no port=3306 "
                "questions=0 updates=0 user=clerk"
            ),
            "MAX_CONNECTIONS_PER_HOUR",
        ),
        (
            {"locked": True},
            (
                "mariadb.set_account at_once=0 connections=0 host=192.0.2.% locked=no port=3306 "
                "questions=0 updates=0 user=clerk"
            ),
            "ACCOUNT LOCK",
        ),
        (
            {"rights": {"erp": "SELECT"}},
            "mariadb.grant database=erp host=192.0.2.% port=3306 rights=INSERT user=clerk",
            "INSERT",
        ),
        (
            {"host": "198.51.100.%"},
            "mariadb.move_account host=198.51.100.% port=3306 to=192.0.2.% user=clerk",
            "clerk@198.51.100.% is there instead",
        ),
    ],
)
async def test_an_account_of_mariadb_does_what_it_could_if_a_person_agrees(
    now: dict[str, Any], step: str, word: str
) -> None:
    judged = await judged_between(mariadb(LOGIN | now), mariadb(LOGIN), "mariadb.state")
    assert steps(judged) == [step], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert word in judged.statement


async def test_an_account_that_is_gone_is_told_and_left_to_a_person() -> None:
    judged = await judged_between(server(roles=[]), server())
    assert judged.repair is None
    assert "the role clerk does not exist any more" in judged.statement


@pytest.mark.parametrize(
    "now", [{"connections": 20}, {"rights": {}}, {"locked": True}, {"host": "%"}, {"user": "ann"}]
)
def test_what_an_account_lost_is_a_check_that_holds_again(now: dict[str, Any]) -> None:
    then = HostView(HOST, cases.evidence({"mariadb.state": mariadb(LOGIN)}))
    (loss,) = lost(HostView(HOST, cases.evidence({"mariadb.state": mariadb(LOGIN | now)})), then)
    for account, holds in ((LOGIN | now, False), (LOGIN, True)):
        seen = HostView(HOST, cases.evidence({"mariadb.state": mariadb(account)}))
        assert (told := JUDGED_BY[CHECK](seen, loss.subject)) is not None
        assert told[0] is holds
    assert lost(then, then) == ()


def table(name: str = "public.ledger", *, empty: bool | None = False) -> dict[str, Any]:
    return {"database": "books", "table": name, "empty": empty}


@pytest.mark.parametrize(
    ("now", "word"), [([], "is gone"), ([table(empty=True)], "its rows were deleted")]
)
async def test_a_table_that_was_lost_is_told_and_left_to_a_person(
    now: list[Any], word: str
) -> None:
    judged = await judged_between(server(tables=now), server(tables=[table()]))
    assert judged.repair is None
    assert word in judged.statement or word in str(judged.hypotheses)


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (server(tables=[table(empty=True)]), server(tables=[])),  # nobody misses what had no row
        (server(tables=[table()]), server(tables=[table(empty=None)])),  # not known
        (server(tables=[table()]), server(tables=[], tables_unseen=["books"])),  # not seen
        (server(tables=[table()]), server(tables=[], not_looked_at=["books"])),
        (server(), server(tables=[table(empty=True)])),  # a new one
    ],
)
def test_what_may_be_there_is_not_lost(then: dict[str, Any], now: dict[str, Any]) -> None:
    views = [HostView(HOST, cases.evidence({"postgres.state": one})) for one in (now, then)]
    assert tables_lost(*views) == ()


def of_redis(settings: dict[str, int], words: dict[str, str] | None = None) -> dict[str, Any]:
    shape = {"port": 6379, "reachable": True, "settings": settings, "words": words or {}}
    return {"servers": [shape]}


SETTINGS = [
    (
        "postgres.state",
        server(system={"statement_timeout": "1ms"}),
        server(system={}),
        "postgres.set_system name=statement_timeout port=5432 value=none",
        True,
    ),
    (
        "redis.state",
        of_redis({"maxclients": 2}),
        of_redis({"maxclients": 10000}),
        "redis.set name=maxclients port=6379 value=10000",
        False,
    ),
    (
        "mariadb.state",
        mariadb(LOGIN, settings={"max_allowed_packet": 1024}),
        mariadb(LOGIN, settings={"max_allowed_packet": 16777216}),
        "mariadb.set_global name=max_allowed_packet port=3306 value=16777216",
        False,
    ),
    (
        "mariadb.state",
        mariadb(LOGIN, words={"event_scheduler": "OFF", "tx_isolation": "READ-COMMITTED"}),
        mariadb(LOGIN, words={"event_scheduler": "ON", "tx_isolation": "READ-COMMITTED"}),
        "mariadb.set_word name=event_scheduler port=3306 value=ON",
        True,
    ),
    (
        "redis.state",
        of_redis({}, words={"notify-keyspace-events": "none"}),
        of_redis({}, words={"notify-keyspace-events": "AKE"}),
        "redis.set_word name=notify-keyspace-events port=6379 value=AKE",
        True,
    ),
]


@pytest.mark.parametrize(("action", "now", "then", "step", "asks"), SETTINGS)
async def test_a_setting_of_a_running_server_is_set_as_it_was(
    action: str, now: dict[str, Any], then: dict[str, Any], step: str, asks: bool
) -> None:
    judged = await judged_between(now, then, action)
    assert steps(judged) == [step], judged.statement
    assert judged.repair is not None
    assert bool(judged.repair.requires_person) is asks


@pytest.mark.parametrize(("action", "now", "then", "step", "asks"), SETTINGS)
def test_where_nothing_fails_only_what_a_person_is_asked_about_is_doubted(
    action: str, now: dict[str, Any], then: dict[str, Any], step: str, asks: bool
) -> None:
    own = HostCase(between(now, then, action, status=200), HOST.name)
    assert [probe.check for probe in only_thing(own)] == (["server-setting"] if asks else [])


@pytest.mark.parametrize(
    ("name", "comment", "goes"),
    [
        ("max_allowed_packet", "", True),
        ("binlog_expire_logs_seconds", "", False),  # nothing of what was kept since would go
        ("max_allowed_packet", "# CHG-3344 as agreed", False),
    ],
)
async def test_a_setting_and_the_file_that_sets_it_go_back_together(
    name: str, comment: str, goes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/etc/mysql/mariadb.conf.d/70-own.cnf"
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, cases.file(path)))
    written = name.replace("binlog_expire_logs_seconds", "expire_logs_days")
    shown = {
        "baseline.manifest": cases.manifest_now(cases.file(path, "b" * 64)),
        f"file.diff path={path} sha256={'a' * 64}": {
            "path": path, "diff": f"-{written} = 9\n+{written} = 1\n",
            "comments": [comment] if comment else [],
        },
    }  # fmt: skip
    now, then = (mariadb(LOGIN, settings={name: value}) for value in (1024, 16777216))
    judged = await judged_between(now, then, "mariadb.state", **shown)
    assert (judged.advice is Advice.REMEDIATE) is goes, judged.statement
    if goes:
        assert [step.split()[0] for step in steps(judged)] == ["file.restore", "mariadb.set_global"]
        assert judged.repair is not None
        assert judged.repair.requires_person is None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("portal: access denied, nobody can log in", ["lock_wait_timeout"]),
        ("portal is slow, access denied now and then", ["lock_wait_timeout", "thread_cache_size"]),
    ],
)
def test_how_fast_a_server_is_counts_only_where_the_ticket_is_about_that(
    text: str, asked: list[str]
) -> None:
    incident = case({}).incident.model_copy(update={"short_description": text})
    now, then = (
        HostView(HOST, cases.evidence({"mariadb.state": mariadb(LOGIN, settings=settings)}))
        for settings in (
            {"lock_wait_timeout": 1, "thread_cache_size": 9},
            {"lock_wait_timeout": 50, "thread_cache_size": 151},
        )
    )
    found = doubted(now, then, incident, agreed=False)
    assert [(probe.subject or "").split()[1] for probe in found] == asked


async def test_what_a_server_reads_at_its_start_only_goes_back_by_a_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = "/etc/mysql/mariadb.conf.d/70-own.cnf"
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, cases.file(path)))
    shown = {
        "baseline.manifest": cases.manifest_now(cases.file(path, "b" * 64)),
        f"file.diff path={path} sha256={'a' * 64}": {
            "path": path,
            "diff": " [mariadbd]\n+thread_cache_size = 9\n+skip-networking\n",
        },
    }
    now, then = (mariadb(LOGIN, settings={"thread_cache_size": value}) for value in (9, 151))
    judged = await judged_between(now, then, "mariadb.state", **shown)
    assert [step.partition(" ")[0] for step in steps(judged)] == ["file.restore", "service.restart"]
    assert f"{path} also sets skip_networking" in judged.statement


@pytest.mark.parametrize("now", [{"maxclients": 10}, {"maxclients": 10, "timeout": 3}, {}])
def test_only_what_is_known_of_both_times_has_changed(now: dict[str, int]) -> None:
    then = HostView(HOST, cases.evidence({"redis.state": of_redis({"maxclients": 10})}))
    assert (
        settings_changed(HostView(HOST, cases.evidence({"redis.state": of_redis(now)})), then) == ()
    )


WANTS = {"min-replicas-to-write": 2, "min-replicas-max-lag": 20, "maxclients": 9}
TOOK = {"min-replicas-to-write": 0, "min-replicas-max-lag": 10, "maxclients": 9}


def master(settings: dict[str, int], words: dict[str, str] | None = None) -> dict[str, Any]:
    found = of_redis(settings, words)
    found["servers"][0] |= {"role": "master", "replicas": 1}
    return found


async def test_all_that_one_edit_of_a_file_set_goes_back_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = "/etc/redis/own.conf"
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, cases.file(path)))
    written = "+min-replicas-to-write 2\n+min-replicas-max-lag 20\n+appendfsync always\n"
    shown = {
        "baseline.manifest": cases.manifest_now(cases.file(path, "b" * 64)),
        f"file.diff path={path} sha256={'a' * 64}": {
            "path": path, "diff": written, "comments": ["# for the second machine"],
        },
    }  # fmt: skip
    now = master(WANTS, {"appendfsync": "always"})
    then = master(TOOK, {"appendfsync": "everysec"})
    judged = await judged_between(now, then, "redis.state", **shown)
    assert [step.partition(" ")[0] for step in steps(judged)] == [
        "file.restore", "redis.set", "redis.set", "redis.set_word",
    ]  # fmt: skip
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert [h.mode for h in judged.hypotheses if h.mode != "unknown"] == [
        "database-parameter-changed"
    ]
    assert "min-replicas-to-write = 2, was 0" in judged.statement
    supports = judged.hypotheses[0].supports
    assert any("NOREPLICAS" in support.statement for support in supports)


async def test_a_file_that_may_have_set_it_is_read_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = "/etc/redis/own.conf"
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, cases.file(path)))
    shown = {"baseline.manifest": cases.manifest_now(cases.file(path, "b" * 64))}
    judged = await judged_between(master(WANTS), master(TOOK), "redis.state", **shown)
    assert judged.advice is Advice.DIAGNOSE
    assert [c.params["path"] for c in judged.wanted if c.action == "file.diff"] == [path]


async def test_what_waits_for_the_replicas_that_it_had_is_left_to_a_person() -> None:
    judged = await judged_between(master(WANTS), master(WANTS), "redis.state")
    assert judged.repair is None
    assert judged.advice is Advice.HAND_OVER
    assert "NOREPLICAS" in judged.statement


async def test_where_nothing_is_known_of_before_a_person_says_how_many_replicas_there_must_be() -> (
    None
):
    judged = await judged_between(master(WANTS), {"servers": []}, "redis.state")
    assert steps(judged) == ["redis.set name=min-replicas-to-write port=6379 value=1"]
    assert judged.repair is not None
    assert judged.repair.requires_person


def follower(master: str = "192.0.2.9", *, answers: bool | None = False) -> dict[str, Any]:
    follows = of_redis(TOOK, {"replica-read-only": "yes"})
    follows["servers"][0] |= {
        "role": "slave", "master_host": master, "master_port": 7000, "master_answers": answers,
    }  # fmt: skip
    return follows


@pytest.mark.parametrize(
    ("follows", "why"),
    [
        (follower(answers=True), "its owner's decision"),
        (follower(answers=None), "its owner's decision"),
        (follower(HOST.address), "one of the hosts that this is about"),
    ],
)
async def test_which_of_two_servers_leads_is_for_people_to_say(
    follows: dict[str, Any], why: str
) -> None:
    judged = await judged_between(follows, master(TOOK), "redis.state")
    assert judged.repair is None
    assert "READONLY" in judged.statement
    assert why in judged.statement
    kept = await judged_between(follows, follows, "redis.state")
    assert "READONLY" not in kept.statement, "a replica may only be read, for good"


async def test_a_server_that_follows_one_who_answers_nobody_leads_again() -> None:
    judged = await judged_between(follower(), master(TOOK), "redis.state")
    assert steps(judged) == ["redis.promote host=192.0.2.9 master_port=7000 port=6379"]
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert "192.0.2.9 answers nobody" in judged.statement


async def test_the_file_that_tells_it_to_follow_goes_back_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = "/etc/redis/own.conf"
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, cases.file(path)))
    changed = {"baseline.manifest": cases.manifest_now(cases.file(path, "b" * 64))}
    judged = await judged_between(follower(), master(TOOK), "redis.state", **changed)
    assert [c.params["path"] for c in judged.wanted if c.action == "file.diff"] == [path]
    asked = f"file.diff path={path} sha256={'a' * 64}"
    shown = {"path": path, "diff": "+replicaof 192.0.2.9 7000\n", "comments": []}
    judged = await judged_between(
        follower(), master(TOOK), "redis.state", **changed | {asked: shown}
    )
    assert [step.partition(" ")[0] for step in steps(judged)] == ["file.restore", "redis.promote"]
    assert f"since {path} says so" in judged.statement


async def test_a_file_that_cannot_be_appended_to_is_told() -> None:
    full = master(TOOK)
    full["servers"][0] |= {"aof_last_write_status": "err", "dir": "/srv/cache"}
    judged = await judged_between(full, master(TOOK), "redis.state")
    assert judged.repair is None
    assert "MISCONF" in judged.statement


async def test_an_edit_that_nobody_suffers_from_is_told_once_with_what_it_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = "/etc/redis/own.conf"
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, cases.file(path)))
    written = {"path": path, "diff": "+timeout 30\n+tcp-keepalive 9\n", "comments": []}
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP) | {
        "redis.state": master({"timeout": 30, "tcp-keepalive": 9}), "firewall.show": {"rules": []},
        "baseline.manifest": cases.manifest_now(cases.file(path, "b" * 64)),
        f"file.diff path={path} sha256={'a' * 64}": written,
    }  # fmt: skip
    given = case(facts)
    (known,) = given.baselines
    healthy = facts_of(UP, HEALTHY_LISTENERS) | {
        "redis.state": master({"timeout": 0, "tcp-keepalive": 300})
    }
    known = known.model_copy(update={"evidence": cases.evidence(healthy)})
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    named = [h.key for h in judged.hypotheses if h.mode != "unknown"]
    assert named == [f"changed@alpha:{path}"], judged.statement
    assert "timeout = 30, was 0" in judged.statement
    assert "tcp-keepalive = 9, was 300" in judged.statement


def crowd(*groups: dict[str, Any], limit: int = 4) -> dict[str, Any]:
    shape = {"database": "books", "user": "clerk", "application": "poll", "superuser": False}
    told = [{"id": f"{n:064x}", "backup": False} | shape | one for n, one in enumerate(groups)]
    return server({"limit": limit}, groups=told)


IDLE = {"sessions": 4, "idle": 4, "idle_seconds": 900.0}
TOO_MANY = 'FATAL:  too many connections for role "clerk"'


@pytest.mark.parametrize(
    ("groups", "line", "goes"),
    [
        ([IDLE], TOO_MANY, True),
        ([IDLE], "the printer is on fire", False),  # a pool of just that size
        ([IDLE | {"sessions": 3, "idle": 3}], TOO_MANY, False),  # one is left
        ([IDLE | {"idle": 1}], TOO_MANY, False),  # they work
        ([IDLE | {"backup": True}], TOO_MANY, False),
        ([IDLE | {"superuser": True}], TOO_MANY, False),
    ],
)
async def test_idle_sessions_that_use_up_a_roles_limit_are_ended_if_a_person_agrees(
    groups: list[dict[str, Any]], line: str, *, goes: bool
) -> None:
    logs = asked(*UP, log={"tickets.service": [line]})
    judged = await judged_between(crowd(*groups), crowd({}), **logs)
    if not goes:
        assert judged.repair is None
        return
    assert steps(judged) == [
        f"postgres.terminate_idle count=4 group={0:064x} idle_seconds=1 port=5432"
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person == "clerk (poll) loses 4 idle sessions"
    assert "all 4 sessions that the role clerk may have" in judged.statement
