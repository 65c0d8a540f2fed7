"""The database as an operator keeps it: sound, migrated, copied, put back.

These open the database themselves: they work while the service is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.audit.backlog import backlog
from app.audit.leases import Leases
from app.audit.workers import Workers
from app.commands.holding import alone
from app.commands.screen import NO, give_up, out
from app.engine import copies
from app.engine.disk import Disk
from app.engine.durable_tables import WorkflowTables
from app.engine.housekeeping import Housekeeping
from app.engine.vacuum import vacuum as give_back
from app.errors import DatabaseNotReady
from app.execution.targets import Inventory
from app.models.database import Database
from app.models.migrate import upgrade
from app.settings import Settings, read_settings

HEARD_SECONDS = 10
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)

app = typer.Typer(no_args_is_help=True, help="The database: sound, migrated, copied, put back")

Answer = TypeVar("Answer")
Folder = Annotated[Path, typer.Argument(help="A folder: of one backup")]


@app.command()
def check() -> None:
    """Whether the tables are this version's, the files sound, and the disk has room. Else exit 1.

    Whether what was written down is still so is another question: `sre-agent audit verify`.
    """
    settings = read_settings()
    wrong = [*copies.damage(settings), *filter(None, [Disk(settings).shortage()])]
    try:
        _on_database(settings, lambda database: database.check_schema())
    except DatabaseNotReady as error:
        wrong = [f"{error} {error.hint}".strip(), *wrong]
    for sentence in wrong:
        out.print(sentence, markup=False)
    if wrong:
        raise typer.Exit(NO)
    out.print(f"{settings.database_url_shown} is sound, and as this version needs it.")


@app.command()
def migrate() -> None:
    """Bring the tables to this version, the service's and the engine's; `serve` does it too."""
    settings = read_settings()
    upgrade(settings)
    asyncio.run(_migrate_engine(settings))
    out.print(f"{settings.database_url_shown} is as this version needs it.")


@app.command()
def backup(folder: Folder) -> None:
    """Copy everything durable into a new folder: tables, the audit's keys and checkpoints.

    The service may run meanwhile. The folder holds the audit's keys: keep it as you keep them.
    """
    settings = read_settings()
    _on_database(settings, lambda database: database.check_schema())
    manifest = copies.back_up(settings, folder)
    out.print(f"{folder}: {', '.join(sorted(manifest.sha256))}", markup=False)


@app.command()
def restore(
    folder: Folder,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Put a backup in the place of what is there, and bring it to this version.

    Stop the service first. Changes that were made after the backup are not known to it any more,
    but the hosts keep their receipts: none is made twice.
    """
    settings = read_settings()
    manifest = copies.read_backup(folder)
    _require_quiet(settings)
    if not yes:
        taken = f"{manifest.taken_at:%Y-%m-%d %H:%M} UTC"
        typer.confirm(
            f"Replace {settings.database_url_shown} by the backup of {taken}?", abort=True
        )
    copies.restore(settings, folder)
    upgrade(settings)
    asyncio.run(_migrate_engine(settings))
    hosts = [host.name for host in Inventory.load(settings).hosts]
    _on_database(settings, lambda database: _settle(database, hosts))
    out.print(f"{settings.database_url_shown} is as it was at {manifest.taken_at:%Y-%m-%d %H:%M}.")
    out.print("Now: sre-agent audit verify")


@app.command()
def archive(
    older_than: Annotated[
        int | None,
        typer.Option(help="Days since an execution ended; default: RETENTION_DAYS", min=1),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, no more")] = False,
) -> None:
    """Take executions that ended long ago out of the tables, into files of ARCHIVE_DIR.

    The service may run meanwhile. What waits for a person, or for an outcome, stays. Cut short
    anywhere nothing is lost: do it again.
    """
    settings = read_settings()
    days = older_than or settings.retention_days
    if not days:
        give_up("How old? RETENTION_DAYS is not set.", hint="sre-agent db archive --older-than 365")
    age = timedelta(days=days)
    if dry_run:
        due = _keeping_house(settings, lambda house: house.due(age))
        since = f", the first of {due[0].ended_at:%Y-%m-%d}" if due else ""
        out.print(f"{len(due)} executions ended more than {days} days ago{since}.")
        return
    done = _keeping_house(settings, lambda house: house.archive(age))
    for name in done.files:
        out.print(str(settings.archives_at / name), markup=False)
    kept = f"; {done.kept} are kept until the next time" if done.kept else ""
    out.print(f"{done.executions} executions were archived{kept}.")
    if done.executions:
        out.print("The tables' room is given back by: sre-agent db vacuum")


@app.command()
def vacuum() -> None:
    """Give back the room of what was archived. On SQLite all others wait for it."""
    settings = read_settings()
    _on_database(settings, lambda database: database.check_schema())
    before, after = give_back(settings)
    out.print(f"{settings.database_url_shown}: {before} bytes before, {after} bytes now.")


def _keeping_house(settings: Settings, work: Callable[[Housekeeping], Awaitable[Answer]]) -> Answer:
    async def run(database: Database) -> Answer:
        await database.check_schema()
        tables = WorkflowTables(settings)
        await tables.open()
        try:
            return await work(Housekeeping(database, tables))
        finally:
            await tables.close()

    return _on_database(settings, run)


async def _settle(database: Database, hosts: list[str]) -> None:
    """What the backup says of the moment is long past: its workers, and its fences."""
    await Workers(database).all_gone()
    await Leases(database).raise_fences(hosts, to=_fence_now())


def _fence_now() -> int:
    """Above every fence that was ever given: nobody takes a host every second for years."""
    return int((datetime.now(UTC) - _FIRST).total_seconds())


def _require_quiet(settings: Settings) -> None:
    """Nothing may work on it: SQLite's one process, or any worker on PostgreSQL."""
    if settings.uses_sqlite:
        alone(settings)  # held until this process ends
        return
    try:
        seen = _on_database(settings, backlog)
    except DatabaseNotReady:  # it is broken or empty, which is why it is restored
        return
    if any(worker.heard_seconds < HEARD_SECONDS for worker in seen.workers):
        give_up(
            f"{seen.alive} workers work on {settings.database_url_shown}.",
            hint="Stop them and the servers first: sre-agent workers",
        )


async def _migrate_engine(settings: Settings) -> None:
    tables = WorkflowTables(settings)
    await tables.open()
    await tables.close()


def _on_database(settings: Settings, work: Callable[[Database], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        database = Database(settings)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
