"""Why an execution was not solved: which evidence was missing. For the person, and for us."""

from __future__ import annotations

from sqlalchemy import select

from app.domain.evidence import EvidenceKind
from app.domain.execution import Outcome, Step
from app.domain.value import Value
from app.errors import NotFound
from app.models.database import Database
from app.models.sre_execution import Evidence, Execution, TimelineRow

MOST_UNANSWERED = 50


class Unanswered(Value):
    """A diagnostic that told nothing."""

    evidence_id: int
    host: str
    action: str
    error: str


class FailureAnalysis(Value):
    """What it would have taken. Empty for executions that were solved, or are still at work."""

    execution_id: int
    outcome: Outcome | None
    missing: tuple[str, ...]  # sentences: unknown hops, causes not separated, nothing fits
    unanswered: tuple[Unanswered, ...]


class Analyses:
    """Reads the audit. Nothing here writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, execution_id: int) -> FailureAnalysis:
        """The analysis of one execution. NotFound where there is none of that number."""
        async with self._database.reading() as session:
            execution = await session.get(Execution, execution_id)
            if execution is None:
                raise NotFound(f"There is no execution {execution_id}.")
            unsolved = execution.outcome in (Outcome.ESCALATED, Outcome.FAILED)
            silent = (
                select(Evidence)
                .where(
                    Evidence.execution_id == execution_id,
                    Evidence.kind == EvidenceKind.DIAGNOSTIC,
                    Evidence.ok.is_(False),
                )
                .order_by(Evidence.id)
                .limit(MOST_UNANSWERED)
            )
            judged = (
                select(TimelineRow)
                .where(
                    TimelineRow.execution_id == execution_id,
                    TimelineRow.step == Step.HYPOTHESIZE,
                )
                .order_by(TimelineRow.step_number.desc())
            )
            rows = (await session.execute(silent)).scalars().all() if unsolved else []
            last = (await session.execute(judged)).scalars().first() if unsolved else None
        missing = list(last.detail.get("missing", [])) if last is not None else []
        if unsolved and last is None:
            missing.append("No cause was looked for: it ended before that.")
        return FailureAnalysis(
            execution_id=execution_id,
            outcome=execution.outcome,
            missing=tuple(missing),
            unanswered=tuple(
                Unanswered(
                    evidence_id=row.id, host=row.host, action=row.action, error=row.error or ""
                )
                for row in rows
            ),
        )
