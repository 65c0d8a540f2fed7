"""`sre-agent lab ...`: real hosts on this machine. The lab reads its own arguments."""

from __future__ import annotations

import typer

HELP = "Real hosts here (root on Debian): up, down, shell, run, report, calibrate, record, list"

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""What follows `lab` is the lab's: `--only ID ...` takes as many as are given."""


def lab(context: typer.Context) -> None:
    # imported here: only this command needs the lab
    from app.lab.__main__ import main

    raise typer.Exit(main(context.args))
