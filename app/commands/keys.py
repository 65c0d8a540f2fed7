"""Keys: making, listing and revoking them. Works on the database itself, not over the network.

Whoever may run this where the server keeps its database may make a key; nobody else can.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import typer
from rich.markup import escape
from rich.table import Column, Table

from app.audit.keys import Keys
from app.commands.screen import give_up, out
from app.domain.access import subject_of
from app.domain.permission import Role
from app.models.database import Database
from app.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="Who may use the API and the page")

NAMELESS = frozenset({Role.WEBHOOK, Role.VIEWER})
"""Roles whose keys need not say whose they are: nothing that they do carries a name."""

_SPAN = re.compile(r"([1-9][0-9]{0,4})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}

Result = TypeVar("Result")


@app.command()
def create(
    role: Annotated[Role, typer.Option(help="What the key's holder may do")],
    name: Annotated[str, typer.Option(help="Whose key it is: a person, or a system")] = "",
    subject: Annotated[
        str, typer.Option(help="Their `sub` at OIDC_ISSUER: key and login are then one person")
    ] = "",
    expires: Annotated[str, typer.Option(help="After how long: 90d, 12h, 30m; or never")] = "365d",
) -> None:
    """Make a key and show it, once. From the first key on, everybody needs one."""
    whose = name.strip()
    if not whose and role not in NAMELESS:
        give_up(
            f"A key of the role {role} needs --name.",
            hint="What its holder decides, stops or revokes carries that name.",
        )
    span, known_as = _span(expires), _subject(subject.strip())
    made = _with_keys(
        lambda keys: keys.create(role, whose or role.value, subject=known_as, expires_after=span)
    )
    ends = f"until {made.info.expires_at:%Y-%m-%d}" if made.info.expires_at else "for ever"
    out.print(f"key {made.info.id} of {escape(made.info.name)}, role {role.value}, valid {ends}")
    out.print("It is shown this once and kept as a hash only:")
    out.print(made.token)


@app.command("list")
def list_() -> None:
    """List every key that was ever made, oldest first. Secrets are not kept, so not shown."""
    table = Table(
        "number", Column("key", min_width=12), "role", "whose", "ends", "last used", "", box=None
    )
    for key in _with_keys(lambda keys: keys.listed()):
        table.add_row(
            str(key.id),
            key.key_id,
            key.role.value,
            escape(f"{key.name} ({key.subject})" if key.subject else key.name),
            f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never",
            f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
            "revoked" if key.revoked_at else "",
        )
    out.print(table)


@app.command()
def revoke(number: Annotated[int, typer.Argument(help="The key's number", min=1)]) -> None:
    """Take a key back, at once, with the sessions that were begun with it."""
    revoked = _with_keys(lambda keys: keys.revoke(number))
    out.print(f"key {revoked.id} of {escape(revoked.name)} is revoked")


def _subject(sub: str) -> str | None:
    if not sub:
        return None
    issuer = read_settings().oidc_issuer
    if issuer is None:
        give_up(
            "--subject says who somebody is at OIDC_ISSUER, and that is not set.",
            hint="Run this with the server's settings, or leave --subject out.",
        )
    return subject_of(issuer, sub)


def _span(text: str) -> timedelta | None:
    if text == "never":
        return None
    found = _SPAN.fullmatch(text)
    if found is None:
        give_up(f"{text!r} is no span of time.", hint="Write 90d, 12h, 30m, or never.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _with_keys(work: Callable[[Keys], Awaitable[Result]]) -> Result:
    """Do something with the keys of the database that the settings name."""

    async def run() -> Result:
        database = Database(read_settings())
        try:
            await database.check_schema()
            return await work(Keys(database))
        finally:
            await database.close()

    return asyncio.run(run())
