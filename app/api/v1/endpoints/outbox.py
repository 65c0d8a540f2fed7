"""The outbox: what tickets were told, what waits, what is stuck; and a person's word on a row."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.api.parts import PartsOfApp
from app.api.schemas import OutboxPage, OutboxRowView
from app.api.v1.numbers import RowNumber
from app.audit.outbox import Outbox
from app.domain.permission import Permission
from app.domain.ticket import Delivery, OutboxState

router = APIRouter(prefix="/api/v1/outbox", tags=["outbox"], route_class=Guarded)

Row = Annotated[RowNumber, Path(description="The row's number")]


@router.get(
    "",
    summary="What tickets are told",
    dependencies=[needs(Permission.READ)],
    responses=documented(422),
)
async def list_outbox(
    parts: PartsOfApp,
    state: Annotated[OutboxState | None, Query(description="Only those in this state")] = None,
    stuck: Annotated[bool, Query(description="Only those that a person should look at")] = False,
    execution_id: Annotated[RowNumber | None, Query(description="Only of this execution")] = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only numbers above this")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> OutboxPage:
    """Rows of the outbox, oldest first, each with its note and what ServiceNow said to it."""
    outbox = Outbox(parts.database)
    found, counts = await outbox.page(
        state=state, stuck=stuck, execution_id=execution_id, after=after, limit=limit
    )
    return OutboxPage(
        rows=tuple([_view(row) for row in found]),
        counts={each.value: counts.get(each, 0) for each in OutboxState},
        next_after=found[-1].id if len(found) == limit else None,
    )


@router.post(
    "/{row_id}/retry",
    summary="Try a row again now",
    dependencies=[needs(Permission.SETTLE_OUTBOX)],
    responses=documented(404, 409, 413, 415, 422),
)
async def retry(row_id: Row, parts: PartsOfApp) -> OutboxRowView:
    """For a row that ServiceNow refused, once what was wrong is mended; or one that waits long."""
    return _view(await Outbox(parts.database).retry(row_id))


@router.post(
    "/{row_id}/drop",
    summary="Give a row up",
    dependencies=[needs(Permission.SETTLE_OUTBOX)],
    responses=documented(404, 409, 413, 415, 422),
)
async def drop(row_id: Row, parts: PartsOfApp) -> OutboxRowView:
    """The ticket is never told this; the rows after it go on."""
    return _view(await Outbox(parts.database).drop(row_id))


def _view(row: Delivery) -> OutboxRowView:
    return OutboxRowView(
        id=row.id,
        execution_id=row.execution_id,
        incident_number=row.incident_number,
        told=row.told.value,
        note=row.note,
        state=row.state.value,
        stuck=row.stuck,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        last_error=row.last_error,
        result=row.result,
        created_at=row.created_at,
        settled_at=row.settled_at,
        simulated=row.simulated,
    )
