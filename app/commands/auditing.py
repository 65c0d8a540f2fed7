"""The audit: whether it is whole, and one execution of it to take away.

These open the database themselves: they work while the service is down, and do not trust it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.audit import bundle, key_file
from app.audit.events import Events
from app.audit.findings import Report
from app.audit.unbundling import verify_bundle
from app.audit.verifying import verify as verify_database
from app.audit.verifying_archive import verify_archive
from app.commands.screen import out
from app.models.database import Database
from app.settings import read_settings

SOUND, MISMATCH, GAP, TRUNCATED = 0, 2, 3, 4
"""Exit codes of `verify`; of several faults the one that took most away."""

app = typer.Typer(no_args_is_help=True, help="Whether what was written down is still so")

Answer = TypeVar("Answer")


@app.command()
def verify(
    anchor: Annotated[
        list[Path] | None,
        typer.Option(help="A copy of the checkpoint file, or text with anchors of work notes"),
    ] = None,
    execution: Annotated[
        int | None, typer.Option(help="Only what belongs to this execution", min=1)
    ] = None,
    bundle_file: Annotated[
        Path | None, typer.Option("--bundle", help="An export instead of the database")
    ] = None,
    archive_file: Annotated[
        Path | None, typer.Option("--archive", help="An archive instead of the database")
    ] = None,
    public_key: Annotated[
        str, typer.Option(help="With --bundle or --archive: the key that must have signed it")
    ] = "",
) -> None:
    """Verify the audit. Exit 0: whole; 2: something was altered; 3: a gap; 4: cut off."""
    by_itself = bundle_file or archive_file
    if by_itself is not None:
        report = (verify_bundle if bundle_file is not None else verify_archive)(
            by_itself,
            keys_at=read_settings().audit_keys_at,
            public_key=public_key,
            anchors=anchor or [],
        )
    else:
        report = _on_database(
            lambda database: verify_database(
                database, anchors=_anchors(database, anchor), execution_id=execution
            )
        )
    _print(report)
    raise typer.Exit(_exit_code(report))


@app.command()
def export(
    execution: Annotated[int, typer.Argument(help="The execution's number", min=1)],
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Default: execution-ID.audit.jsonl")
    ] = None,
) -> None:
    """Write one execution into a file that can be verified without this database."""
    path = out_file or Path(f"execution-{execution}.audit.jsonl")
    made = _on_database(lambda database: bundle.export(database, execution, path))
    out.print(f"{path}: {made.entries} entries, {made.rows} rows; public key {made.public_key}")
    out.print(f"verify it anywhere: sre-agent audit verify --bundle {path}", markup=False)


@app.command()
def keys() -> None:
    """Say where the chain stands and which public keys verify its checkpoints and exports."""
    settings = read_settings()
    head = _on_database(lambda database: Events(database).head())
    out.print(head.line() if head else "The audit's chain has not begun.")
    for key in key_file.load(settings.audit_keys_at).keys:
        in_use = "  in use" if head and key.id == head.key_id else ""
        out.print(f"key {key.id}  public key {key.public}{in_use}")


@app.command()
def rotate_key(
    by: Annotated[str, typer.Option(help="Who changes it; it is written down")],
) -> None:
    """Make a new key; entries from now on are made with it. Old keys stay in the file."""
    key = _on_database(lambda database: Events(database).change_key(actor=by))
    out.print(f"From the next entry on the audit uses the key {key.id}.")
    out.print(f"Its public key is {key.public}; copy the key file to every process's machine.")


@app.command()
def guard(
    by: Annotated[str, typer.Option(help="Who puts them back; it is written down")],
) -> None:
    """Put back the database's guards against changing what was written down."""
    gone = _on_database(lambda database: _put_back(database, by))
    out.print(f"Put back: {', '.join(gone)}." if gone else "Every guard stands.")


async def _put_back(database: Database, by: str) -> list[str]:
    gone = await database.put_guards_back()
    if gone:
        await Events(database).tell("guards-put-back", {"guards": gone}, actor=by)
    return gone


def _anchors(database: Database, given: list[Path] | None) -> list[Path]:
    """The files that were named, and the installation's own where there is one."""
    own = database.settings.audit_checkpoints_at
    return [*(given or []), *([own] if own.exists() else [])]


def _on_database(work: Callable[[Database], Awaitable[Answer]]) -> Answer:
    """Do something with the database of the settings, and close it."""

    async def run() -> Answer:
        database = Database(read_settings())
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def _print(report: Report) -> None:
    for finding in report.findings:
        out.print(f"[bold red]{finding.fault}[/]  ", end="")
        out.print(finding.sentence, markup=False)
    if report.more:
        out.print(f"and {report.more} more")
    for line in report.sentences():
        out.print(line, markup=False)


def _exit_code(report: Report) -> int:
    if report.truncated:
        return TRUNCATED
    if report.gap:
        return GAP
    return SOUND if report.sound else MISMATCH
