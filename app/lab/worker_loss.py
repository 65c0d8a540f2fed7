"""The service as several processes, of which the one that works on a ticket is lost for good.

A worker is killed at a drawn moment and not started again; its peers go on. Everything else is as
where the one process is killed (app/lab/interruption.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from app.lab.cluster import Cluster, cluster
from app.lab.interruption import WORKER, Intent, InterruptedService
from app.lab.service import Service


class LosesAWorker(InterruptedService):
    """The service under test, whose worker is killed while it works on a ticket."""

    def __init__(self, seed: int, policy: Path | None = None) -> None:
        super().__init__(WORKER, seed, policy)
        self.cluster: Cluster | None = None

    def start(self, parts: ExitStack) -> Service:
        """One process that serves, some that work, and their database."""
        self.cluster = parts.enter_context(cluster(self.estate, self.policy))
        return self.cluster.service

    def interrupt(self) -> bool:
        """Kill who works on the ticket; not yet, where nobody does at this moment."""
        assert self.cluster is not None
        return self.cluster.lose_who_works_on(int(self.last["execution_id"]))

    def ledger(self) -> list[Intent]:
        """Of the ticket and of those beside it: the database has no others."""
        assert self.cluster is not None
        found = self.cluster.intents([int(self.last["execution_id"]), *self.asides])
        return [
            Intent(
                one.id,
                one.host,
                one.call.action,
                str(one.call.params.get("unit", "")),
                one.state.value,
            )
            for one in found
        ]
