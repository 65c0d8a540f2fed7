"""What this process has counted since it started: for what no row of the database tells.

Whatever is a fact in the database is counted there (app/audit/figures.py), so that it is right with
several processes and after a restart. What remains is each process's own, and its metric says so:
`sre_agent_process_..._total`.
"""

from __future__ import annotations

from threading import Lock


class Counter:
    """A number that only grows, for each combination of its labels' values."""

    def __init__(self, name: str, meaning: str, labels: tuple[str, ...]) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self._counts: dict[tuple[str, ...], int] = {}
        self._lock = Lock()

    def add(self, *values: str) -> None:
        """Count one more. The values come from small, known sets: each is a time series."""
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} is counted by {self.labels}, not by {values}")
        with self._lock:
            self._counts[values] = self._counts.get(values, 0) + 1

    def counts(self) -> dict[tuple[str, ...], int]:
        """The numbers as they are now, by the labels' values."""
        with self._lock:
            return dict(self._counts)


HTTP_REQUESTS = Counter(
    "http_requests",
    "Requests answered, by the address as it is declared; other addresses are `none`.",
    ("method", "route", "status"),
)
SSH_CONNECTIONS = Counter(
    "ssh_connections",
    "Attempts to connect to a host: `opened`, or the code of the error.",
    ("result",),
)
TAKEOVERS = Counter(
    "takeovers",
    "Executions of workers that were gone: `taken`, or `handed_over` after too many deaths.",
    ("result",),
)
COUNTERS = (HTTP_REQUESTS, SSH_CONNECTIONS, TAKEOVERS)
