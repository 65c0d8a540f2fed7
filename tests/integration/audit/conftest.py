"""The audit's parts on one database, and executions to work on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from app.audit.journal import Journal
from app.audit.reading import Reading
from app.domain.execution import ExecutionStatus
from app.models.database import Database
from tests.integration.audit.values import incident

Begin = Callable[..., Awaitable[int]]


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)


@pytest.fixture
def reading(database: Database) -> Reading:
    return Reading(database)


@pytest.fixture
def begin(journal: Journal) -> Begin:
    """Begin an execution that a worker has taken; its id."""

    async def begin(number: str = "INC0010001") -> int:
        accepted = await journal.accept(incident(number), {}, simulated=False, max_active=100)
        await journal.set_status(accepted.execution_id, ExecutionStatus.RUNNING)
        return accepted.execution_id

    return begin


@pytest.fixture
async def execution_id(begin: Begin) -> int:
    """An execution at work."""
    return await begin()
