"""The policy: what it says to command lines, before anybody runs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.commands.screen import give_up
from app.execution.policy_check import EXAMPLE_INVENTORY, check_lines, lines_of
from app.execution.targets import Inventory
from app.settings import AutonomyLevel

app = typer.Typer(no_args_is_help=True, help="What the agent may do by itself")


@app.callback()
def policy() -> None:
    """Keep `check` a command of its own: a single one would become the group."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help='JSON lines: {"command": "...", "host": "..."?}')],
    level: Annotated[AutonomyLevel, typer.Option(help="The autonomy level")] = AutonomyLevel.L2,
    inventory: Annotated[
        Path | None, typer.Option(help="Inventory file; without it the shipped example")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The host of rows that name none")] = None,
) -> None:
    """Say for each command line whether it would be allowed, asked for, or denied. Runs nothing.

    Standard output is one JSON row an input row, in order; a denied row is no failure.
    """
    known = Inventory.from_file(inventory or EXAMPLE_INVENTORY)
    if host is not None:
        known.get(host)  # an unknown one is told before any row is
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        give_up(
            f"{file} cannot be read: {error}.", hint="It is UTF-8 text, one JSON object a line."
        )
    for row in check_lines(lines_of(text), level=level, inventory=known, host=host):
        sys.stdout.write(json.dumps(row) + "\n")
