"""An execution as it happens: states, commands, evidence, confidence, decision, proof.

One line for each thing that happened, in its order; a line never changes once it was printed, so
the same text can be read live, in a log file and in a ticket. Where there is a terminal, a last
line shows what is being done now.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from app.commands.screen import out
from app.commands.server import Server
from app.domain.value import JsonObject

POLL_SECONDS = 0.25
ENDED = frozenset({"completed", "failed", "cancelled"})
PAUSED = ENDED | {"waiting_approval"}
OUTPUT_WIDTH = 110
ARGUMENT_WIDTH = 40
SENTENCE_WIDTH = 150
UNLIKELY = 1.0  # per cent; below it an open hypothesis is not worth a line

MARK = "[black on yellow]SIMULATED[/] "
"""Stands before every line that tells of a simulated host."""

_SIGNS = {
    "diagnostic": "$",
    "probe": "?",
    "decision": "=",
    "remediation": "!",
    "undo": "<",
}
_COLOURS = {
    "completed": "green",
    "failed": "red",
    "refused": "red",
    "unknown": "yellow",
    "waiting": "yellow",
    "running": "cyan",
    "skipped": "dim",
}
_OUTCOME_COLOURS = {"resolved": "green", "no_fault": "green", "escalated": "yellow"}


@dataclass
class Live:
    """Follows one execution and prints what is new of it."""

    server: Server
    execution_id: int
    console: Console = out
    _logs_seen: int = 0
    _timeline_seen: dict[str, str] = field(default_factory=dict)
    _beliefs_seen: dict[str, tuple[float, str]] = field(default_factory=dict)
    _mark: str = ""

    def follow(self, *, until: frozenset[str] = PAUSED, seconds: float | None = None) -> JsonObject:
        """Print until the execution ends or waits for a person; returns it as the API shows it.

        With `seconds` it also returns, unfinished, when they have passed.
        """
        began = time.monotonic()
        with self._status() as status:
            while True:
                view = self.server.get(self._path())
                for line in self._news(view):
                    self.console.print(line)
                if view["status"] in until:
                    return view
                waited = time.monotonic() - began
                if seconds is not None and waited > seconds:
                    return view
                if status is not None:
                    now = view["current_step"] or "queued"
                    status.update(f"{self._mark}{now} · {waited:.0f} s")
                time.sleep(POLL_SECONDS)

    def _path(self) -> str:
        return f"/api/v1/incident/execution/{self.execution_id}"

    def _status(self) -> Any:
        return Status("", console=self.console) if self.console.is_terminal else nullcontext()

    def _news(self, view: JsonObject) -> Iterator[str]:
        """What happened since the last look, in its order."""
        self._mark = MARK if view["simulated"] else ""
        happened = [*self._new_logs(), *self._new_timeline(view)]
        for _, line in sorted(happened, key=lambda item: item[0]):
            yield line
        yield from self._new_beliefs(view)

    def _new_logs(self) -> Iterator[tuple[datetime, str]]:
        while True:
            page = self.server.get(f"{self._path()}/logs", after=self._logs_seen, limit=200)
            for entry in page["logs"]:
                self._logs_seen = entry["step"]
                yield _at(entry), self._line(_at(entry), entry["state"], _command(entry))
            if page.get("next_after") is None:
                return

    def _new_timeline(self, view: JsonObject) -> Iterator[tuple[datetime, str]]:
        for entry in view["timeline"]:
            if self._timeline_seen.get(entry["key"]) == entry["status"]:
                continue
            self._timeline_seen[entry["key"]] = entry["status"]
            colour = _COLOURS[entry["status"]]
            text = (
                f"[{colour}]*[/] [bold]{escape(_cut(entry['title']))}[/] [dim]{entry['status']}[/]"
            )
            ended = timedelta(seconds=entry["duration_seconds"])
            when = _at(entry) + (ended if entry["status"] != "running" else timedelta())
            yield when, self._line(when, entry["action_type"], text)

    def _new_beliefs(self, view: JsonObject) -> Iterator[str]:
        for belief in view["hypotheses"]:
            now = (belief["confidence_score"], belief["status"])
            if self._beliefs_seen.get(belief["key"]) == now:
                continue
            self._beliefs_seen[belief["key"]] = now
            if belief["status"] == "open" and belief["confidence_score"] < UNLIKELY:
                continue
            yield f"{self._mark}{'':8} {'':11} {_belief(belief)}"

    def _line(self, when: datetime, state: str, text: str) -> str:
        return f"{self._mark}[dim]{when:%H:%M:%S}[/] {state:<11} {text}"


def print_verdict(view: JsonObject, console: Console = out) -> None:
    """How it ended: the outcome, its cause, what proves it, what a person should do next."""
    mark = MARK if view["simulated"] else ""
    outcome = view["outcome"] or view["status"]
    colour = _OUTCOME_COLOURS.get(outcome, "red")
    console.print(f"{mark}[bold {colour}]{outcome.upper()}[/]")
    for label, text in _verdict(view):
        console.print(f"{mark}{label:<10} {escape(text)}")


def _verdict(view: JsonObject) -> Iterator[tuple[str, str]]:
    sure = f" ({view['confidence_score']:.0f} %)" if view["confidence_score"] else ""
    if view["root_cause"]:
        yield "cause", f"{view['root_cause']}{sure}"
    if view["summary"]:
        yield "summary", view["summary"]
    if view["verification"]:
        yield "proof", view["verification"]["statement"]
    for taken in view["actions_taken"]:
        yield "changed", f"{taken['command_executed']}  {taken['status']}"
    if view["evidence_ids"]:
        yield "evidence", ", ".join(str(number) for number in view["evidence_ids"])
    for advice in view["recommended"]:
        yield "next", advice


def _at(entry: JsonObject) -> datetime:
    return datetime.fromisoformat(entry["created_at"])


def _command(entry: JsonObject) -> str:
    """A command or a probe, how it went, and the evidence that it left."""
    sign = _SIGNS.get(entry["action_type"], "-")
    colour = _COLOURS.get(entry["status"], "white")
    what = escape(_shortened(entry))
    took = f"{entry['duration_seconds']:.2f} s"
    cited = f", evidence {entry['evidence_id']}" if entry["evidence_id"] else ""
    said = _first_line(entry["error"] or "") if entry["status"] != "completed" else ""
    line = f"{sign} {what} [{colour}]{entry['status']}[/] [dim]{took}{cited}[/]"
    return f"{line} {escape(said)}" if said else line


def _shortened(entry: JsonObject) -> str:
    """The command with its long arguments cut: /logs has them whole."""
    if not entry["argv"]:
        return str(entry["command_executed"] or entry["action"])
    return " ".join(
        part if len(part) <= ARGUMENT_WIDTH else f"{part[: ARGUMENT_WIDTH - 1]}…"
        for part in entry["argv"]
    )


def _belief(belief: JsonObject) -> str:
    colour = {"confirmed": "green", "refuted": "dim"}.get(belief["status"], "cyan")
    cited = ", ".join(str(number) for number in belief["evidence_ids"][:8])
    text = escape(_cut(belief["hypothesis_text"]))
    return (
        f"[{colour}]{belief['confidence_score']:5.1f} %[/] {text} "
        f"[dim]{belief['status']}{f', evidence {cited}' if cited else ''}[/]"
    )


def _cut(text: str) -> str:
    """A sentence at a length that can be read while it scrolls; the verdict has it whole."""
    return text if len(text) <= SENTENCE_WIDTH else f"{text[: SENTENCE_WIDTH - 1]}…"


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0][:OUTPUT_WIDTH]
