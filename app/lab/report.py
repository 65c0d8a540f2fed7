"""What came of runs, as tables in a terminal: of one run, or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.knowledge.calibration import Calibration
from app.lab import untrusted
from app.lab.calibration import Reliability, wilson
from app.lab.comparison import changed, figures, turns
from app.lab.interruption import Interruption
from app.lab.judge import Row
from app.lab.rowfile import RowFile
from app.lab.tally import Share, tally

REASON = 400  # characters of one reason
WORTH_TELLING = 0.05  # log odds by which a failure mode was moved


def summary(console: Console, rows: Sequence[Row]) -> None:
    """One run: a line a scenario, totals, and why what failed did."""
    console.print(_scenarios(rows))
    totals = tally(rows)
    console.print(_shares("expected", totals.by_expected))
    console.print(_shares("family", totals.by_family))
    console.print(_numbers([("", rows)]))
    for row in rows:
        if not row.passed:
            console.print(f"[red]{escape(row.id)}[/red]: {_text(row.reason, REASON)}")


def compared(console: Console, files: Sequence[RowFile]) -> None:
    """Several runs: their totals beside each other, and what is not the same in all of them."""
    console.print(_numbers([(file.name, list(file.rows.values())) for file in files]))
    for later in files[1:]:
        first, other = _text(files[0].name), _text(later.name)
        gone, come = turns(files[0], later)
        console.print(
            f"{len(gone)} passed in {first} and failed in {other}; {len(come)} the reverse"
        )
    table = _table("not the same in all", *(_text(file.name) for file in files))
    for name, rows in changed(files):
        table.add_row(_text(name), *(_verdict(row) for row in rows))
    if table.row_count:
        console.print(table)
    else:
        console.print("every scenario has the same result in all of them")


def calibrated(console: Console, found: Reliability) -> None:
    """Whether stated confidence keeps its word, by steps of ten per cent."""
    table = _table("stated")
    for heading in ("causes", "stated, mean", "right", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found.bins:
        low, high = one.between
        table.add_row(
            f"{one.low:.0%} to {one.high:.0%}",
            str(one.count),
            f"{one.confidence:.1%}",
            f"{one.right:.1%}",
            f"{low:.0%} to {high:.0%}",
        )
    console.print(table)
    console.print(
        f"{found.count} causes stated in {found.scenarios} scenarios; {_errors(found)}. "
        "Runs of one scenario are alike, so the true intervals are wider than these."
    )


def taught(console: Console, learned: Calibration) -> None:
    """What the runs teach of failure modes, and of confidence as a whole."""
    table = _table("failure mode")
    for heading in ("fitted", "was so", "95 % interval", "expected", "log odds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for mode, one in learned.modes.items():
        if abs(one.shift) >= WORTH_TELLING:
            low, high = wilson(one.right, one.runs)
            counts = (str(one.runs), str(one.right), f"{low:.0%} to {high:.0%}")
            table.add_row(_text(mode), *counts, f"{one.expected:.1f}", f"{one.shift:+.2f}")
    if table.row_count:
        console.print(table)
    scaling = learned.scaling
    console.print(
        f"log odds times {scaling.slope:.2f}, the unknown cause {scaling.unknown:+.2f} in log odds"
    )


def would_be(console: Console, before: Reliability, after: Reliability) -> None:
    """How well stated confidence would keep its word if it were so corrected."""
    console.print(f"with that, on scenarios that it was not learned from: {_errors(after)}")
    if after.brier >= before.brier or after.ece >= before.ece:
        console.print("That is no better than without it: let more runs teach before it is used.")


def _errors(found: Reliability) -> str:
    return f"expected calibration error (ECE) {found.ece:.3f}, Brier score {found.brier:.3f}"


def _scenarios(rows: Sequence[Row]) -> Table:
    """Failures come last, where the eye is when it is all over."""
    table = _table("scenario", "result", "outcome")
    for heading in ("healthy", "end", "commands", "changes"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in sorted(rows, key=lambda row: not row.passed):
        table.add_row(
            _text(row.id),
            _verdict(row),
            _outcome(row),
            _seconds(row.seconds_to_healthy),
            _seconds(row.seconds_to_end),
            str(row.commands_run),
            str(row.changes_made),
        )
    return table


def _outcome(row: Row) -> str:
    wrong = row.outcome != row.expected_outcome
    return _text(f"{row.outcome}, not {row.expected_outcome}" if wrong else row.outcome)


def _shares(heading: str, shares: dict[str, Share]) -> Table:
    table = _table(heading, "passed")
    for name, part in shares.items():
        colour = "green" if part.part == part.whole else "red"
        table.add_row(_text(name), f"[{colour}]{part}[/{colour}]")
    return table


def _numbers(runs: Sequence[tuple[str, Sequence[Row]]]) -> Table:
    table = _table("", *(_text(name) for name, _ in runs))
    table.show_header = len(runs) > 1
    for heading, cells in figures([rows for _, rows in runs]):
        table.add_row(heading, *cells)
    return table


def _table(first: str, *headings: str) -> Table:
    table = Table(box=SIMPLE)
    table.add_column(first, no_wrap=True)
    for heading in headings:
        table.add_column(heading)
    return table


def _verdict(row: Row | None) -> str:
    """In colour, and in words for those who see none."""
    if row is None:
        return "-"
    if row.passed:
        return "[green]passed[/green]"
    if row.healthy_after is None:
        return "[red]not judged[/red]"
    return "[red]falsely resolved[/red]" if row.false_resolved else "[red]failed[/red]"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _text(text: str, most: int = 80) -> str:
    return escape(untrusted.line(text, most))


def interrupted(console: Console, found: Sequence[Interruption]) -> None:
    """Interruptions by the step that they came into, and every violation in full."""
    table = Table("interrupted", "times", "changes begun before", "intents", "undecided", "wrong")
    steps = dict.fromkeys(one.step or "the work had ended" for one in found)
    for step in sorted(steps):
        those = [one for one in found if (one.step or "the work had ended") == step]
        table.add_row(
            _text(f"{those[0].kind}: {step}"),
            str(len(those)),
            str(sum(one.changes_begun for one in those)),
            str(sum(one.intents for one in those)),
            str(sum(one.undecided for one in those)),
            str(sum(bool(one.violations) for one in those)),
        )
    console.print(table)
    for one in found:
        for violation in one.violations:
            console.print(f"{_text(one.id)}: {_text(violation)}")
