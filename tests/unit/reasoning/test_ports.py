"""A service whose port is in use although nobody listens there."""

from __future__ import annotations

from typing import Any

import pytest

from app.reasoning.port import Advice, Assessment
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, case, facts_of, nginx, tickets, unit
from tests.unit.reasoning.test_builtin import asked, judge, steps

FEED = unit("feed.service")
COMPLAINTS = (
    "bind() to 127.0.0.1:9100 failed (98: Address already in use)",
    "OSError: [Errno 98] Address already in use",
    "Connection in use: ('127.0.0.1', 9100)",
)


async def judged(connections: list[dict[str, Any]] | None, log: str = COMPLAINTS[0]) -> Assessment:
    down = tickets("failed", "failed", result="exit-code")
    facts = facts_of([nginx(), down, FEED], HEALTHY_LISTENERS[:1], persons__list={})
    facts |= asked(nginx(), down, FEED, log={"tickets.service": [log]})
    if connections is not None:
        facts["sockets.at_port port=9100"] = {"port": 9100, "connections": connections}
    return await judge(case(facts, status=502, round=2))


def connection(**more: Any) -> dict[str, Any]:
    return {"state": "estab", "peer": "198.51.100.4:443", "unit": "feed.service"} | more


@pytest.mark.parametrize("log", COMPLAINTS)
async def test_who_is_connected_from_the_port_is_asked_for(log: str) -> None:
    found = await judged(None, log)
    assert found.advice is Advice.DIAGNOSE
    assert {"port": 9100} in [c.params for c in found.wanted if c.action == "sockets.at_port"]


async def test_the_port_is_taken_back_and_whoever_had_it_goes_on() -> None:
    found = await judged([connection()])
    assert steps(found) == [
        "service.stop unit=feed.service",
        "service.reset_failed unit=tickets.service",
        "service.start unit=tickets.service",
        "service.start unit=feed.service",
    ]
    assert "a connection of feed.service to 198.51.100.4:443" in found.statement


@pytest.mark.parametrize(
    "connections",
    [[], [connection(unit=None)], [connection(unit="tickets.service")]],
    ids=["nobody", "not told", "its own"],
)
async def test_nobody_is_stopped_for_a_port_that_no_other_service_has(
    connections: list[dict[str, Any]],
) -> None:
    found = await judged(connections)
    assert found.repair is None or "feed" not in " ".join(steps(found))
