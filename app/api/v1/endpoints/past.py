"""What the past says on an execution, and why it was not solved."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict

from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.api.parts import PartsOfApp
from app.api.v1.numbers import RowNumber
from app.audit.analysis import FailureAnalysis
from app.audit.similar import SimilarIncident
from app.domain.permission import Permission

router = APIRouter(prefix="/api/v1/executions", tags=["executions"], route_class=Guarded)

Number = Annotated[RowNumber, Path(description="The execution's number", examples=[123])]


class SimilarIncidents(BaseModel):
    """Past executions that read alike, the most alike first."""

    model_config = ConfigDict(frozen=True)

    execution_id: int
    similar: tuple[SimilarIncident, ...]


@router.get(
    "/{execution_id}/similar",
    summary="Past incidents like it",
    dependencies=[needs(Permission.READ)],
    responses=documented(404, 422),
)
async def similar(
    execution_id: Number, parts: PartsOfApp, limit: Annotated[int, Query(ge=1, le=50)] = 5
) -> SimilarIncidents:
    """Ended executions whose tickets and causes read alike, and what helped then."""
    found = await parts.records.similar.to(execution_id, limit=limit)
    return SimilarIncidents(execution_id=execution_id, similar=found)


@router.get(
    "/{execution_id}/analysis",
    summary="Why it was not solved",
    dependencies=[needs(Permission.READ)],
    responses=documented(404, 422),
)
async def analysis(execution_id: Number, parts: PartsOfApp) -> FailureAnalysis:
    """Which evidence was missing in an escalated or failed execution; empty for any other."""
    return await parts.records.analyses.of(execution_id)
