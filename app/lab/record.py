"""Recording a scenario for simulated hosts: the service heals a real host, and a tape runs along.

The service runs in this process, between its hands and the host stands the tape. The host goes by
the name and the services that the inventory of the simulation has for it, so that a simulated
execution asks the questions that were recorded. Three states are made by hand or by the repair:
healthy (the baseline), broken (the fault), and one after each change.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from app.assembly import Files, assemble
from app.domain.execution import ACTIVE, Outcome
from app.domain.host import Host
from app.domain.incident import Incident
from app.engine.baselines import take_baseline
from app.engine.parts import Hands
from app.execution.recorder import RecordingHosts, RecordingProber, Tape
from app.execution.recording import HEALTHY, SHIPPED
from app.execution.targets import Inventory
from app.lab.agents import Agent
from app.lab.enrolment import inventory_entry
from app.lab.errors import LabError
from app.lab.judge import Said
from app.lab.network import inside
from app.lab.runner import Run, fresh_estate
from app.lab.running import Estate
from app.lab.scenario import Scenario
from app.models.database import Database
from app.models.migrate import upgrade
from app.settings import AutonomyLevel, Settings

BROKEN = "broken"
POLL_SECONDS = 0.3


class _Nobody(Agent):
    """The recorder works by itself; `Run` only sets the scene."""

    def heal(self, scenario: Scenario) -> Said:
        raise LabError(f"{scenario.id} is recorded, not run")


def record(scenario: Scenario, plays: str, folder: Path = SHIPPED) -> Path:
    """Record a scenario as the host `plays` of the default inventory; returns the file."""
    with fresh_estate(scenario) as estate:
        run = Run(scenario, _Nobody(), estate)
        run.set_up()
        settings = _settings(estate, scenario.target, plays)
        upgrade(settings)
        tape = Tape(plays, HEALTHY)
        with inside(estate.namespace):
            outcome = asyncio.run(_worked_on(run, settings, tape))
    if outcome is not Outcome.RESOLVED:
        raise LabError(f"{scenario.id} ended as {outcome}: only what was healed is worth replaying")
    return tape.recording(initial=BROKEN, plays=plays).write(folder)


async def _worked_on(run: Run, settings: Settings, tape: Tape) -> Outcome | None:
    """Baseline, fault, incident; the outcome."""
    database = Database(settings)
    files = Files.load(settings)
    parts = assemble(settings, files, database, lambda hands: _taped(hands, tape))
    host = files.inventory.get(tape.host)
    try:
        await take_baseline(host, parts.hands, parts.records.baselines, reason="to be recorded")
        await asyncio.to_thread(run.break_it)
        tape.mark(BROKEN)
        await parts.engine.start()
        accepted = await parts.records.journal.accept(
            _incident(run.scenario, host), {}, simulated=False, max_active=1
        )
        await parts.engine.submit(accepted.execution_id)
        view = await parts.records.reading.execution(accepted.execution_id)
        while view.status in ACTIVE:
            await asyncio.sleep(POLL_SECONDS)  # an execution tells by being asked
            view = await parts.records.reading.execution(accepted.execution_id)
        await parts.engine.stop()
    finally:
        await database.close()
    return view.outcome


def _taped(hands: Hands, tape: Tape) -> Hands:
    tapes = {tape.host: tape}
    return replace(
        hands,
        hosts=RecordingHosts(hands.hosts, tapes),
        prober=RecordingProber(hands.prober, tapes),
    )


def _incident(scenario: Scenario, host: Host) -> Incident:
    ticket = scenario.ticket
    return Incident(
        number="INC0010001",
        short_description=ticket.short_description,
        description=ticket.description,
        host=host.name,
        claimed_service=ticket.service,
        received_at=datetime.now(UTC),
    )


def _settings(estate: Estate, target: str, plays: str) -> Settings:
    """The service's settings, with an inventory of the one host under the name that it plays."""
    folder = estate.folder
    inventory = folder / "recorded-inventory.yaml"
    entry = _entry(estate, target, plays)
    inventory.write_text(yaml.safe_dump({"hosts": {plays: entry}}), encoding="utf-8")
    return Settings(
        _env_file=None,
        enable_real_ssh=True,
        autonomy_level=AutonomyLevel.L4,
        inventory_file=inventory,
        database_url=f"sqlite+aiosqlite:///{folder / 'recorded.sqlite'}",
        log_level="WARNING",
    )


def _entry(estate: Estate, target: str, plays: str) -> dict[str, Any]:
    """How to reach the lab's host, and everything else as the simulation's inventory has it."""
    machine = estate.machines[target]
    reach = inventory_entry(machine, estate.key, set())
    played = Inventory.from_development_targets().get(plays).model_dump(mode="json")
    ways = ("address", "port", "username", "ssh_key_path", "host_key")
    kept = {name: value for name, value in played.items() if name not in ("name", "jump", "names")}
    return kept | {name: reach[name] for name in ways}
