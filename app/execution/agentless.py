"""Hosts without a gate: plain argument vectors of inert words, and enumerated sudo lines.

SSH carries one command line to the account's shell, so every word must be one that no shell changes
(measured on bash, dash, zsh and busybox). What needs more than that needs the gate.
"""

from __future__ import annotations

import re

from app.domain.action import ActionCall
from app.domain.value import Value
from app.errors import ActionRejected
from app.execution.catalog import Catalog

_INERT = re.compile(r"[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*")
ENVIRONMENT = (
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL=C.UTF-8",
    "TZ=UTC",
    "TERM=dumb",
    "SYSTEMD_PAGER=",
    "SYSTEMD_COLORS=0",
)


class PlainCommand(Value):
    """One command line for a host without a gate."""

    argv: tuple[str, ...]  # what runs, without the wrapping
    line: str  # what is sent
    parser: str | None


def plain_command(catalog: Catalog, call: ActionCall) -> PlainCommand:
    """The command line of a checked call; ActionRejected where it needs the gate."""
    entry = catalog.entry(call.action)
    argv, parser = catalog.render(call), entry.parser
    if entry.builtin is not None:
        if entry.agentless is None:
            raise ActionRejected(f"{call.label()} needs the gate on that host.")
        argv, parser = entry.agentless.argv, entry.agentless.parser
    odd = [word for word in argv if not _INERT.fullmatch(word)]
    if odd:
        raise ActionRejected(f"{call.label()} needs the gate: {odd[0]!r} is not a plain word.")
    sudo = ["sudo", "-n"] if entry.privilege == "root" else []
    late = ["timeout", "-k", "2", str(entry.timeout)]
    words = ["env", "-i", *ENVIRONMENT, *late, *sudo, *argv]
    return PlainCommand(argv=argv, line=" ".join(words), parser=parser)
