"""Words on the terminal, and how a command ends."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console

from app.errors import SreAgentError

NO, CANNOT = 1, 2
"""Exit codes: the answer is no; it could not be done."""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def give_up(why: str | SreAgentError, *, hint: str = "") -> NoReturn:
    """End the command with a sentence and exit code 2."""
    message, advice = (why.message, why.hint) if isinstance(why, SreAgentError) else (why, hint)
    err.print(message, style="bold red", markup=False)
    if advice:
        err.print(advice, markup=False)
    raise typer.Exit(CANNOT)
