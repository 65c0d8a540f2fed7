"""The composition root: settings -> files -> database -> engine -> routers.

`uvicorn app.main:app` serves it; `python start_server.py` migrates first. What is wrong with the
settings or the files ends the process with a sentence. What is wrong with the database does not:
the service answers 503 with the reason and comes up by itself once it is mended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from app import log, watching
from app.access import guard
from app.access.door import Access, say_who_may_knock
from app.access.refusals import Refusals, keep_telling
from app.access.sources import Sources
from app.api import docs_page, health, login, login_oidc, metrics
from app.api import errors as api_errors
from app.api.admission import Admission
from app.api.counted import Counted
from app.api.parts import Parts
from app.api.refused import Refused
from app.api.v1.router import router as v1
from app.api.v1.taking_on import take_on_record
from app.audit.alerts import Alerts
from app.dashboard import router as dashboard
from app.domain.value import JsonObject
from app.engine.advising import advising
from app.engine.engine import Engine
from app.engine.identity import surely_gone
from app.engine.parts import Graph, Hands, Records
from app.engine.policing import PolicyJudge
from app.errors import (
    AuditWriteFailed,
    ConfigurationError,
    DatabaseNotReady,
    EngineError,
    SreAgentError,
)
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
from app.settings import Settings, read_settings

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


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Nothing is opened or contacted before its lifespan begins."""
    settings = settings or read_settings()
    log.configure(settings.log_level, settings.log_format)
    files = Files.load(settings)
    app = FastAPI(
        title="SRE agent",
        summary="Repairs Linux hosts over SSH, within policy, and proves it.",
        version=health.VERSION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        telemetry={"auto_configure": False},
        docs_url=None,  # app/api/docs_page.py
        redoc_url=None,
        lifespan=lambda app: _running(app, settings, files),
    )
    app.state.settings = settings
    app.state.refusals = Refusals()
    app.add_middleware(Refused, refusals=app.state.refusals)
    app.add_middleware(Admission)
    app.add_middleware(Counted)
    api_errors.install(app)
    app.include_router(v1)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(docs_page.router)
    app.include_router(login.router)
    app.include_router(login_oidc.router)
    dashboard.install(app)
    guard.require_declared(app)
    return app


@asynccontextmanager
async def _running(app: FastAPI, settings: Settings, files: Files) -> AsyncIterator[None]:
    """From the first request to the last: the database, the engine, and the way back."""
    _say_mode(settings, files)
    secrets = secrets_of(settings)
    settings, live = with_live_secrets(settings)
    live += files.sources.live
    await fetch(live, secrets)
    fresh = asyncio.create_task(keep_fresh(live, secrets, settings.secrets_cache_seconds))
    database = Database(settings)
    parts = assemble(settings, files, database, secrets=secrets)
    desk = _desk(parts)
    app.state.metrics = watching.metrics(parts)
    app.state.now = await _bring_up(parts, desk)
    coming_up = asyncio.create_task(_keep_trying(app, parts, desk))
    telling = asyncio.create_task(keep_telling(app.state.refusals, parts.records.events.tell))
    try:
        yield
    finally:
        for task in (fresh, coming_up, telling):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if desk is not None:
            await desk.stop()
        await dashboard.close(app)
        if isinstance(app.state.now, Parts):
            await parts.watchdog.stop()
            await parts.engine.stop()
        await asyncio.to_thread(parts.tracer.close)
        app.state.now = None
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
) -> Parts:
    """Put the service together. Nothing is opened or started yet.

    `wrap` may put something between the service and its hands: the lab records what they do.
    """
    records = Records.of(database)
    secrets = secrets or secrets_of(settings)
    hands, baseline_hands, stage = _hands(settings, files, records, secrets)
    if wrap is not None:
        hands, baseline_hands = wrap(hands), wrap(baseline_hands)
    tracer = watching.tracer(settings)
    engine = Engine(settings, database, hands, _graph(settings), tracer)
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
    stage = Recordings.load(settings.recordings_dir, stage_file=_stage_file(settings))
    return (
        with_(SimulatedHosts(stage, files.catalog), SimulatedProber(stage)),
        with_(SimulatedHosts(stage, files.catalog, at=HEALTHY), SimulatedProber(stage, at=HEALTHY)),
        stage,
    )


def _stage_file(settings: Settings) -> Path:
    """Where simulated hosts keep their state over a restart: beside the database."""
    path = settings.sqlite_path or Path("var/sre-agent")
    return path.with_name(f"{path.stem}.simulated.json")


def _desk(parts: Parts) -> Desk | None:
    """The desk where tickets are written; None where no ServiceNow is set."""
    if parts.settings.servicenow_instance_url is None:
        return None
    return Desk(
        parts.settings,
        parts.database,
        worker_id=parts.engine.worker_id,
        cancel=parts.engine.cancel,
        take_on=partial(take_on_record, parts),
        gone=surely_gone,
    )


async def _bring_up(parts: Parts, desk: Desk | None) -> Parts | SreAgentError:
    """The parts, once the database is ready and the engine works; else what is in the way."""
    try:
        await parts.database.check_schema()
        await parts.records.events.tell("start", _mode(parts))
        await parts.engine.start()
        parts.watchdog.start()
    except (DatabaseNotReady, AuditWriteFailed, EngineError) as error:
        _log.error("not ready", code=error.code, reason=str(error))
        return error
    if desk is not None:
        desk.start()
    _log.info("ready", database=parts.settings.database_url_shown)
    await say_who_may_knock(parts)
    return parts


def _mode(parts: Parts) -> JsonObject:
    """What the audit says of a start: who would have been allowed to do what."""
    return {
        "mode": "real" if parts.settings.enable_real_ssh else "simulated",
        "autonomy_level": parts.policy.base_level(parts.settings).value,
        "version": health.VERSION,
        "worker": parts.engine.worker_id,
    }


async def _keep_trying(app: FastAPI, parts: Parts, desk: Desk | None) -> None:
    """Come up by itself once a database is mended or migrated; nothing tells us when that is."""
    while not isinstance(app.state.now, Parts):
        await asyncio.sleep(RETRY_SECONDS)
        app.state.now = await _bring_up(parts, desk)


def _say_mode(settings: Settings, files: Files) -> None:
    real = settings.enable_real_ssh
    _log.warning(
        "REAL hosts will be contacted over SSH" if real else "SIMULATED: no host is contacted",
        mode="real" if real else "simulated",
        autonomy_level=files.policy.base_level(settings).value,
        hosts=len(files.inventory.hosts),
        version=health.VERSION,
    )


def __getattr__(name: str) -> FastAPI:
    """`app`, made when it is asked for: importing this module reads no environment."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        globals()["app"] = made = create_app()
    except ConfigurationError as error:
        # uvicorn imports us: a sentence and an exit code tell more than its traceback would
        raise SystemExit(f"The service cannot start: {error}") from None
    return made
