"""`sre-agent doctor`: what is set, what is missing, and what follows from it.

Each finding is one line: good, wrong, or a choice that has a consequence. Looks and never changes:
no migration is run and no host is contacted, unless `--hosts` asks for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape

from app.access.sources import Sources
from app.audit.keys import Keys
from app.commands.address import server_url
from app.commands.screen import NO, out
from app.commands.server import Server, ServerError
from app.domain.action import ActionCall
from app.errors import SreAgentError
from app.execution.catalog import Catalog
from app.execution.hosts import SshHosts
from app.execution.policy_file import PolicyFile
from app.execution.simulation import Recordings
from app.execution.targets import Inventory
from app.models.database import Database
from app.secrets.configured import named_by, secrets_of
from app.secrets.live import fetch, with_live_secrets
from app.secrets.secrets import Secrets
from app.servicenow import checkup
from app.settings import AutonomyLevel, Settings, read_settings


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    about: str
    found: str
    follows: str = ""
    ok: bool = True


def doctor(
    hosts: Annotated[
        bool, typer.Option("--hosts", help="Also log in to every host (ENABLE_REAL_SSH=true)")
    ] = False,
    servicenow: Annotated[
        str | None,
        typer.Option(metavar="INC", help="Write a work note to this test incident; read it back"),
    ] = None,
) -> None:
    """Say what is set, what is missing and what follows. Exit 1: something is wrong."""
    settings = read_settings()
    wrong = 0
    for finding in _findings(settings, hosts=hosts, test_incident=servicenow):
        wrong += not finding.ok
        sign = "[green]ok   [/]" if finding.ok else "[bold red]WRONG[/]"
        out.print(f"{sign} {finding.about:<14} {escape(finding.found)}")
        if finding.follows:
            out.print(f"      {'':<14} [dim]{escape(finding.follows)}[/]")
    if wrong:
        out.print(f"\n{wrong} to mend")
        raise typer.Exit(NO)


def _findings(settings: Settings, *, hosts: bool, test_incident: str | None) -> Iterator[Finding]:
    yield _mode(settings)
    yield _reasoning(settings)
    yield _tickets(settings)
    if settings.servicenow_instance_url is not None:
        yield from asyncio.run(_servicenow(settings, test_incident))
    yield _checked("database", lambda: asyncio.run(_database(settings)))
    with suppress(SreAgentError):  # what is wrong with the database has its own line
        yield _keys(settings, asyncio.run(_valid_keys(settings)))
    yield from _secrets(settings)
    if settings.sources_file is not None:
        yield _checked("sources", lambda: _sources(settings))
    yield _checked("catalog", lambda: f"{len(Catalog.load().actions)} actions")
    yield _checked("inventory", lambda: _inventory(settings))
    yield from _policy(settings)
    if not settings.enable_real_ssh:
        yield _checked("recordings", lambda: _recordings(settings))
    yield _server()
    if hosts and settings.enable_real_ssh:
        yield from asyncio.run(_reach(settings))


def _checked(about: str, look: Callable[[], str]) -> Finding:
    """What `look` found, or the error that it met, in the error's own words."""
    try:
        return Finding(about, look())
    except SreAgentError as error:
        return Finding(about, error.message, error.hint, ok=False)


def _mode(settings: Settings) -> Finding:
    if settings.enable_real_ssh:
        return Finding("mode", "REAL: ENABLE_REAL_SSH=true", "Hosts are contacted over SSH.")
    return Finding(
        "mode",
        "SIMULATED: ENABLE_REAL_SSH is not true",
        "No host is contacted; answers come from recordings, and every row says so.",
    )


def _autonomy(level: AutonomyLevel, settings: Settings) -> Finding:
    meaning = {
        AutonomyLevel.L0: "Everything is simulated.",
        AutonomyLevel.L1: "Hosts are read, nothing is changed; a plan ends as a recommendation.",
        AutonomyLevel.L2: "A person approves each change.",
        AutonomyLevel.L3: "Changes with a verified inverse are made; disruptive ones ask.",
        AutonomyLevel.L4: "Disruptive changes are made too, within budgets.",
    }[level]
    if settings.autonomy_level is not None and not settings.enable_real_ssh:
        meaning += " AUTONOMY_LEVEL has no effect while hosts are simulated."
    return Finding("autonomy", level.value, meaning)


def _reasoning(settings: Settings) -> Finding:
    if settings.openai_api_key is None:
        return Finding("reasoning", "built in", "OPENAI_API_KEY is not set: no model is asked.")
    where = settings.openai_base_url or "OpenAI"
    found = f"built in, with {settings.openai_model} at {where} beside it"
    return Finding("reasoning", found, "docs/discussions/language-model.md says what it may do.")


def _tickets(settings: Settings) -> Finding:
    if settings.servicenow_instance_url is None:
        return Finding(
            "ServiceNow",
            "not set",
            "Incidents come in by the webhook; no ticket is updated. "
            "SERVICENOW_INSTANCE_URL and a way to log in change that: docs/howto/servicenow.md.",
        )
    return Finding("ServiceNow", settings.servicenow_instance_url)


async def _servicenow(settings: Settings, test_incident: str | None) -> list[Finding]:
    """What the instance itself says: login, roles, zone, close codes, groups, a work note."""
    settings, live = with_live_secrets(settings)
    await fetch(live, secrets_of(settings))
    try:
        looked_at = [found async for found in checkup.look(settings, test_incident)]
    except SreAgentError as error:
        return [Finding("- login", error.message, error.hint, ok=False)]
    return [Finding(f"- {one.about}", one.found, one.follows, ok=one.ok) for one in looked_at]


