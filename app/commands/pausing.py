"""Stopping everything, and going on."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from app.commands.address import connect
from app.commands.screen import out
from app.commands.server import Url
from app.domain.value import JsonObject

Reason = Annotated[str, typer.Argument(help="Why; those who find it so will want to know")]
By = Annotated[str, typer.Option(help="Who asks", envvar="USER")]


def pause(reason: Reason, by: By = "", url: Url = None) -> None:
    """Stop everything: no change is started on any host until `resume`."""
    _turn("pause", reason, by, url)


def resume(reason: Reason, by: By = "", url: Url = None) -> None:
    """Let changes be made again, as the policy has it."""
    _turn("resume", reason, by, url)


def _turn(what: str, reason: str, by: str, url: str | None) -> None:
    with connect(url) as server:
        _print(server.post(f"/api/v1/{what}", {"reason": reason, "by": by}))


def _print(now: JsonObject) -> None:
    if now["paused"]:
        out.print("[bold red]STOPPED[/]: no change is started on any host.")
    else:
        out.print("Changes may be made, as the policy has it.")
    if now["since"]:
        out.print(f"by {escape(now['by'])} at {now['since'][:19]}: {escape(now['reason'])}")
