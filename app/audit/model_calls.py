"""Calls of a language model: written once each, before anything rests on the answer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.writing import Writer, held
from app.domain.model_call import ModelCall, Spent, spent
from app.domain.value import Value
from app.errors import NotFound
from app.models.model_call import ModelCallRow
from app.models.sre_execution import Execution

_FIELDS = tuple(ModelCall.model_fields)


class ModelCallView(Value):
    """One call as it is shown."""

    number: int  # 1, 2, ... within the execution
    call: ModelCall
    created_at: datetime
    simulated: bool


class ModelCallList(Value):
    """An execution's calls in their order, and what they cost together."""

    execution_id: int
    calls: tuple[ModelCallView, ...]
    spent: Spent


class ModelCalls(Writer):
    """The rows of every execution's model calls."""

    async def keep(self, execution_id: int, call: ModelCall) -> None:
        """Write a call down; the same call of the same step again changes nothing.

        Raises AuditWriteFailed, and NotFound for an execution that does not exist.
        """

        async def work(session: AsyncSession) -> None:
            execution = await held(session, execution_id)
            if await _written(session, execution_id, call) is None:
                session.add(_row(execution, call))

        await self._write(f"Model call {call.name} of execution {execution_id}", work)

    async def of_execution(self, execution_id: int) -> tuple[ModelCall, ...]:
        """Every call, oldest first."""
        return tuple(view.call for view in await self._shown(execution_id))

    async def spent(self, execution_id: int) -> Spent | None:
        """What an execution's calls cost together; None where no model was asked."""
        summed = select(
            func.count(),
            func.sum(ModelCallRow.tokens_in + ModelCallRow.tokens_out),
            func.sum(ModelCallRow.cost),
            func.sum(ModelCallRow.seconds),
        ).where(ModelCallRow.execution_id == execution_id)
        async with self._database.reading() as session:
            calls, tokens, cost, seconds = (await session.execute(summed)).one()
        if not calls:
            return None
        return Spent(calls=calls, tokens=int(tokens), cost=cost, seconds=round(seconds, 3))

    async def listed(self, execution_id: int) -> ModelCallList:
        """The same as it is shown. Raises NotFound for an execution that does not exist."""
        async with self._database.reading() as session:
            if await session.get(Execution, execution_id) is None:
                raise NotFound(f"There is no execution {execution_id}.")
        shown = await self._shown(execution_id)
        cost = spent(view.call for view in shown)
        return ModelCallList(execution_id=execution_id, calls=shown, spent=cost)

    async def _shown(self, execution_id: int) -> tuple[ModelCallView, ...]:
        wanted = select(ModelCallRow).where(ModelCallRow.execution_id == execution_id)
        async with self._database.reading() as session:
            rows = (await session.execute(wanted.order_by(ModelCallRow.id))).scalars().all()
        return tuple(
            ModelCallView(
                number=number,
                call=_call(row),
                created_at=row.created_at,
                simulated=row.simulated,
            )
            for number, row in enumerate(rows, start=1)
        )


async def _written(session: AsyncSession, execution_id: int, call: ModelCall) -> int | None:
    wanted = select(ModelCallRow.id).where(
        ModelCallRow.execution_id == execution_id,
        ModelCallRow.step_key == call.step_key,
        ModelCallRow.purpose == call.purpose,
        ModelCallRow.attempt == call.attempt,
    )
    return (await session.execute(wanted)).scalar_one_or_none()


def _row(execution: Execution, call: ModelCall) -> ModelCallRow:
    told = {name: getattr(call, name) for name in _FIELDS}
    return ModelCallRow(execution_id=execution.id, simulated=execution.simulated, **told)


def _call(row: ModelCallRow) -> ModelCall:
    return ModelCall(**{name: getattr(row, name) for name in _FIELDS})
