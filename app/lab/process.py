"""Running the lab's own commands: one way, with a deadline and the output kept."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from app.lab.errors import CommandFailed


@dataclass(frozen=True)
class Finished:
    """A command that ended, well or not."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it ended with 0."""
        return self.returncode == 0

    @property
    def output(self) -> str:
        """Both streams, for a person to read."""
        return self.stdout + self.stderr


TIMED_OUT = 124  # as coreutils' timeout reports it


def attempt(argv: Sequence[str], *, stdin: str = "", timeout: float = 120) -> Finished:
    """Run a command to its end and report how it went.

    Standard input is always given, never inherited: a child that reads it would
    swallow what follows.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        partial = (expired.stdout or b"") + (expired.stderr or b"")
        text = partial.decode(errors="replace") + f"\n(timed out after {timeout:.0f} s)"
        return Finished(TIMED_OUT, "", text)
    return Finished(
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
    )


def run(argv: Sequence[str], *, stdin: str = "", timeout: float = 120) -> str:
    """Run a command that must succeed; return its standard output."""
    done = attempt(argv, stdin=stdin, timeout=timeout)
    if not done.ok:
        raise CommandFailed(tuple(argv), done.returncode, done.output)
    return done.stdout
