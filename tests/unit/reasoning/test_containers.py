"""Containers that serve users, down for one reason or another."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.host import checks
from app.host.baseline import Baseline
from app.host.facts import Manifest
from app.host.view import HostView
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import NOW, evidence, facts_of, listener, unit
from tests.unit.reasoning.test_builtin import judge, steps

ID = "f00d" + 60 * "0"
PROBE = Probe(name="http alpha:8090/", kind=ProbeKind.HTTP, address="192.0.2.7", port=8090)
ENGINE = unit("docker.service")
PUBLISHED = listener(8090, "docker.service", "docker-proxy")


def container(state: str = "running", policy: str = "always", **more: Any) -> dict[str, Any]:
    ports = [{"port": 8090, "address": "0.0.0.0", "inside": 80, "protocol": "tcp"}]
    shape = {"name": "pages", "id": ID, "state": state, "restart_policy": policy, "ports": ports}
    return {"containers": [shape | more]}


def told(
    now: dict[str, Any],
    *,
    listeners: list[dict[str, Any]] | None = None,
    units: list[dict[str, Any]] | None = None,
    **more: Any,
) -> Case:
    """The case of a container on a host where it ran well before."""
    then = facts_of([ENGINE], [PUBLISHED], containers__list=container())
    files = Manifest(host="alpha", taken_at=NOW.isoformat(), files=cases.FILES)
    well = Baseline(
        host="alpha",
        taken_at=NOW.isoformat(),
        manifest=files,
        probes=(PROBE,),
        evidence=evidence(then),
    )
    looked = facts_of(
        units or [ENGINE],
        listeners or [],
        containers__list=now,
        baseline__manifest=files.model_dump(mode="json"),
        **more,
    )
    result = ProbeResult(
        probe=PROBE, ok=False, error="refused", taken_at=NOW, simulated=False, evidence_id=900
    )
    shape = cases.case(looked)
    return shape.model_copy(update={"probes": (result,), "baselines": (well,)})


async def settled(given: Case) -> Assessment:
    """The judgement once everything that is asked was answered with nothing new."""
    for _ in range(4):
        judged = await judge(given)
        if judged.advice is not Advice.DIAGNOSE:
            return judged
        more = tuple(
            item.model_copy(update={"id": 500 + n, "action": c.action, "params": dict(c.params)})
            for n, c in enumerate(judged.wanted)
            for item in [given.evidence[0].model_copy(update={"ok": False, "facts": {}})]
        )
        given = given.model_copy(update={"evidence": (*given.evidence, *more)})
    raise AssertionError("it asks for ever")


async def test_one_that_was_stopped_is_started() -> None:
    judged = await settled(told(container("exited", exit_code=137)))
    assert judged.advice is Advice.REMEDIATE
    assert steps(judged) == [f"container.start container=pages id={ID}"]


async def test_one_without_its_restart_policy_gets_that_back_too() -> None:
    judged = await settled(told(container("exited", "no", exit_code=143)))
    assert steps(judged) == [
        f"container.set_restart_policy container=pages id={ID} policy=always",
        f"container.start container=pages id={ID}",
    ]
    assert "restart policy" in judged.statement


async def test_a_stranger_on_its_port_makes_way() -> None:
    stray = unit("preview.service")
    judged = await settled(
        told(
            container("created", error="port is already allocated"),
            listeners=[listener(8090, "preview.service", "python3")],
            units=[ENGINE, stray],
        )
    )
    assert steps(judged)[-1] == f"container.start container=pages id={ID}"
    assert steps(judged)[0] == "service.stop unit=preview.service"


async def test_one_that_crashes_by_itself_is_a_persons() -> None:
    judged = await settled(told(container("restarting", exit_code=1, restarts=40)))
    assert judged.advice is Advice.HAND_OVER
    assert "pages" in judged.statement


async def test_one_that_is_down_on_purpose_is_left_alone() -> None:
    note = {"notes": {"/etc/motd": "pages is in maintenance until Monday"}}
    judged = await settled(told(container("exited", exit_code=0), persons__list=note))
    assert judged.advice is Advice.HAND_OVER


async def test_one_that_answers_on_its_own_host_is_not_restarted() -> None:
    """Something on the way to it fails, and a restart would cut off whom it serves."""
    given = told(container(), listeners=[PUBLISHED])
    (refused,) = given.probes
    waiting = refused.model_copy(update={"error": "timeout"})
    given = given.model_copy(update={"probes": (waiting,)})
    judged = await judge(given)
    here = "http.local host_header=alpha url=http://127.0.0.1:8090/ on alpha"
    assert here in [call.label() for call in judged.wanted], judged.statement
    shown = {"url": "http://127.0.0.1:8090/", "status": 200, "body": "pages"}
    (answered,) = evidence({"http.local": shown}, start=700)
    params = {"url": "http://127.0.0.1:8090/", "host_header": "alpha"}
    answered = answered.model_copy(update={"params": params})
    known = given.model_copy(update={"evidence": (*given.evidence, answered)})
    judged = await settled(known)
    assert judged.repair is None or "container.restart" not in str(steps(judged))


async def test_a_container_that_was_taken_off_its_network_is_attached_again() -> None:
    given = told(container(networks=[]), persons__list={})
    (well,) = given.baselines
    then = facts_of([ENGINE], [PUBLISHED], containers__list=container(networks=["inner"]))
    well = well.model_copy(update={"evidence": evidence(then)})
    judged = await settled(given.model_copy(update={"baselines": (well,)}))
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged) == [f"container.connect_network container=pages id={ID} network=inner"]
    assert "inner" in judged.hypotheses[0].text


async def test_one_that_is_paused_goes_on() -> None:
    judged = await settled(told(container("paused"), listeners=[PUBLISHED]))
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged) == [f"container.unpause container=pages id={ID}"]
    assert judged.repair is not None
    assert judged.repair.requires_person is None


@pytest.mark.parametrize("note", ["pages paused until the dump is done", "do not unpause pages"])
async def test_one_that_is_paused_on_purpose_is_left_alone(note: str) -> None:
    notes = {"notes": {"/etc/motd": note}}
    judged = await settled(told(container("paused"), listeners=[PUBLISHED], persons__list=notes))
    assert judged.advice is Advice.HAND_OVER


async def test_whoever_is_logged_in_may_have_paused_it() -> None:
    someone = {"logged_in": ["kim pts/0"]}
    judged = await settled(told(container("paused"), listeners=[PUBLISHED], persons__list=someone))
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


LIST = "/srv/lists/prices.txt"


@pytest.mark.parametrize(("checked", "asks"), [(True, False), (False, True)])
async def test_one_with_a_file_that_was_replaced_on_the_host_is_started_again(
    *, checked: bool, asks: bool
) -> None:
    """Without a question only where that is all: else nobody knows what the new file does to it."""
    given = told(container(stale_files=[LIST]), listeners=[PUBLISHED])
    view = HostView(given.host, given.evidence)
    then = HostView(given.host, given.baselines[0].evidence)
    (check,) = (one for one in checks.learned(then) if one.check == "container")
    red = checks.answer(check, view, taken_at=NOW, simulated=False)
    assert not red.ok
    assert LIST in red.detail
    probes = (red.model_copy(update={"evidence_id": 901}),)
    judged = await settled(given.model_copy(update={"probes": probes if checked else given.probes}))
    assert steps(judged) == [f"container.restart container=pages id={ID}"], judged.statement
    assert judged.repair is not None
    assert (judged.repair.requires_person is not None) is asks
    assert f"still has the old {LIST}" in judged.statement


def test_one_that_had_an_old_file_while_healthy_is_not_asked_for_another() -> None:
    then = HostView(cases.HOST, evidence({"containers.list": container(stale_files=[LIST])}))
    assert "container" not in {one.check for one in checks.learned(then)}
