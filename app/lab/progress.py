"""What a person sees while a run goes on."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape

from app.lab import report, untrusted
from app.lab.judge import Row
from app.lab.scenario import Scenario
from app.lab.tally import tally


class Progress:
    """Tells how far a run is, on standard error: standard output is for the rows."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.rows: list[Row] = []
        self.console = Console(stderr=True, highlight=False)
        self._start = time.monotonic()
        self._began: dict[str, float] = {}

    def begun(self, scenario: Scenario) -> None:
        """A scenario starts."""
        self._began[scenario.id] = time.monotonic()
        self.console.print(f"{scenario.id}: {scenario.title}", style="dim", markup=False)

    def ended(self, row: Row) -> None:
        """A scenario has its row."""
        self.rows.append(row)
        now = time.monotonic()
        took = now - self._began.get(row.id, now)
        passed = tally(self.rows).passed
        count = f"{passed.whole}/{self.total}: {passed.part} passed"
        if passed.part < passed.whole:
            count += f", [red]{passed.whole - passed.part} failed[/red]"
        count += f" in {_clock(now - self._start)}"
        verdict = "[green]passed[/green]" if row.passed else "[red]failed[/red]"
        self.console.print(f"{count} | {escape(row.id)} {verdict} in {took:.0f} s", end=" ")
        self.console.print(untrusted.line(row.reason), markup=False)

    def summary(self) -> None:
        """The tables at the end."""
        if self.rows:
            report.summary(self.console, self.rows)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
