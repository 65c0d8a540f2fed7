"""What the agent has learned of past repairs: see it, take it along, forget it."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.markup import escape

from app.audit.lessons import Lessons, Reset
from app.commands.screen import out
from app.domain.lesson import Lesson
from app.models.database import Database
from app.reasoning.learned import action_rate, cause_rate
from app.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="What past repairs taught")

Found = TypeVar("Found")


@app.command()
def show() -> None:
    """Say how often each cause was so and each action healed, decayed by age, over all hosts."""
    lessons, resets = _asked(_everything)
    everywhere = [(lesson, 1.0) for lesson in lessons]
    out.print(f"{len(lessons)} lessons of real, verified repairs")
    for mode in sorted({lesson.mode for lesson in lessons}):
        rate = cause_rate(everywhere, mode)
        out.print(f"  cause  {mode:<28} so {rate.so:.1f}, not so {rate.not_so:.1f}")
    for action in sorted({action for lesson in lessons for action in lesson.actions}):
        rate = action_rate(everywhere, action)
        out.print(f"  action {action:<28} healed {rate.so:.1f}, did not {rate.not_so:.1f}")
    for reset in resets:
        said = f"forgotten at {reset.at:%Y-%m-%d %H:%M} UTC by {reset.by}: {reset.reason}"
        out.print(escape(said))


@app.command()
def export() -> None:
    """Print every lesson as a line of JSON, newest first."""
    for lesson in _asked(_everything)[0]:
        sys.stdout.write(lesson.model_dump_json() + "\n")


@app.command()
def reset(
    reason: Annotated[str, typer.Option(help="Why; it is kept")],
    by: Annotated[str, typer.Option(help="Who; default: the account")] = "",
) -> None:
    """Forget: what has ended until now teaches nothing any more. The audit itself stays."""
    who = by or getpass.getuser()
    done = _asked(lambda lessons: lessons.reset(by=who, reason=reason))
    out.print(escape(f"Forgotten until {done.at:%Y-%m-%d %H:%M:%S} UTC by {done.by}: {reason}"))


async def _everything(lessons: Lessons) -> tuple[tuple[Lesson, ...], tuple[Reset, ...]]:
    return await lessons.all(), await lessons.resets()


def _asked(question: Callable[[Lessons], Awaitable[Found]]) -> Found:
    """Ask the database that the settings name; DatabaseNotReady says what is wrong with it."""

    async def ask() -> Found:
        database = Database(read_settings())
        try:
            await database.check_schema()
            return await question(Lessons(database))
        finally:
            await database.close()

    return asyncio.run(ask())
