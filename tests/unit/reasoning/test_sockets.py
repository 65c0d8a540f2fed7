"""A proxy that asks at a Unix socket: its file gone, nobody there, or all well."""

from __future__ import annotations

from typing import Any

import pytest

from app.reasoning.port import Advice, Assessment
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, case, facts_of, nginx, tickets
from tests.unit.reasoning.test_builtin import asked, judge, steps

SOCKET = "/run/tickets/http.sock"
UPSTREAM = {"location": "/", "url": f"unix:{SOCKET}", "host": None, "port": None, "socket": SOCKET}


def state(**more: Any) -> dict[str, Any]:
    shape = {"path": SOCKET, "kind": "socket", "listening": True, "unit": "tickets.service"}
    return shape | more


async def judged(now: dict[str, Any] | None) -> Assessment:
    facts = facts_of([nginx(), tickets()], HEALTHY_LISTENERS[:1], persons__list={})
    server = cases.SITE["servers"][0] | {"upstreams": [UPSTREAM]}
    facts["nginx.dump"] = cases.SITE | {"servers": [server]}
    facts |= asked(nginx(), tickets())
    if now is not None:
        facts[f"socket.state path={SOCKET}"] = now
    return await judge(case(facts, status=502, round=2))


async def test_the_socket_of_an_upstream_is_asked_about() -> None:
    found = await judged(None)
    assert found.advice is Advice.DIAGNOSE
    assert {"path": SOCKET} in [c.params for c in found.wanted if c.action == "socket.state"]


async def test_a_service_whose_socket_was_removed_is_restarted() -> None:
    found = await judged(state(kind="missing"))
    assert steps(found) == ["service.restart unit=tickets.service"]
    assert f"listens at {SOCKET}, whose file is gone" in found.statement


@pytest.mark.parametrize(
    "now",
    [
        state(),
        state(listening=False, unit=None, error="refused"),
        state(kind="missing", listening=False, unit=None),
    ],
)
async def test_no_other_state_of_a_socket_is_its_loss(now: dict[str, Any]) -> None:
    found = await judged(now)
    assert not [h for h in found.hypotheses if h.mode == "socket-file-gone"]
    broken = "at which nobody listens" in found.statement
    assert broken is (now["error"] == "refused" if "error" in now else now["kind"] == "missing")
