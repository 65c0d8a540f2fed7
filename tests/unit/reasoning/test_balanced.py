"""A load balancer that does not use a server though its configuration says that it does."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import Host
from app.domain.probe import ProbeResult
from app.host.baseline import Baseline
from app.host.facts import Manifest
from app.reasoning.first_look import first_look
from app.reasoning.port import Advice, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import NOW, evidence, facts_of, listener, unit
from tests.unit.reasoning.test_builtin import steps
from tests.unit.reasoning.test_containers import PROBE, settled

BALANCER = unit("haproxy.service")
LISTENER = [listener(8090, "haproxy.service", "haproxy")]


def server(name: str = "one", state: str = "ready", **more: Any) -> dict[str, Any]:
    shape = {"backend": "pages", "server": name, "state": state, "by_hand": state != "ready"}
    return shape | {"health": "up", "weight": 100, "weight_configured": 100} | more


def told(*servers: dict[str, Any], status: int = 503, **more: Any) -> Case:
    """Users are refused by a balancer that runs as it did while the host was healthy."""
    files = Manifest(host="alpha", taken_at=NOW.isoformat(), files=cases.FILES)
    well = Baseline(
        host="alpha", taken_at=NOW.isoformat(), manifest=files, probes=(PROBE,),
        evidence=evidence(facts_of([BALANCER], LISTENER)),
    )  # fmt: skip
    facts = facts_of([BALANCER], LISTENER, **more)
    facts["baseline.manifest"] = files.model_dump(mode="json")
    if servers:
        facts["haproxy.servers"] = {"socket": "/run/haproxy/admin.sock", "servers": servers}
    result = ProbeResult(
        probe=PROBE, ok=False, status=status, taken_at=NOW, simulated=False, evidence_id=900
    )
    given = cases.case(facts)
    host = given.host.model_copy(update={"services": ("haproxy",)})
    shape = {"probes": (result,), "baselines": (well,), "host": host, "hosts": (host,)}
    return given.model_copy(update=shape)


async def test_it_is_asked_which_servers_are_used() -> None:
    asked = {call.action for call in first_look(told(), told().host)}
    assert "haproxy.servers" in asked


async def test_a_host_that_it_passes_requests_on_to_is_one_that_it_needs() -> None:
    given = told(server(address="192.0.2.9"))
    behind = Host(name="beta", address="192.0.2.9", depends_on=("alpha",))
    given = given.model_copy(update={"hosts": (given.host, behind)})
    assert given.needed == (behind,)


async def test_one_that_is_down_itself_is_mended_first() -> None:
    judged = await settled(told(server(state="drain", health="down")))
    assert judged.repair is None


@pytest.mark.parametrize("state", ["drain", "maint"])
async def test_the_only_server_that_was_taken_out_is_used_again(state: str) -> None:
    judged = await settled(told(server(state=state)))
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged) == ["haproxy.set_state backend=pages server=one state=ready"]
    assert state in judged.statement


async def test_one_without_a_share_gets_the_share_of_the_configuration() -> None:
    judged = await settled(told(server(weight=0, weight_configured=30)))
    assert steps(judged) == ["haproxy.set_weight backend=pages server=one weight=30"]


async def test_one_beside_others_that_serve_is_somebodys_work() -> None:
    judged = await settled(told(server(state="drain"), server("two"), status=500))
    assert judged.repair is None


async def test_one_that_the_configuration_takes_out_is_left() -> None:
    judged = await settled(told(server(state="maint", by_hand=False)))
    assert judged.repair is None


async def test_whoever_is_logged_in_may_be_at_it() -> None:
    someone = {"logged_in": ["kim pts/0"]}
    judged = await settled(told(server(state="drain"), persons__list=someone))
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


STRAYED = {"path": "/etc/haproxy/hosts.map", "missing": ["a.example pages"], "added": []}


def set_while_running(*servers: dict[str, Any], **more: Any) -> Case:
    used = {"socket": "/run/a.sock", "servers": servers or [server()]}
    return told(haproxy__servers=used | more)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"lists": [STRAYED]}, "/etc/haproxy/hosts.map"), ({"stopped": ["front"]}, "frontend front")],
)
async def test_what_was_set_while_it_runs_is_forgotten_by_a_reload(
    more: dict[str, Any], said: str
) -> None:
    judged = await settled(set_while_running(**more))
    assert steps(judged) == ["service.reload unit=haproxy.service"], judged.statement
    assert said in judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person is None


async def test_a_reload_that_would_use_servers_again_is_for_a_person() -> None:
    given = set_while_running(
        server(), server("two", state="drain", health="down"), lists=[STRAYED]
    )
    judged = await settled(given)
    assert judged.repair is not None, judged.statement
    assert "pages/two" in str(judged.repair.requires_person)


async def test_lists_that_are_as_in_their_files_are_no_cause() -> None:
    judged = await settled(set_while_running())
    assert not [h for h in judged.hypotheses if h.mode == "set-while-running"]
