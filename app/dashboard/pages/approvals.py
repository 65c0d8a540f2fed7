"""Questions to people: those that wait, and one of them with all that it rests on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, RedirectResponse

from app import log
from app.access.authentication import CallerPart
from app.access.guard import needs
from app.dashboard import planned
from app.dashboard.answering import PagePart, PageRoute
from app.dashboard.parts import OverviewPart, ServicePart
from app.dashboard.pieces import Pieces
from app.domain.approval import ApprovalState, Vote
from app.domain.permission import Permission
from app.errors import Conflict

router = APIRouter(route_class=PageRoute)

DECIDED_SHOWN = 50

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]

_log = log.get(__name__)


@router.get("/ui/approvals", dependencies=[needs(Permission.READ)])
async def approvals(page: PagePart, service: ServicePart) -> HTMLResponse:
    """What waits, then what was decided last."""
    questions = await service.records.approvals.listed(state=ApprovalState.PENDING)
    closed = await service.records.approvals.newest_closed(limit=DECIDED_SHOWN)
    return page.answer("approvals.html", questions=questions, closed=closed)


@router.get("/ui/approvals/{approval_id}", dependencies=[needs(Permission.READ)])
async def approval(
    approval_id: Number,
    page: PagePart,
    service: ServicePart,
    overview: OverviewPart,
) -> HTMLResponse:
    """One question: the plan, its evidence, what people have said, and the form to answer."""
    question = await service.records.approvals.get(approval_id)
    pieces = Pieces(service.records, service.hands.catalog, overview)
    story, _ = await pieces.story(question.execution_id)
    return page.answer(
        "approval.html",
        question=question,
        story=story,
        plan=planned.shown(question.plan, question.decision, service.hands.catalog),
    )


@router.post("/ui/approvals/{approval_id}/decision", dependencies=[needs(Permission.DECIDE)])
async def decide(
    approval_id: Number,
    service: ServicePart,
    caller: CallerPart,
    decision: Annotated[Vote, Form()],
    plan_hash: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")],
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> RedirectResponse:
    """Answer a question by the form. The same function of the engine counts it as for the API."""
    if decision is not Vote.APPROVE and not reason.strip():
        raise Conflict("A no takes a reason.", hint="Go back and say why; the next one reads it.")
    decided = await service.engine.decide(
        approval_id,
        person=caller.person,
        subject=caller.subject,
        vote=decision,
        reason=reason.strip(),
        plan_hash=plan_hash,
    )
    _log.info(
        "a person decided on the page",
        approval_id=approval_id,
        execution_id=decided.execution_id,
        person=caller.person,
        decision=decision.value,
    )
    return RedirectResponse(f"/ui/approvals/{approval_id}", 303)
