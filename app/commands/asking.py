"""Answering the agent's questions: which plans wait for a person, and saying yes or no."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from app.commands.address import connect, server_url, shown
from app.commands.screen import out
from app.commands.server import Server, Url
from app.domain.value import JsonObject
from app.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="Plans that wait for a person")

Asked = Annotated[int, typer.Argument(help="The question's number", min=1)]
Reason = Annotated[str, typer.Option(help="Why; those who read it later will want to know")]
Token = Annotated[
    str | None,
    typer.Option(
        help="An approver's token, as POLICY_FILE names it, or a reference to it; better in "
        "SRE_AGENT_TOKEN, and asked for where neither is there",
    ),
]


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="pending, approved, rejected, ...; all")] = "pending",
    url: Url = None,
) -> None:
    """List the questions, oldest first."""
    with connect(url) as server:
        page = server.get("/api/v1/approvals", state=None if state == "all" else state)
    if not page["approvals"]:
        out.print("No question is open." if state == "pending" else "None.")
    for asked in page["approvals"]:
        _print(asked)


@app.command()
def approve(asked: Asked, token: Token = None, reason: Reason = "", url: Url = None) -> None:
    """Say yes to a plan. It is made anew with fresh evidence before it is carried out."""
    _decide(url, asked, "approve", token, reason)


@app.command()
def reject(asked: Asked, token: Token = None, reason: Reason = "", url: Url = None) -> None:
    """Say no to a plan. The execution ends and hands over what it found."""
    _decide(url, asked, "reject", token, reason)


def _decide(url: str | None, number: int, decision: str, token: str | None, reason: str) -> None:
    """Show what is decided on, then say it of exactly that plan."""
    path = f"/api/v1/approvals/{number}"
    given = token or read_settings().sre_agent_token or typer.prompt("Token", hide_input=True)
    with Server(server_url(url), token=shown(given)) as server:
        asked = server.get(path)
        _print(asked)
        said = {"decision": decision, "reason": reason, "plan_hash": asked["plan_hash"]}
        decided = server.post(f"{path}/decision", said)
    out.print(f"question {number} is now {decided['state']}")


def _print(asked: JsonObject) -> None:
    mark = "SIMULATED " if asked["simulated"] else ""
    out.print(
        f"[bold]{mark}question {asked['id']}[/]  {asked['state']}, execution "
        f"{asked['execution_id']}, {escape(asked['host'])}, risk {asked['risk']}, until "
        f"{asked['expires_at'][:16]}"
    )
    out.print(f"  cause  {escape(asked['cause'])} ({asked['confidence_score']:.0f} %)")
    for step in asked["steps"]:
        given = " ".join(f"{name}={value}" for name, value in sorted(step["params"].items()))
        out.print(f"  step   {step['action']} {escape(given)} on {escape(step['host'])}")
    for reason in asked["reasons"]:
        out.print(f"  asked  {escape(reason)}")
    for vote in asked["votes"]:
        out.print(f"  said   {escape(vote['person'])}: {vote['decision']} {escape(vote['reason'])}")
