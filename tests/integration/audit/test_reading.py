"""Lists and their pages."""

from __future__ import annotations

from app.audit.journal import Journal
from app.audit.reading import Reading
from app.domain.execution import ExecutionStatus, Step
from tests.integration.audit.conftest import Begin
from tests.integration.audit.values import incident, observation


async def test_pages_of_executions_have_each_once_newest_first(
    reading: Reading, begin: Begin
) -> None:
    ids = [await begin(f"INC{number}") for number in range(5)]
    seen: list[int] = []
    before: int | None = None
    while True:
        page = await reading.executions(before=before, limit=2)
        seen += [each.execution_id for each in page.executions]
        before = page.next_before
        if before is None:
            break
    assert seen == ids[::-1]


async def test_filters_hold_together(reading: Reading, journal: Journal, begin: Begin) -> None:
    at_work = await begin("INC1")
    queued = await journal.accept(incident("INC2"), {}, simulated=True, max_active=9)

    async def found(**asked: object) -> list[int]:
        page = await reading.executions(**asked)  # type: ignore[arg-type]  # each test names its own
        return [each.execution_id for each in page.executions]

    assert await found(status=ExecutionStatus.RUNNING) == [at_work]
    assert await found(simulated=True) == [queued.execution_id]
    assert await found(simulated=False) == [at_work]
    assert await found(incident_number="INC2") == [queued.execution_id]
    assert await found(host="alpha", status=ExecutionStatus.COMPLETED) == []
    assert await reading.with_status(ExecutionStatus.QUEUED) == (queued.execution_id,)
    assert [each.execution_id for each in await reading.active()] == [
        at_work,
        queued.execution_id,
    ]


async def test_pages_of_the_log_have_each_line_once_in_order(
    reading: Reading, journal: Journal, execution_id: int
) -> None:
    seen = [observation() for _ in range(5)]
    await journal.record_observations(execution_id, "k", Step.ANALYZE, "", seen)
    first = await reading.logs(execution_id, limit=3)
    assert [line.step for line in first.logs] == [1, 2, 3]
    assert first.next_after == 3
    last = await reading.logs(execution_id, after=3, limit=3)
    assert [line.step for line in last.logs] == [4, 5]
    assert last.next_after is None
    whole = await reading.logs(execution_id, limit=5)
    assert whole.next_after is None
