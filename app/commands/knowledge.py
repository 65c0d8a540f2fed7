"""`sre-agent knowledge ...`: the failure modes, explained, checked, and tried on recorded cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.commands.screen import NO, give_up, out
from app.execution.catalog import Catalog
from app.execution.outline import outline
from app.knowledge import case_file
from app.knowledge.explanation import decision, explanation
from app.knowledge.library import SHIPPED, Library
from app.knowledge.lint import lint as problems_of
from app.reasoning.case_run import CaseVerdict, run_case
from app.reasoning.vocabulary import VOCABULARY
from app.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="The failure modes: how hosts fail, as data")

Modes = Annotated[
    Path | None,
    typer.Option("--modes", help="A site's own failure modes, beside the shipped ones; "
                                 "default: KNOWLEDGE_DIR"),
]  # fmt: skip


@app.command("list")
def list_(modes: Modes = None) -> None:
    """List every failure mode in a line: what it is, and what comes of it where it stands out."""
    library = _library(modes)
    width = max(len(mode.id) for mode in library.modes)
    for mode in sorted(library.modes, key=lambda one: one.id):
        out.print(f"{mode.id:<{width}}  {mode.title}: {decision(mode)}", markup=False)
    out.print(f"{len(library.modes)} failure modes, digest {library.digest[:16]}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A mode, see list")], modes: Modes = None
) -> None:
    """Explain one failure mode: when it fits, what speaks for it, what is done and what is not."""
    library = _library(modes)
    mode = next((one for one in library.modes if one.id == name), None)
    if mode is None:
        give_up(f"There is no failure mode {name!r}.", hint="`sre-agent knowledge list` has all.")
    out.print(escape(explanation(mode)))


@app.command()
def lint(
    folder: Annotated[Path | None, typer.Argument(help="A folder; default: the shipped")] = None,
) -> None:
    """Say everything that is wrong with files of failure modes. Exit code 1 where anything is."""
    files = case_file.yaml_files([folder or SHIPPED])
    found = problems_of(files, VOCABULARY, outline(Catalog.load()))
    for problem in found:
        out.print(str(problem), markup=False)
    out.print(f"{len(files)} files, {len(found)} problems")
    if found:
        raise typer.Exit(NO)


@app.command("test")
def try_cases(
    places: Annotated[
        list[Path] | None, typer.Argument(help="Cases, or folders of them; default: the shipped")
    ] = None,
    modes: Modes = None,
) -> None:
    """Run the failure modes over recorded cases. Exit code 1 where one does not come out right."""
    library = _library(modes)
    failed = 0
    files = case_file.yaml_files(places or [case_file.SHIPPED_CASES])
    for file in files:
        case = case_file.read_case(file)
        verdict = run_case(case, library.modes)
        failed += not verdict.passed
        out.print(f"{'passed' if verdict.passed else 'FAILED'}  {file.stem}: {_told(verdict)}",
                  markup=False)  # fmt: skip
        for complaint in verdict.complaints:
            out.print(f"        {complaint}", markup=False)
    out.print(f"{len(files) - failed} of {len(files)} cases passed")
    if failed:
        raise typer.Exit(NO)


@app.command()
def record(
    traces: Annotated[list[Path], typer.Argument(help="Folders of traces that a lab run kept")],
    out_folder: Annotated[Path, typer.Option("--out", help="Where the cases are written")],
    inventory: Annotated[
        Path | None, typer.Option(help="The hosts, where a trace has no inventory.yaml")
    ] = None,
    about: Annotated[str, typer.Option(help="A line for people; default: the conclusion")] = "",
    name: Annotated[str, typer.Option(help="The file's name; default: by its cause")] = "",
    modes: Modes = None,
) -> None:
    """Make recorded cases of traces: the facts, and what this version concludes from them.

    Read what it prints: a conclusion that is wrong is to be put right in the file.
    """
    # imported here: only this command needs the lab
    from app.lab import case_recording
    from app.lab.errors import LabError
    from app.lab.trace import read_trace

    library = _library(modes)
    for trace in traces:
        try:
            case = case_recording.recorded(read_trace(trace, inventory), library.modes, about)
            place = case_recording.write(case, out_folder, name or case_recording.name_of(case))
        except LabError as error:
            give_up(str(error))
        out.print(f"{place}: {_told(run_case(case, library.modes))}", markup=False)


def _library(modes: Path | None) -> Library:
    folder = modes or read_settings().knowledge_dir
    return Library.load(*([folder] if folder else []))


def _told(verdict: CaseVerdict) -> str:
    if verdict.cause is None:
        return verdict.ends.value
    return f"{verdict.cause} of {verdict.subject} ({verdict.confidence:.0%}), {verdict.ends.value}"
