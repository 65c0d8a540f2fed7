"""Monitoring: what the agent works on, what it found, ran, changed and proved; and stopping it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from app.access.authentication import CallerPart
from app.access.guard import Guarded, needs
from app.api import examples
from app.api.errors import documented
from app.api.parts import EnginePart, PartsOfApp, ReadingPart
from app.api.schemas import ActiveExecutions, Cancelled, Execution
from app.api.v1.numbers import RowNumber
from app.audit.model_calls import ModelCallList
from app.audit.views import ExecutionPage, LogPage
from app.domain.access import How
from app.domain.approval import ApprovalState
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.permission import Permission

router = APIRouter(prefix="/api/v1/incident", tags=["executions"], route_class=Guarded)

Number = Annotated[RowNumber, Path(description="The execution's number", examples=[123])]


class CancelRequest(BaseModel):
    """Why an execution is to stop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(
        default="", max_length=2000, examples=["Maintenance has begun on this host."]
    )
    by: str = Field(
        default="", max_length=200, description="Who asks, where no key says so", examples=["ann"]
    )


@router.get(
    "/executions/active",
    summary="What the agent works on",
    dependencies=[needs(Permission.READ)],
    responses=documented() | examples.answer(examples.ACTIVE),
)
async def active_executions(reading: ReadingPart) -> ActiveExecutions:
    """Everything that is queued, running or waiting for a person, oldest first."""
    return ActiveExecutions(executions=await reading.active())


@router.get(
    "/executions",
    summary="All executions",
    dependencies=[needs(Permission.READ)],
    responses=documented(422) | examples.answer(examples.EXECUTIONS),
)
async def list_executions(
    reading: ReadingPart,
    status: Annotated[ExecutionStatus | None, Query(description="Only those")] = None,
    outcome: Annotated[Outcome | None, Query(description="Only those that ended so")] = None,
    incident_number: Annotated[str | None, Query(max_length=40)] = None,
    host: Annotated[str | None, Query(max_length=253, description="The inventory's name")] = None,
    simulated: Annotated[bool | None, Query(description="Only simulated or only real")] = None,
    before: Annotated[
        RowNumber | None, Query(description="Only older ones: `next_before` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ExecutionPage:
    """Executions, newest first, a page at a time."""
    return await reading.executions(
        status=status,
        outcome=outcome,
        incident_number=incident_number,
        host=host,
        simulated=simulated,
        before=before,
        limit=limit,
    )


@router.get(
    "/execution/{execution_id}",
    summary="One execution",
    dependencies=[needs(Permission.READ)],
    responses=documented(404, 422) | examples.answer(examples.EXECUTION),
)
async def get_execution(execution_id: Number, parts: PartsOfApp) -> Execution:
    """One execution, whole: state, story, candidate causes, proof, changes, outcome."""
    view = await parts.records.reading.execution(execution_id)
    open_questions = await parts.records.approvals.listed(
        state=ApprovalState.PENDING, execution_id=execution_id, limit=1
    )
    return Execution(
        **dict(view),
        pending_approval_id=open_questions[0].id if open_questions else None,
        model_spent=await parts.records.model_calls.spent(execution_id),
    )


@router.get(
    "/execution/{execution_id}/logs",
    summary="An execution's commands and their output",
    dependencies=[needs(Permission.READ)],
    responses=documented(404, 422) | examples.answer(examples.LOGS),
)
async def get_logs(
    execution_id: Number,
    reading: ReadingPart,
    after: Annotated[
        int, Query(ge=0, le=2**31 - 1, description="Only later ones: `next_after` of the page")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> LogPage:
    """Every diagnostic, probe, decision and change in its order, with what it printed."""
    return await reading.logs(execution_id, after=after, limit=limit)


@router.get(
    "/execution/{execution_id}/model-calls",
    summary="What a language model was asked for an execution",
    responses=documented(404, 422) | examples.answer(examples.MODEL_CALLS),
    dependencies=[needs(Permission.READ)],
)
async def get_model_calls(execution_id: Number, parts: PartsOfApp) -> ModelCallList:
    """Each call in its order: what was sent, what came back, its prompt's version, its cost."""
    return await parts.records.model_calls.listed(execution_id)


@router.post(
    "/execution/{execution_id}/cancel",
    summary="Stop an execution",
    dependencies=[needs(Permission.CANCEL)],
    responses=documented(400, 404, 409, 413, 415, 422),
)
async def cancel(
    execution_id: Number,
    asked: CancelRequest,
    engine: EnginePart,
    reading: ReadingPart,
    caller: CallerPart,
) -> Cancelled:
    """Stop at the next safe point. A change under way is finished, proven or undone first."""
    # who showed a name cannot sign with another's
    by = (asked.by or "api") if caller.how is How.LOCAL else caller.person
    await engine.cancel(execution_id, by=by, reason=asked.reason)
    view = await reading.execution(execution_id)
    return Cancelled(
        execution_id=execution_id,
        status=view.status,
        message="It stops at its next safe point.",
    )
