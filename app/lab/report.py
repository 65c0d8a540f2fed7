"""What a person sees of a run in the terminal: progress while it goes, a table at the end."""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table

from app.lab.judge import Row
from app.lab.scenario import Scenario


class Progress:
    """Tells how far a run is, on standard error: standard output is for the rows."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.rows: list[Row] = []
        self.console = Console(stderr=True, highlight=False)
        self._began: dict[str, float] = {}

    def begun(self, scenario: Scenario) -> None:
        """A scenario starts."""
        self._began[scenario.id] = time.monotonic()
        self.console.print(f"[dim]{scenario.id}: {scenario.title}[/dim]")

    def ended(self, row: Row) -> None:
        """A scenario has its row."""
        self.rows.append(row)
        took = time.monotonic() - self._began.get(row.id, time.monotonic())
        word = "[green]passed[/green]" if row.passed else "[red]failed[/red]"
        count = f"{len(self.rows)}/{self.total}"
        self.console.print(f"{count} {row.id} {word} in {took:.0f} s", end=" ")
        self.console.print(row.reason, markup=False)

    def summary(self) -> None:
        """The table at the end."""
        if not self.rows:
            return
        table = Table("scenario", "result", "outcome", "healthy after", "to end", "commands")
        for row in self.rows:
            table.add_row(
                row.id,
                "[green]passed[/green]" if row.passed else "[red]failed[/red]",
                row.outcome,
                _seconds(row.seconds_to_healthy),
                _seconds(row.seconds_to_end),
                str(row.commands_run),
            )
        self.console.print(table)
        passed = sum(row.passed for row in self.rows)
        lies = sum(row.false_resolved for row in self.rows)
        self.console.print(f"{passed} of {len(self.rows)} passed; {lies} falsely resolved")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
