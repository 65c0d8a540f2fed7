"""`sre-agent policy check`: what the policy says to each action of a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.commands.screen import give_up
from app.execution.targets import Inventory
from app.settings import AutonomyLevel

app = typer.Typer(no_args_is_help=True, help="What the policy says")


@app.callback()
def _group() -> None:
    """Keeps `check` a command of its own name while it is the only one."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="One action a line")],
    level: Annotated[AutonomyLevel, typer.Option(help="The autonomy level")] = AutonomyLevel.L2,
    inventory: Annotated[
        Path | None, typer.Option(help="Default: the shipped example inventory")
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="NAME", help="For rows that name no host")
    ] = None,
) -> None:
    """Print one JSON row for each row of the file, in order. Exit 0 even where rows are denied."""
    # imported here: no other command needs it
    from app.execution.policy_check import check_lines

    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        give_up(f"{file} cannot be read: {error}.", hint="Name a JSONL file in UTF-8.")
    known = Inventory.from_file(inventory) if inventory else Inventory.from_development_targets()
    for row in check_lines(lines, level=level, inventory=known, host=host):
        sys.stdout.write(json.dumps(row) + "\n")
