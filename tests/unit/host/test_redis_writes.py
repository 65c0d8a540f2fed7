"""Why a redis takes no writes, and when that is asked about."""

from __future__ import annotations

from typing import Any

import pytest

from app.host import checks
from app.host.database_facts import RedisServer
from app.host.redis_writes import CHECK, JUDGED_BY, refusals
from app.host.view import HostView
from tests.unit.host.test_probes import view

WELL: dict[str, Any] = {
    "port": 6390, "reachable": True, "role": "master", "replicas": 0, "dir": "/srv/cache",
    "rdb_last_bgsave_status": "ok", "aof_last_write_status": "ok", "maxmemory": 1000,
    "used_memory": 10, "maxmemory_policy": "noeviction", "stop_writes_on_bgsave_error": "yes",
    "settings": {"min-replicas-to-write": 0, "min-replicas-max-lag": 10},
    "words": {"replica-read-only": "yes"},
}  # fmt: skip
WANTS = {"settings": {"min-replicas-to-write": 2, "min-replicas-max-lag": 10}}


def seen(**more: Any) -> HostView:
    return view(redis__state={"servers": [WELL | more]})


def codes(shown: HostView) -> list[str]:
    assert shown.evidence("redis.state") is not None
    return [code for code in ("NOREPLICAS", "MISCONF", "OOM", "READONLY") if code in said(shown)]


def said(shown: HostView) -> str:
    told = JUDGED_BY[CHECK](shown, "redis:6390")
    assert told is not None
    return "" if told[0] else told[1]


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (WANTS, "NOREPLICAS"),
        (WANTS | {"replicas": 2, "good_replicas": 1}, "NOREPLICAS"),
        ({"rdb_last_bgsave_status": "err"}, "MISCONF"),
        ({"aof_last_write_status": "err"}, "MISCONF"),
        ({"used_memory": 999}, "OOM"),
        ({"role": "slave"}, "READONLY"),
    ],
)
def test_what_refuses_writes_is_told_by_its_word(now: dict[str, Any], code: str) -> None:
    assert codes(seen(**now)) == [code]
    (check,) = [c for c in checks.learned(seen()) if c.check == CHECK]
    judged = checks.judge(check, seen(**now))
    assert judged is not None
    assert not judged[0]
    assert CHECK not in [c.check for c in checks.learned(seen(**now))], "it did not hold then"


@pytest.mark.parametrize(
    "now",
    [
        {},
        WANTS | {"replicas": 2},
        WANTS | {"replicas": 3, "good_replicas": 2},
        WANTS | {"replicas": None},
        {"settings": {"min-replicas-to-write": 2, "min-replicas-max-lag": 0}},
        WANTS | {"role": "slave", "words": {"replica-read-only": "no"}},
        {"rdb_last_bgsave_status": "err", "stop_writes_on_bgsave_error": "no"},
        {"used_memory": 999, "maxmemory_policy": "allkeys-lru"},
        {"used_memory": 999, "maxmemory": 0},
    ],
)
def test_what_refuses_none_is_not(now: dict[str, Any]) -> None:
    assert codes(seen(**now)) == []


@pytest.mark.parametrize("now", [{"reachable": False}, {"auth_required": True}])
def test_what_tells_nothing_is_not_judged(now: dict[str, Any]) -> None:
    assert JUDGED_BY[CHECK](seen(**WANTS, **now), "redis:6390") is None
    assert JUDGED_BY[CHECK](seen(), "redis:6391") is None


def test_without_a_baseline_it_is_asked_where_somebody_was_refused() -> None:
    felt = seen(**WANTS, refused={"NOREPLICAS": 7})
    assert [c.check for c in checks.declared(felt)] == [CHECK]
    assert "refused 7 commands" in said(felt)
    for quiet in (seen(**WANTS), seen(refused={"NOREPLICAS": 7}), seen(role="slave")):
        assert [c.check for c in checks.declared(quiet)] == []


def test_a_refusal_names_the_settings_that_decide_it() -> None:
    (one,) = refusals(RedisServer.model_validate(WELL | WANTS))
    assert one.settings == ("min-replicas-to-write",)
    late = WELL | WANTS | {"replicas": 2, "good_replicas": 1}
    (one,) = refusals(RedisServer.model_validate(late))
    assert one.settings == ("min-replicas-max-lag",), "they are there, and too late"
