"""What one worker's run of a workflow holds: hosts, each under a fence that is this run's own.

A workflow keeps its hosts when its worker dies, and the next worker takes them again, under newer
fences. So two workers that both believe to run it are told apart: by the database when a change is
dispatched, and by the host's gate when it arrives.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.audit.intents import Claim


@dataclass
class Holding:
    """The hosts that this run may change."""

    worker: str
    fences: dict[str, int] = field(default_factory=dict)

    def claim(self, host: str) -> Claim | None:
        """The right to change a host; None where this run does not hold it."""
        fence = self.fences.get(host)
        return None if fence is None else Claim(worker=self.worker, fence=fence)
