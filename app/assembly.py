"""The service without its HTTP: settings -> files -> database -> engine, from start to stop.

    async with service(settings, Files.load(settings)) as running: ...

What is wrong with the settings or the files raises. What is wrong with the database does not: the
service says what is in the way (`Service.now`) and comes up by itself once it is mended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app import log, watching
from app.access.door import Access
from app.access.sources import Sources
from app.api import health
from app.api.parts import Parts
from app.api.v1.taking_on import take_on_record
from app.audit.alerts import Alerts
from app.domain.value import JsonObject
from app.engine.advising import advising
from app.engine.disk import Disk
from app.engine.engine import Engine
from app.engine.identity import surely_gone
from app.engine.parts import Graph, Hands, Records
from app.engine.policing import PolicyJudge
from app.errors import AuditWriteFailed, DatabaseNotReady, EngineError, SreAgentError
from app.execution.catalog import Catalog
from app.execution.hosts import SshHosts
from app.execution.policy_file import PolicyFile
from app.execution.ports import Hosts, Prober
from app.execution.prober import HttpProber
from app.execution.recording import HEALTHY
from app.execution.simulation import Recordings, SimulatedHosts, SimulatedProber
from app.execution.targets import Inventory
from app.knowledge.library import Library
from app.models.database import Database
from app.reasoning.builtin import BuiltinReasoner
from app.secrets.configured import secrets_of
from app.secrets.live import fetch, keep_fresh, with_live_secrets
from app.secrets.secrets import Secrets
from app.servicenow.desk import Desk
from app.services.proving import WatchTimes
from app.services.self_healing_sre_agent import Limits, run_execution
from app.settings import Settings

RETRY_SECONDS = 2.0

_log = log.get(__name__)


@dataclass(frozen=True)
class Files:
    """What is read once, at the start. Raises ConfigurationError where one is wrong."""

    inventory: Inventory
    catalog: Catalog
    policy: PolicyFile
    knowledge: Library
    sources: Sources

    @classmethod
    def load(cls, settings: Settings) -> Files:
        """Read the inventory, the catalog and the policy that `settings` name."""
        watching.check_addresses(settings)
        return cls(
            inventory=Inventory.load(settings),
            catalog=Catalog.load(),
            policy=PolicyFile.load(settings.policy_file),
            knowledge=Library.load(*([settings.knowledge_dir] if settings.knowledge_dir else [])),
            sources=Sources.load(settings.sources_file),
        )


@dataclass
class Service:
    """A service that is up, or says why it is not yet."""

    parts: Parts
    desk: Desk | None
    now: Parts | SreAgentError  # the parts once they work; until then what is in the way
    is_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def bring_up(self) -> None:
        """Start what works on incidents, where the database is ready for it."""
        self.now = await _started(self.parts, self.desk)
        if isinstance(self.now, Parts):
            self.is_up.set()

    async def keep_trying(self) -> None:
        """Come up by itself once a database is mended or migrated: nothing tells when that is."""
        while not isinstance(self.now, Parts):
            await asyncio.sleep(RETRY_SECONDS)
            await self.bring_up()


@asynccontextmanager
async def service(
    settings: Settings,
    files: Files,
    *,
    works: bool = True,
    wrap: Wrap | None = None,
    graph: Graph | None = None,
) -> AsyncIterator[Service]:
    """The service from start to stop; the arguments are those of `assemble`."""
    _say_mode(settings, files)
    secrets = secrets_of(settings)
    settings, live = with_live_secrets(settings)
    live += files.sources.live
    await fetch(live, secrets)
    fresh = asyncio.create_task(keep_fresh(live, secrets, settings.secrets_cache_seconds))
    database = Database(settings)
    parts = assemble(settings, files, database, wrap, secrets=secrets, works=works, graph=graph)
    running = Service(parts, _desk(parts), EngineError("The service is starting."))
    await running.bring_up()
    coming_up = asyncio.create_task(running.keep_trying())
    try:
        yield running
    finally:
        for task in (fresh, coming_up):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await _stopped(running)
        await asyncio.to_thread(parts.tracer.close)
        await database.close()
        _log.info("stopped")


Wrap = Callable[[Hands], Hands]


def assemble(
    settings: Settings,
    files: Files,
    database: Database,
    wrap: Wrap | None = None,
    *,
    secrets: Secrets | None = None,
    works: bool = True,
    graph: Graph | None = None,
) -> Parts:
    """Put the service together. Nothing is opened or started yet.

    `wrap` may put something between the service and its hands: the lab records what they do.
    `works`: False where other processes are the workers. `graph`: another than the six states.
    """
    records = Records.of(database)
    secrets = secrets or secrets_of(settings)
    hands, baseline_hands, stage = _hands(settings, files, records, secrets)
    if wrap is not None:
        hands, baseline_hands = wrap(hands), wrap(baseline_hands)
    tracer = watching.tracer(settings)
    graph = graph or _graph(settings)
    engine = Engine(settings, database, hands, graph, tracer, works=works)
    return Parts(
        settings=settings,
        database=database,
        records=records,
        secrets=secrets,
        inventory=files.inventory,
        policy=files.policy,
        hands=hands,
        baseline_hands=baseline_hands,
        stage=stage,
        access=Access.of(settings, database, files.sources, secrets),
        engine=engine,
        disk=Disk(settings),
        alerts=Alerts(database),
        watchdog=watching.watchdog(settings, database, records, engine.worker_id),
        tracer=tracer,
    )


def _graph(settings: Settings) -> Graph:
    """The workflow with this installation's limits."""
    limits = Limits(
        rounds=settings.execution_max_rounds,
        changes=settings.execution_max_changes,
        watch=WatchTimes(
            reversible=settings.watch_seconds_reversible,
            disruptive=settings.watch_seconds_disruptive,
        ),
    )
    return partial(run_execution, limits=limits)


