"""The memory of one execution's model calls: rows, so that no call is made twice."""

from __future__ import annotations

from app.audit.model_calls import ModelCalls
from app.domain.model_call import ModelCall


class Remembering:
    """Implements the port `Memory` of app/reasoning/language/chat.py."""

    def __init__(self, rows: ModelCalls, execution_id: int) -> None:
        self._rows = rows
        self._id = execution_id

    async def calls(self) -> tuple[ModelCall, ...]:
        return await self._rows.of_execution(self._id)

    async def keep(self, call: ModelCall) -> None:
        await self._rows.keep(self._id, call)
