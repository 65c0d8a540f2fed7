"""The `sre-agent` command. Each command stands in app/commands; this puts them together.

Exit codes: 0 it went well, 1 it was done and the answer is no, 2 it could not be done.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType

import typer

from app.commands import (
    actions,
    alerts,
    asking,
    auditing,
    baselines,
    databases,
    demo,
    demo_real,
    doctor,
    enrol,
    fleet,
    hosts,
    incidents,
    keys,
    knowledge,
    lab,
    learning,
    model_fake,
    outbox,
    pausing,
    policies,
    servicenow_fake,
    serving,
)
from app.commands.screen import CANNOT, err
from app.errors import SreAgentError

app = typer.Typer(
    name="sre-agent",
    help="Repairs Linux hosts over SSH, within policy, and proves it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(serving.serve)
app.command()(serving.worker)
app.command()(fleet.workers)
app.add_typer(databases.app, name="db")
app.command()(doctor.doctor)
app.command()(enrol.enrol)
app.command()(incidents.trigger)
app.command()(incidents.watch)
app.command()(incidents.show)
app.command()(incidents.executions)
app.command()(incidents.cancel)
app.command()(pausing.pause)
app.command()(pausing.resume)
app.command()(alerts.alerts)
app.add_typer(hosts.app, name="host")
app.add_typer(asking.app, name="approvals")
app.add_typer(keys.app, name="keys")
app.add_typer(outbox.app, name="outbox")
app.add_typer(baselines.app, name="baseline")
app.add_typer(actions.app, name="catalog")
app.add_typer(policies.app, name="policy")
app.add_typer(auditing.app, name="audit")
app.add_typer(learning.app, name="learn")
app.add_typer(knowledge.app, name="knowledge")
app.command()(model_fake.model_fake)
app.command()(demo.demo)
app.command()(demo_real.demo_real)
app.command()(servicenow_fake.servicenow_fake)
app.command(help=lab.HELP, context_settings=lab.PASS_ON)(lab.lab)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. What was foreseen to go wrong is told in a sentence."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        app(args=None if argv is None else list(argv), prog_name="sre-agent")
    except SreAgentError as error:
        err.print(error.message, style="bold red", markup=False)
        if error.hint:
            err.print(error.hint, markup=False)
        return CANNOT
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else CANNOT
    return 0


def _leave(number: int, _frame: FrameType | None) -> None:
    """End by way of every `with` and `finally`: a demo stops what it started."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