def _hands(
    settings: Settings, files: Files, records: Records, secrets: Secrets
) -> tuple[Hands, Hands, Recordings | None]:
    """The hands, those for taking baselines, and the stage where hosts are simulated.

    Real ones only where ENABLE_REAL_SSH says so. Baselines are taken of healthy hosts, so the
    simulated ones for that replay the recordings from before the fault.
    """
    judge = PolicyJudge(settings, files.policy, files.catalog, files.inventory, records)
    reasoner = BuiltinReasoner(files.knowledge)
    advised = advising(settings, reasoner, files.catalog)

    def with_(hosts: Hosts, prober: Prober) -> Hands:
        return Hands(
            inventory=files.inventory,
            catalog=files.catalog,
            judge=judge,
            hosts=hosts,
            prober=prober,
            reasoner=reasoner,
            advised=advised,
        )

    if settings.enable_real_ssh:
        pinned = settings.ssh_known_hosts_file
        hosts = SshHosts(files.inventory, files.catalog, known_hosts_file=pinned, secrets=secrets)
        real = with_(hosts, HttpProber())
        return real, real, None
    stage = Recordings.load(settings.recordings_dir, stage=_stage_folder(settings))
    return (
        with_(SimulatedHosts(stage, files.catalog), SimulatedProber(stage)),
        with_(SimulatedHosts(stage, files.catalog, at=HEALTHY), SimulatedProber(stage, at=HEALTHY)),
        stage,
    )


def _stage_folder(settings: Settings) -> Path:
    """Where simulated hosts keep their state over a restart: beside the database."""
    return settings.beside_database(".simulated")


def _desk(parts: Parts) -> Desk | None:
    """The desk where tickets are written; None where no ServiceNow is set, or
    the workers write them."""
    if parts.settings.servicenow_instance_url is None or not parts.engine.works:
        return None
    return Desk(
        parts.settings,
        parts.database,
        worker_id=parts.engine.worker_id,
        cancel=parts.engine.cancel,
        take_on=partial(take_on_record, parts),
        gone=surely_gone,
    )


async def _started(parts: Parts, desk: Desk | None) -> Parts | SreAgentError:
    """The parts, once the database is ready and the engine works; else what is in the way."""
    try:
        await parts.database.check_schema()
        await parts.records.events.tell("start", _mode(parts))
        await parts.engine.start()
        if parts.engine.works:
            parts.watchdog.start()
    except (DatabaseNotReady, AuditWriteFailed, EngineError) as error:
        _log.error("not ready", code=error.code, reason=str(error))
        return error
    if desk is not None:
        desk.start()
    _log.info("ready", database=parts.settings.database_url_shown)
    return parts


async def _stopped(running: Service) -> None:
    if running.desk is not None:
        await running.desk.stop()
    if isinstance(running.now, Parts):
        if running.parts.engine.works:
            await running.parts.watchdog.stop()
        await running.parts.engine.stop()


def _mode(parts: Parts) -> JsonObject:
    """What the audit says of a start: who would have been allowed to do what."""
    return {
        "mode": "real" if parts.settings.enable_real_ssh else "simulated",
        "autonomy_level": parts.policy.base_level(parts.settings).value,
        "version": health.VERSION,
        "worker": parts.engine.worker_id,
    }


def _say_mode(settings: Settings, files: Files) -> None:
    real = settings.enable_real_ssh
    _log.warning(
        "REAL hosts will be contacted over SSH" if real else "SIMULATED: no host is contacted",
        mode="real" if real else "simulated",
        autonomy_level=files.policy.base_level(settings).value,
        hosts=len(files.inventory.hosts),
        version=health.VERSION,
    )