def _secrets(settings: Settings) -> Iterator[Finding]:
    """Each reference, asked for once; never what came."""
    references = dict(named_by(settings))
    with suppress(SreAgentError):  # what is wrong with the inventory has its own line
        references |= {
            f"{host.name}.ssh_key": host.ssh_key
            for host in Inventory.load(settings).hosts
            if host.ssh_key is not None
        }
    with suppress(SreAgentError):  # as has what is wrong with the sources
        references |= Sources.load(settings.sources_file).references()
    if not references:
        yield Finding("secrets", "none by reference", "docs/howto/secrets.md shows how.")
        return
    secrets = secrets_of(settings)
    for name, reference in references.items():
        yield _checked(name, partial(_readable, secrets, reference))


def _readable(secrets: Secrets, reference: str) -> str:
    asyncio.run(secrets.get(reference))
    return f"{reference} can be read"


async def _database(settings: Settings) -> str:
    database = Database(settings)
    try:
        await database.check_schema()
    finally:
        await database.close()
    return f"{settings.database_url_shown}, migrated"


async def _valid_keys(settings: Settings) -> list[str] | None:
    """Roles of the keys that are valid now; None: no key was ever made."""
    database = Database(settings)
    try:
        await database.check_schema()
        keys = Keys(database)
        return [key.role.value for key in await keys.valid()] if await keys.any() else None
    finally:
        await database.close()


def _keys(settings: Settings, valid: list[str] | None) -> Finding:
    """Who is answered; nobody need have a key where sources and approvers do all of it."""
    if valid:
        return Finding("keys", f"{len(valid)} valid: {', '.join(sorted(set(valid)))}")
    found = "none was made" if valid is None else "none is valid any more"
    if valid is None and not settings.enable_real_ssh:
        return Finding("keys", found, "Requests of this machine itself are answered, all of them.")
    return Finding(
        "keys",
        found,
        "Only sources of SOURCES_FILE, approvers of POLICY_FILE and people of OIDC_ISSUER are "
        "answered. `sre-agent keys create --role operator --name YOU` makes a key.",
    )


def _sources(settings: Settings) -> str:
    names = Sources.load(settings.sources_file).sources
    return f"{', '.join(sorted(names)) or 'none'} in {settings.sources_file}"


def _inventory(settings: Settings) -> str:
    hosts = Inventory.load(settings).hosts
    where = settings.inventory_file or "ssh_config.py"
    names = ", ".join(host.name for host in hosts[:5]) + (", ..." if len(hosts) > 5 else "")
    return f"{len(hosts)} hosts in {where}: {names}"


def _policy(settings: Settings) -> Iterator[Finding]:
    try:
        policy = PolicyFile.load(settings.policy_file)
    except SreAgentError as error:
        yield Finding("policy", error.message, error.hint, ok=False)
        return
    where = str(settings.policy_file or "the default, POLICY_FILE is not set")
    people = ", ".join(sorted(policy.approvers))
    yield Finding("policy", where, f"Approvers: {people or 'none, so nobody can approve'}.")
    yield _autonomy(policy.base_level(settings), settings)
    yield from _calendar(policy, datetime.now(UTC))


def _calendar(policy: PolicyFile, now: datetime) -> Iterator[Finding]:
    """What the calendar says of now: who wonders why everything asks looks here first."""
    for freeze in policy.freezes:
        if freeze.holds(now):
            effect = "nothing is changed" if freeze.forbids else "every change asks a person"
            where = ", ".join((*freeze.hosts, *freeze.groups)) or "all hosts"
            until = f"{freeze.ends:%Y-%m-%d %H:%M %Z}"
            yield Finding("freeze", where, f"{freeze.why}: until {until} {effect}.")
    for window in policy.windows:
        where = ", ".join((*window.hosts, *window.groups)) or "all hosts"
        state = "open" if window.is_open(now) else "closed: changes ask a person there"
        yield Finding("change window", f"{window} for {where}", f"It is {state} now.")


def _recordings(settings: Settings) -> str:
    recordings = Recordings.load(settings.recordings_dir)
    return f"of {', '.join(sorted(recordings.by_host)) or 'no host'}"


def _server() -> Finding:
    url = server_url(None)
    try:
        with Server(url) as server:
            ready = server.get("/readyz")
    except ServerError as error:
        return Finding("server", f"not ready: {error.message}", error.hint)
    return Finding("server", f"{url} is ready, {ready['mode']}")


async def _reach(settings: Settings) -> list[Finding]:
    """Log in to every host and ask who it is; one finding each."""
    inventory, catalog = Inventory.load(settings), Catalog.load()
    hosts = SshHosts(
        inventory,
        catalog,
        known_hosts_file=settings.ssh_known_hosts_file,
        secrets=secrets_of(settings),
    )
    try:
        asked = [
            hosts.observe(host, [ActionCall(action="host.identity", host=host.name)])
            for host in inventory.hosts
        ]
        answers = await asyncio.gather(*asked)
    finally:
        await hosts.close()
    return [
        Finding(
            host.name,
            f"reached in {answer.seconds:.1f} s" if answer.ok else f"not reached: {answer.error}",
            "" if answer.ok else "docs/howto/common-problems.md has this message.",
            ok=answer.ok,
        )
        for host, (answer,) in zip(inventory.hosts, answers, strict=True)
    ]
