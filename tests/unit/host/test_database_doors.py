"""Databases that take nobody any more, or fewer at once than while their host was healthy."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.database_access import CHECK, JUDGED_BY, lost
from app.host.view import HostView
from tests.unit.host.test_probes import view


def seen(**door: Any) -> HostView:
    cluster = {"port": 5432, "reachable": True, "doors": [{"name": "tolls"} | door]}
    return view(postgres__state={"clusters": [cluster]})


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        ({"open": False}, {}, "takes no connections any more"),
        ({"limit": 0}, {}, "takes 0 connections at once (CONNECTION LIMIT), was any number"),
        ({"limit": 3}, {"limit": 30}, "takes 3 connections at once"),
    ],
)
def test_a_database_that_takes_less_is_told_until_it_does_not(
    now: dict[str, Any], then: dict[str, Any], said: str
) -> None:
    (one,) = lost(seen(**now), seen(**then))
    assert said in one.said
    judge = JUDGED_BY[CHECK]
    assert judge(seen(**now), one.subject) == (False, one.said)
    assert (judge(seen(**then), one.subject) or (False,))[0] is True


@pytest.mark.parametrize(
    ("now", "then"), [({}, {}), ({}, {"open": False}), ({"limit": 9}, {"limit": 3})]
)
def test_one_that_takes_as_much_is_not(now: dict[str, Any], then: dict[str, Any]) -> None:
    assert lost(seen(**now), seen(**then)) == ()
    assert lost(seen(**now), view(postgres__state={"clusters": []})) == ()
