"""The processes that work on incidents, and what waits for them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.audit.backlog import Backlog, backlog
from app.commands.screen import NO, out
from app.models.database import Database
from app.settings import read_settings


def workers(
    gone_too: Annotated[
        bool, typer.Option("--all", help="Also those that have left or were given up")
    ] = False,
) -> None:
    """List the workers and what waits for them. Exit 1: something waits, and nobody works.

    Asks the database itself, so it tells also where no server answers.
    """
    seen = asyncio.run(_asked(gone_too=gone_too))
    _print(seen)
    if seen.queued and not seen.alive:
        raise typer.Exit(NO)


async def _asked(*, gone_too: bool) -> Backlog:
    database = Database(read_settings())
    try:
        await database.check_schema()
        return await backlog(database, gone_too=gone_too)
    finally:
        await database.close()


def _print(seen: Backlog) -> None:
    table = Table("worker", "machine", "pid", "started", "heard", "state", box=None)
    for worker in seen.workers:
        table.add_row(
            worker.id,
            escape(worker.hostname),
            str(worker.pid),
            f"{worker.started_at:%Y-%m-%d %H:%M:%S}",
            f"{worker.heard_seconds:.0f} s ago",
            worker.state,
        )
    out.print(table if seen.workers else "No worker is there.")
    oldest = f", the oldest for {seen.oldest_seconds:.0f} s" if seen.queued else ""
    out.print(f"queued     {seen.queued}{oldest}")
    out.print(f"at work    {seen.running}")
    out.print(f"hosts held {len(seen.held)}")
    for held in seen.held:
        since = f" since {held.since:%H:%M:%S}" if held.since is not None else ""
        out.print(f"           {escape(held.host)} by {held.workflow}{since}")
