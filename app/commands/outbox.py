"""What tickets are told, what waits and what is stuck; and a person's word on it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from app.commands.address import connect
from app.commands.screen import NO, out
from app.commands.server import Url
from app.domain.value import JsonObject

app = typer.Typer(no_args_is_help=True, help="What is written back to ServiceNow's tickets")

Row = Annotated[int, typer.Argument(help="The row's number, see list", min=1)]
PAGE = 500


@app.command("list")
def list_(
    state: Annotated[
        str, typer.Option(help="pending, sending, sent, parked, dropped; stuck; all")
    ] = "stuck",
    notes: Annotated[bool, typer.Option("--notes", help="Show each note, too")] = False,
    url: Url = None,
) -> None:
    """List rows, oldest first. Exit 1 where something is stuck."""
    asked: JsonObject = {"stuck": "true"} if state == "stuck" else {}
    if state not in ("stuck", "all"):
        asked = {"state": state}
    with connect(url) as server:
        page = server.get("/api/v1/outbox", limit=PAGE, **asked)
    out.print(", ".join(f"{count} {name}" for name, count in page["counts"].items()))
    for row in page["rows"]:
        _print(row, notes=notes)
    if page["next_after"] is not None:
        out.print(f"more: GET /api/v1/outbox?after={page['next_after']}")
    if any(row["stuck"] for row in page["rows"]):
        raise typer.Exit(NO)


@app.command()
def retry(row: Row, url: Url = None) -> None:
    """Try a row again now: what ServiceNow refused was mended there."""
    _post(url, row, "retry")


@app.command()
def drop(row: Row, url: Url = None) -> None:
    """Give a row up: its ticket is never told that, and the rows after it go on."""
    _post(url, row, "drop")


def _post(url: str | None, row: int, what: str) -> None:
    with connect(url) as server:
        moved = server.post(f"/api/v1/outbox/{row}/{what}", None)
    out.print(f"row {row} of {escape(moved['incident_number'])} is now {moved['state']}")


def _print(row: JsonObject, *, notes: bool) -> None:
    mark = "SIMULATED " if row["simulated"] else ""
    out.print(
        f"[bold]{mark}row {row['id']}[/]  {escape(row['incident_number'])}, execution "
        f"{row['execution_id']}, {row['told']}: {row['state']}, {row['attempts']} attempts"
    )
    if row["last_error"]:
        out.print(f"  said   {escape(row['last_error'])}")
    if row["result"].get("left"):
        out.print(f"  left   {escape(row['result']['left'])}")
    if notes:
        out.print(escape(row["note"]), style="dim")
