"""The action catalog: everything that may be run on a host."""

from __future__ import annotations

from typing import Annotated

import typer
import yaml
from rich.markup import escape
from rich.table import Table

from app.commands.screen import give_up, out
from app.execution.catalog import Catalog

app = typer.Typer(no_args_is_help=True, help="Everything that may be run on a host")


@app.command("list")
def list_() -> None:
    """List every action with its risk class."""
    catalog = Catalog.load()
    table = Table("action", "risk", "what it does", box=None)
    for action, entry in catalog.actions.items():
        table.add_row(action, entry.risk.value, escape(entry.title))
    out.print(table)
    out.print(f"{len(catalog.actions)} actions, digest {catalog.digest[:16]}")


@app.command()
def explain(action: Annotated[str, typer.Argument(help="An action's id, see list")]) -> None:
    """Say all of one action: command, parameters, limits, what undoes and verifies it."""
    entry = Catalog.load().actions.get(action)
    if entry is None:
        give_up(f"There is no action {action!r}.", hint="`sre-agent catalog list` has them all.")
    told = entry.model_dump(mode="json", exclude_defaults=True)
    out.print(escape(yaml.safe_dump(told, sort_keys=False, allow_unicode=True).rstrip()))
