"""Questions to people: which plans wait for a yes, and saying it.

Answering one takes a name: an approver's key, or a token of the policy file, as
`Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from app import log
from app.access.authentication import CallerPart
from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.api.parts import EnginePart, PartsOfApp
from app.api.schemas import ApprovalsPage, ApprovalView, PlannedStep, VoteItem
from app.api.v1.numbers import RowNumber
from app.audit.approvals import Approval
from app.domain.approval import ApprovalState, Vote
from app.domain.permission import Permission

router = APIRouter(prefix="/api/v1/approvals", tags=["approvals"], route_class=Guarded)

_log = log.get(__name__)


class Answered(BaseModel):
    """What a person says to a question."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "decision": "approve",
                    "reason": "Seen the evidence; the restart is fine now.",
                    "plan_hash": "5f2b0c7e" * 8,
                }
            ]
        },
    )

    decision: Vote
    reason: str = Field(default="", max_length=2000, description="For those who read it later")
    plan_hash: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="The plan that was looked at, from the question"
    )


@router.get(
    "",
    summary="Questions to people",
    dependencies=[needs(Permission.READ)],
    responses=documented(422),
)
async def list_approvals(
    parts: PartsOfApp,
    state: Annotated[ApprovalState | None, Query(description="Only those in this state")] = None,
    execution_id: Annotated[
        RowNumber | None, Query(description="Only those of this execution")
    ] = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only ids above this")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> ApprovalsPage:
    """The questions that were asked, oldest first; `?state=pending` for those still open."""
    found = await parts.records.approvals.listed(
        state=state, execution_id=execution_id, after=after, limit=limit
    )
    return ApprovalsPage(approvals=tuple([_view(asked) for asked in found]))


@router.get(
    "/{approval_id}",
    summary="One question",
    dependencies=[needs(Permission.READ)],
    responses=documented(404, 422),
)
async def get_approval(
    approval_id: Annotated[RowNumber, Path()], parts: PartsOfApp
) -> ApprovalView:
    """One question with its plan, its evidence and what people have said so far."""
    return _view(await parts.records.approvals.get(approval_id))


@router.post(
    "/{approval_id}/decision",
    summary="Answer a question",
    dependencies=[needs(Permission.DECIDE)],
    responses=documented(400, 404, 409, 413, 415, 422),
)
async def decide(
    approval_id: Annotated[RowNumber, Path()],
    answered: Answered,
    caller: CallerPart,
    engine: EnginePart,
) -> ApprovalView:
    """Say yes, no, or "make another plan". The plan is made anew with fresh evidence before it is
    carried out; a yes carries for it as long as actions, parameters and target come out the same.
    """
    decided = await engine.decide(
        approval_id,
        person=caller.person,
        subject=caller.subject,
        vote=answered.decision,
        reason=answered.reason,
        plan_hash=answered.plan_hash,
    )
    _log.info(
        "a person decided",
        approval_id=approval_id,
        execution_id=decided.execution_id,
        person=caller.person,
        decision=answered.decision.value,
        state=decided.state.value,
    )
    return _view(decided)


def _view(asked: Approval) -> ApprovalView:
    plan = asked.plan
    return ApprovalView(
        id=asked.id,
        execution_id=asked.execution_id,
        state=asked.state.value,
        plan_hash=asked.plan_hash,
        host=asked.host,
        cause=plan.cause_text,
        confidence_score=round(plan.confidence * 100, 1),
        steps=tuple(
            PlannedStep(action=step.action, host=step.host, params=dict(step.params))
            for step in plan.steps
        ),
        risk=asked.decision.risk.value,
        reasons=asked.decision.reasons,
        evidence_ids=plan.evidence_ids,
        approvals_needed=asked.needed,
        votes=tuple(
            VoteItem(
                person=vote.person,
                subject=vote.subject,
                decision=vote.vote.value,
                reason=vote.reason,
                at=vote.voted_at,
            )
            for vote in asked.votes
        ),
        requested_at=asked.requested_at,
        expires_at=asked.expires_at,
        simulated=asked.simulated,
    )
