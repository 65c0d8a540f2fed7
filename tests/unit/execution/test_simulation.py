"""Simulated hosts: what was recorded is replayed and says so; of the rest it is said too."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.action import ActionCall, Risk
from app.domain.evidence import Observation
from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.errors import ConfigurationError
from app.execution.catalog import Catalog
from app.execution.ports import Receipt, ReceiptState
from app.execution.recorder import Tape
from app.execution.recording import Recording
from app.execution.simulation import Recordings, SimulatedHosts, SimulatedProber

CATALOG = Catalog.load()
HOST = Host(name="web01", address="10.0.0.1", services=("nginx",))
SHOW = ActionCall(action="unit.show", host="web01", params={"unit": "nginx.service"})
START = ActionCall(action="service.start", host="web01", params={"unit": "nginx.service"})
PROBE = Probe(name="http", kind=ProbeKind.HTTP, address="192.0.2.1", port=80, host_header="shop")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def seen(state: str) -> Observation:
    return Observation(
        call=SHOW, argv=("x",), risk=Risk.READ, ok=True, exit_code=0, simulated=False,
        facts={"name": "nginx.service", "active_state": state}, taken_at=NOW,
    )  # fmt: skip


def probed(*, ok: bool) -> ProbeResult:
    return ProbeResult(
        probe=PROBE, ok=ok, status=200 if ok else None, taken_at=NOW, simulated=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording, made by the recorder: healthy, broken, and started again."""
    tape = Tape("lab-web", "healthy")
    tape.observed(seen("active"))
    tape.mark("broken")
    tape.observed(seen("failed"))
    tape.probed(probed(ok=False))
    ended = Receipt(intent_id="i", state=ReceiptState.ENDED, exit_code=0, output="started")
    tape.changed(START, ended)
    tape.changed(START, ended.model_copy(update={"repeated": True}))
    tape.observed(seen("active"))
    tape.probed(probed(ok=True))
    tape.recording(initial="broken", plays="web01").write(tmp_path)
    return tmp_path


def simulated(folder: Path, **more: Path) -> SimulatedHosts:
    return SimulatedHosts(Recordings.load(folder, **more), CATALOG, now=lambda: NOW)


async def test_a_change_leads_where_it_led(folder: Path) -> None:
    hosts = simulated(folder)
    prober = SimulatedProber(hosts.recordings)
    (before,) = await hosts.observe(HOST, [SHOW])
    assert (before.facts["active_state"], before.simulated) == ("failed", True)
    assert not (await prober.probe(HOST, [PROBE]))[0].ok
    receipt = await hosts.change(HOST, START, intent_id="i-1", fence=1)
    assert (receipt.state, receipt.exit_code) == (ReceiptState.ENDED, 0)
    assert "simulated" in receipt.reason
    (after,) = await hosts.observe(HOST, [SHOW])
    assert after.facts["active_state"] == "active"
    (served,) = await prober.probe(HOST, [PROBE.model_copy(update={"address": "10.0.0.1"})])
    assert served.ok, "a recording also plays for another address"
    assert served.simulated


async def test_the_same_intent_moves_a_host_once_also_after_a_restart(folder: Path) -> None:
    stage = folder / "var" / "stage.state"
    hosts = simulated(folder, stage=stage)
    await hosts.change(HOST, START, intent_id="i-1", fence=1)
    again = simulated(folder, stage=stage)
    assert (await again.receipt(HOST, "i-1")).state is ReceiptState.ENDED
    assert (await again.change(HOST, START, intent_id="i-1", fence=1)).repeated
    (after,) = await again.observe(HOST, [SHOW])
    assert after.facts["active_state"] == "active"
    again.recordings.reset("web01")
    (broken,) = await again.observe(HOST, [SHOW])
    assert broken.facts["active_state"] == "failed"


async def test_what_was_never_recorded_says_so(folder: Path) -> None:
    hosts = simulated(folder)
    other = ActionCall(action="nginx.test", host="web01")
    (silent,) = await hosts.observe(HOST, [other])
    assert (silent.ok, silent.error, silent.simulated) == (False, "not recorded", True)
    restart = START.model_copy(update={"action": "service.restart"})
    receipt = await hosts.change(HOST, restart, intent_id="i-1", fence=1)
    assert receipt.state is ReceiptState.REFUSED
    assert "would have run: /usr/bin/systemctl restart" in receipt.reason
    unknown = Host(name="elsewhere", address="10.0.0.9")
    (silent,) = await hosts.observe(unknown, [SHOW.model_copy(update={"host": "elsewhere"})])
    assert silent.error == "not recorded"
    (probe,) = await SimulatedProber(hosts.recordings).probe(unknown, [PROBE])
    assert (probe.ok, probe.error) == (False, "not recorded")


async def test_the_catalog_and_the_fence_hold_here_too(folder: Path) -> None:
    hosts = simulated(folder)
    wrong = SHOW.model_copy(update={"params": {"unit": "--all"}})
    (refused, changing) = await hosts.observe(HOST, [wrong, START])
    assert (refused.error or "").startswith("refused")
    assert (changing.error or "").startswith("refused")
    assert (await hosts.receipt(HOST, "i-9")).state is ReceiptState.NONE
    await hosts.change(HOST, START, intent_id="i-1", fence=5)
    late = await hosts.change(HOST, START, intent_id="i-2", fence=4)
    assert late.state is ReceiptState.REFUSED
    ssh = START.model_copy(update={"params": {"unit": "ssh.service"}})
    denied = await hosts.change(HOST, ssh, intent_id="i-3", fence=5)
    assert denied.state is ReceiptState.REFUSED


async def test_the_healthy_state_can_be_looked_at(folder: Path) -> None:
    hosts = SimulatedHosts(Recordings.load(folder), CATALOG, at="healthy")
    (healthy,) = await hosts.observe(HOST, [SHOW])
    assert healthy.facts["active_state"] == "active"


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    path = tmp_path / "web01.json"
    for text in ("{}", "[", '{"format": 1}'):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=r"web01\.json"):
            Recordings.load(tmp_path)


def test_a_transition_into_nowhere_is_refused(folder: Path) -> None:
    path = folder / "web01.json"
    path.write_text(path.read_text().replace('"to": "broken, then', '"to": "nowhere, then'))
    with pytest.raises(ConfigurationError, match="a state for each"):
        Recording.load(path)


def test_every_shipped_recording_can_be_read() -> None:
    assert Recordings.load().by_host
