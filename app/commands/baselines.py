"""Writing down what a healthy host looks like."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from app.commands.address import connect
from app.commands.screen import out
from app.commands.server import Url

app = typer.Typer(no_args_is_help=True, help="What a healthy host looks like")

TAKING_SECONDS = 180


@app.callback()
def _group() -> None:
    """Keeps `take` a command of its own name while it is the only one."""


@app.command()
def take(
    host: Annotated[str, typer.Argument(help="A host of the inventory, by its name there")],
    url: Url = None,
) -> None:
    """Look at a healthy host and keep what it looks like, for comparing in an incident."""
    path = f"/api/v1/hosts/{quote(host, safe='')}/baseline"
    with connect(url) as server:
        taken = server.post(path, None, seconds=TAKING_SECONDS)
    mark = "SIMULATED " if taken["simulated"] else ""
    out.print(f"{mark}baseline {taken['version']} of {taken['host']}: {taken['files']} files")
