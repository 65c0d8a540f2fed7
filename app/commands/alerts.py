"""What needs a person now."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from app.commands.address import connect
from app.commands.screen import NO, out
from app.commands.server import Url
from app.domain.value import JsonObject


def alerts(
    recent: Annotated[int, typer.Option(help="Show so many that are over, too", min=0)] = 0,
    url: Url = None,
) -> None:
    """List what needs a person; exit code 1 while there is something."""
    with connect(url) as server:
        page = server.get("/api/v1/alerts", limit=recent or None)
    if not page["open"]:
        out.print("Nothing needs a person.")
    for alert in page["open"]:
        _print(alert)
    for alert in page["recent"][:recent]:
        _print(alert)
    if page["open"]:
        raise typer.Exit(NO)


def _print(alert: JsonObject) -> None:
    mark = "SIMULATED " if alert["simulated"] else ""
    until = f", over {alert['ended_at'][:16]}" if alert["ended_at"] else ""
    out.print(f"[bold]{mark}{alert['kind']}[/]  since {alert['opened_at'][:16]}{until}")
    out.print(f"  {escape(alert['statement'])}")
    if alert["problem"]:
        out.print(f"  not told yet: {escape(', '.join(alert['not_told']))}")
