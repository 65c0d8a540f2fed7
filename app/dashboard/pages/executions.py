"""The list of executions, one of them, one line of its log, and two of them side by side."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse

from app.access.guard import needs
from app.audit.outbox import Outbox
from app.audit.views import LogView
from app.dashboard import outputs
from app.dashboard.answering import PagePart, PageRoute
from app.dashboard.comparing import compared
from app.dashboard.filters import Filters
from app.dashboard.parts import OverviewPart, ServicePart
from app.dashboard.pieces import LOG_LINES, Pieces
from app.dashboard.story import proofs
from app.domain.approval import ApprovalState
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.permission import Permission
from app.errors import NotFound

router = APIRouter(route_class=PageRoute)

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
LineNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
Blank = Literal[""]
"""What a form sends for a choice that was not made."""


@router.get("/ui", dependencies=[needs(Permission.READ)])
async def executions(
    page: PagePart,
    service: ServicePart,
    q: Annotated[str, Query(max_length=200)] = "",
    status: ExecutionStatus | Blank = "",
    outcome: Outcome | Blank = "",
    host: Annotated[str, Query(max_length=253)] = "",
    made: Literal["", "real", "simulated"] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> HTMLResponse:
    """What waits for a person, then all executions, newest first."""
    filters = Filters(q.strip(), status or None, outcome or None, host, made, before)
    found = await service.records.reading.executions(
        status=filters.status,
        outcome=filters.outcome,
        host=filters.host or None,
        simulated=filters.simulated,
        containing=filters.q or None,
        before=filters.before,
    )
    return page.answer(
        "executions.html",
        page=found,
        filters=filters,
        questions=await service.records.approvals.listed(state=ApprovalState.PENDING),
        statuses=[str(name) for name in ExecutionStatus],
        outcomes=[str(name) for name in Outcome],
        hosts=[known.name for known in service.inventory.hosts],
    )


@router.get("/ui/executions/{execution_id}", dependencies=[needs(Permission.READ)])
async def execution(
    execution_id: Number,
    page: PagePart,
    service: ServicePart,
    overview: OverviewPart,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> HTMLResponse:
    """One execution, whole."""
    pieces = Pieces(service.records, service.hands.catalog, overview)
    story, next_after = await pieces.story(execution_id, after=after)
    return page.answer(
        "execution.html",
        story=story,
        proofs=proofs(story.execution),
        deliveries=await Outbox(service.database).listed(execution_id=execution_id),
        next_after=next_after,
    )


@router.get("/ui/executions/{execution_id}/lines/{number}", dependencies=[needs(Permission.READ)])
async def line(
    execution_id: Number,
    number: LineNumber,
    page: PagePart,
    service: ServicePart,
    overview: OverviewPart,
) -> HTMLResponse:
    """One line of the log with all of its output, each line of that with an address."""
    view = await _line(service, execution_id, number)
    sha256 = (await overview.output_hashes(execution_id)).get(view.evidence_id or 0, "")
    return page.answer(
        "line.html",
        execution_id=execution_id,
        view=view,
        sha256=sha256,
        authentic=not sha256 or outputs.matches_hash(view.command_output, sha256),
        out=outputs.whole(view.command_output),
        err=outputs.whole(view.error_output),
    )


async def _line(service: ServicePart, execution_id: int, number: int) -> LogView:
    log = await service.records.reading.logs(execution_id, after=number - 1, limit=1)
    if not log.logs or log.logs[0].step != number:
        raise NotFound(f"Execution {execution_id} has no line {number} in its log.")
    return log.logs[0]


@router.get("/ui/executions/{execution_id}/compare", dependencies=[needs(Permission.READ)])
async def compare(
    execution_id: Number,
    page: PagePart,
    service: ServicePart,
    other: Annotated[int | Blank, Query(alias="with")] = "",
) -> HTMLResponse:
    """An execution beside another one, or the choice of which."""
    reading = service.records.reading
    left = await reading.execution(execution_id)
    if not other:
        alike = await reading.executions(host=left.host, limit=20)
        choice = [one for one in alike.executions if one.execution_id != execution_id]
        return page.answer("choose.html", left=left, choice=choice)
    right = await reading.execution(other)
    logs = [await reading.logs(number, limit=LOG_LINES) for number in (execution_id, other)]
    rows = compared(logs[0].logs, logs[1].logs)
    return page.answer("compare.html", left=left, right=right, rows=rows)
