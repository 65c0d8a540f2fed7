"""Handing in an incident, and looking at what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from getpass import getuser
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.commands.address import connect
from app.commands.live import ENDED, Live, print_verdict
from app.commands.screen import NO, out
from app.commands.server import Server, Url
from app.domain.incident import OWN_NUMBERS
from app.domain.value import JsonObject

GOOD_OUTCOMES = frozenset({"resolved", "no_fault"})

Number = Annotated[int, typer.Argument(help="The execution's number", min=1)]


def trigger(
    hostname: Annotated[str, typer.Argument(help="A host of the inventory, by name or address")],
    title: Annotated[str, typer.Argument(help="What is broken, in a sentence")],
    number: Annotated[str, typer.Option(help="The incident's number")] = "",
    service: Annotated[str, typer.Option(help="What is said to be broken")] = "",
    description: Annotated[str, typer.Option(help="More about it")] = "",
    priority: Annotated[str, typer.Option(help="1 to 5")] = "3",
    watch_it: Annotated[
        bool, typer.Option("--follow/--no-follow", "--watch/--no-watch", help="Show it live")
    ] = True,
    url: Url = None,
) -> None:
    """Post an incident, and watch what becomes of it."""
    incident = {
        "incident_number": number or _fresh_number(),
        "short_description": title,
        "description": description,
        "priority": priority,
        "state": "2",
        "target": {"hostname": hostname, "service": service},
    }
    with connect(url) as server:
        taken = server.post("/api/v1/incident/trigger-agent", incident)
        out.print(f"{taken['incident_number']}: execution {taken['execution_id']}")
        if watch_it:
            end_with(Live(server, taken["execution_id"]).follow())


def watch(execution: Number, url: Url = None) -> None:
    """Show an execution live, until it ends or waits for a person."""
    with connect(url) as server:
        end_with(Live(server, execution).follow())


def show(execution: Number, url: Url = None) -> None:
    """Show an execution as it stands now."""
    with connect(url) as server:
        view = Live(server, execution).follow(seconds=0)
        print_verdict(view)
        _print_model_calls(server, execution)


def executions(
    active: Annotated[bool, typer.Option(help="Only those at work or waiting")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    url: Url = None,
) -> None:
    """List executions, newest first."""
    path = "/api/v1/incident/executions" + ("/active" if active else "")
    with connect(url) as server:
        page = server.get(path, limit=None if active else limit)
    table = Table("number", "incident", "status", "outcome", "host", "started", "about", box=None)
    for line in page["executions"]:
        mark = "SIMULATED " if line["simulated"] else ""
        table.add_row(
            str(line["execution_id"]),
            escape(line["incident_number"]),
            line["status"],
            mark + (line["outcome"] or "-"),
            escape(line["host"]),
            line["started_at"][:19],
            escape(line["short_description"][:60]),
        )
    out.print(table)


def cancel(
    execution: Number,
    reason: Annotated[str, typer.Option(help="Why; those who read it later will want to know")],
    url: Url = None,
) -> None:
    """Stop an execution at its next safe boundary; a change without its proof is undone first."""
    path = f"/api/v1/incident/execution/{execution}/cancel"
    with connect(url) as server:
        asked = server.post(path, {"reason": reason, "by": getuser()})
    out.print(f"execution {execution}: {asked['message']} It is {asked['status']}.")


def end_with(view: JsonObject) -> None:
    """Print the verdict; exit 1 where the execution ended other than well."""
    print_verdict(view)
    if view["status"] == "waiting_approval":
        out.print("It waits for a person: sre-agent approvals list")
    elif view["status"] in ENDED and view["outcome"] not in GOOD_OUTCOMES:
        raise typer.Exit(NO)


def _print_model_calls(server: Server, execution: int) -> None:
    """What a language model was asked, where one was: a line each, and what it cost."""
    told = server.get(f"/api/v1/incident/execution/{execution}/model-calls")
    for entry in told["calls"]:
        call = entry["call"]
        failed = f" ({call['failure']}: {call['detail']})" if call["failure"] else ""
        out.print(
            f"model      {escape(call['model'])} {call['purpose']}: {call['status']}"
            f"{escape(failed)} [dim]{call['prompt_version']}, {call['tokens_in']} + "
            f"{call['tokens_out']} tokens, {call['cost']:.4f}, {call['seconds']:.1f} s[/]"
        )
    if told["calls"]:
        spent = told["spent"]
        out.print(
            f"           together {spent['tokens']} tokens, {spent['cost']:.4f}, "
            f"{spent['seconds']:.1f} s"
        )


def _fresh_number() -> str:
    return f"{OWN_NUMBERS}{datetime.now(UTC):%Y%m%d%H%M%S}"
