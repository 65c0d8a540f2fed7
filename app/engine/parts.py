"""What the engine is put together from: its records, its hands, and the graph that it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from app.audit.analysis import Analyses
from app.audit.approvals import Approvals
from app.audit.baselines import Baselines
from app.audit.events import Events
from app.audit.intents import Intents
from app.audit.journal import Journal
from app.audit.leases import Leases
from app.audit.lessons import Lessons
from app.audit.model_calls import ModelCalls
from app.audit.pauses import Pauses
from app.audit.reading import Reading
from app.audit.similar import Similar
from app.audit.standing import Standings
from app.audit.workers import Workers
from app.domain.action import Plan
from app.domain.host import Host
from app.domain.verdict import Decision
from app.execution.catalog import Catalog
from app.execution.ports import Hosts, Prober
from app.models.database import Database
from app.reasoning.language.chat import Memory
from app.reasoning.port import Reasoner
from app.services.ports import Effects, Ending, ExecutionInput

Graph = Callable[[Effects, ExecutionInput], Awaitable[Ending]]
"""Runs one workflow of an execution to its ending: app/services/self_healing_sre_agent.py."""

Terminal = Callable[[str], Awaitable[bool]]
"""Whether a workflow, by its id, has ended for good."""


class Inventory(Protocol):
    """The hosts that there are: app/execution/targets.py."""

    def get(self, name: str) -> Host:
        """Raises UnknownTarget."""
        ...

    def related(self, host: Host) -> tuple[Host, ...]:
        """Hosts that it depends on, then a few of those that depend on it."""
        ...


class Judge(Protocol):
    """Whether a plan may be carried out now: app/engine/judging.py over the policy."""

    async def decide(self, plan: Plan) -> Decision:
        """The decision as of now. Its plan_hash is the same for the same plan."""
        ...


@dataclass(frozen=True)
class Records:
    """Every way to the database that the engine uses, over one connection pool."""

    journal: Journal
    reading: Reading
    intents: Intents
    leases: Leases
    approvals: Approvals
    baselines: Baselines
    workers: Workers
    pauses: Pauses
    events: Events
    lessons: Lessons
    similar: Similar
    standings: Standings
    analyses: Analyses
    model_calls: ModelCalls

    @classmethod
    def of(cls, database: Database) -> Records:
        return cls(
            journal=Journal(database),
            reading=Reading(database),
            intents=Intents(database),
            leases=Leases(database),
            approvals=Approvals(database),
            baselines=Baselines(database),
            workers=Workers(database),
            pauses=Pauses(database),
            events=Events(database),
            lessons=Lessons(database),
            similar=Similar(database),
            standings=Standings(database),
            analyses=Analyses(database),
            model_calls=ModelCalls(database),
        )


class Advised(Protocol):
    """The reasoner with a language model beside it: app/engine/advising.py."""

    def reasoner(self, memory: Memory, step_key: str) -> Reasoner:
        """For one step of an execution, whose model calls `memory` keeps."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


@dataclass(frozen=True)
class Hands:
    """What touches hosts, what says whether it may, and who judges what was seen."""

    inventory: Inventory
    catalog: Catalog
    judge: Judge
    hosts: Hosts
    prober: Prober
    reasoner: Reasoner
    advised: Advised | None = None  # None: no language model is asked

    @property
    def simulated(self) -> bool:
        return self.hosts.simulated
