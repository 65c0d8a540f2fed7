"""The story's rows: timeline, hypotheses, verification, provenance. Each written by its key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.event import EntryStatus, ProvenanceLink, TimelineEntry
from app.domain.hypothesis import Hypothesis
from app.domain.probe import ProbeResult
from app.domain.value import JsonObject
from app.domain.verdict import Verification
from app.errors import AuditWriteFailed
from app.models.sre_execution import (
    Evidence,
    Execution,
    ExecutionLog,
    HypothesisRow,
    Provenance,
    TimelineRow,
    VerificationRow,
)
from app.redaction.redactor import REDACTOR


async def write_timeline(
    session: AsyncSession, execution: Execution, entries: Sequence[TimelineEntry]
) -> None:
    """Add entries, or bring them up to date. What has ended does not run again."""
    for entry in entries:
        row = await _by_key(session, TimelineRow, execution.id, entry.key)
        if row is None:
            number = await next_number(session, TimelineRow, execution.id)
            row = TimelineRow(
                execution_id=execution.id,
                key=entry.key,
                step_number=number,
                simulated=execution.simulated,
            )
            session.add(row)
        elif entry.status is EntryStatus.RUNNING and row.status is not EntryStatus.RUNNING:
            continue
        row.step, row.title, row.status = entry.step, REDACTOR.text(entry.title), entry.status
        row.duration_seconds, row.detail = entry.duration_seconds, REDACTOR.value(entry.detail)
        await session.flush()


async def write_hypotheses(
    session: AsyncSession, execution: Execution, key: str, hypotheses: Sequence[Hypothesis]
) -> None:
    """Add or update each; its history keeps how sure we were at each key."""
    await check_cited(session, execution.id, (i for h in hypotheses for i in h.evidence_ids))
    for hypothesis in hypotheses:
        row = await _by_key(session, HypothesisRow, execution.id, hypothesis.key)
        if row is None:
            row = HypothesisRow(
                execution_id=execution.id,
                key=hypothesis.key,
                history=[],
                simulated=execution.simulated,
            )
            session.add(row)
        row.hypothesis_text, row.mode = REDACTOR.text(hypothesis.text), hypothesis.mode
        row.host, row.subject = hypothesis.host, hypothesis.subject
        row.confidence, row.status = hypothesis.confidence, hypothesis.status
        row.supports = REDACTOR.value([one.model_dump(mode="json") for one in hypothesis.supports])
        row.history = _with_moment(row.history, key, hypothesis)
        await session.flush()


def _with_moment(history: list[JsonObject], key: str, now: Hypothesis) -> list[JsonObject]:
    moment = {"step_key": key, "confidence": now.confidence, "status": str(now.status)}
    return [past for past in history if past["step_key"] != key] + [moment]


async def write_verification(
    session: AsyncSession, execution: Execution, key: str, verification: Verification
) -> None:
    """Add a proof, once for its key."""
    written = select(VerificationRow.id).where(
        VerificationRow.execution_id == execution.id, VerificationRow.step_key == key
    )
    if (await session.execute(written)).first() is not None:
        return
    session.add(
        VerificationRow(
            execution_id=execution.id,
            step_key=key,
            healed=verification.healed,
            statement=REDACTOR.text(verification.statement),
            before=_shown(verification.before),
            after=_shown(verification.after),
            watched_seconds=verification.watched_seconds,
            worse=REDACTOR.value(list(verification.worse)),
            taken_at=verification.taken_at,
            simulated=verification.simulated,
        )
    )


def _shown(results: Sequence[ProbeResult]) -> list[JsonObject]:
    shown: list[JsonObject] = REDACTOR.value([one.model_dump(mode="json") for one in results])
    return shown


async def write_provenance(
    session: AsyncSession, execution: Execution, key: str, links: Sequence[ProvenanceLink]
) -> None:
    """Add links, once for their key."""
    written = select(Provenance.id).where(
        Provenance.execution_id == execution.id, Provenance.step_key == key
    )
    if not links or (await session.execute(written)).first() is not None:
        return
    await check_cited(session, execution.id, (link.evidence_id for link in links))
    session.add_all(
        Provenance(
            execution_id=execution.id,
            step_key=key,
            position=position,
            conclusion=link.conclusion,
            evidence_id=link.evidence_id,
            drawn_by=link.drawn_by,
            statement=REDACTOR.text(link.statement),
            simulated=execution.simulated,
        )
        for position, link in enumerate(links)
    )


async def check_cited(session: AsyncSession, execution_id: int, cited: Iterable[int]) -> None:
    """Refuse to write a conclusion that rests on evidence which this execution does not have."""
    ids = set(cited)
    if not ids:
        return
    its_own = select(Evidence.id).where(Evidence.execution_id == execution_id, Evidence.id.in_(ids))
    missing = ids - set((await session.execute(its_own)).scalars())
    if missing:
        raise AuditWriteFailed(
            f"Execution {execution_id} cites evidence that it does not have: "
            f"{', '.join(map(str, sorted(missing)))}.",
            hint="Only evidence that was recorded for the same execution can be cited.",
        )


async def next_number(
    session: AsyncSession, table: type[TimelineRow | ExecutionLog], execution_id: int
) -> int:
    """The next `step_number` of a table's rows of an execution, which is held."""
    highest = select(func.max(table.step_number)).where(table.execution_id == execution_id)
    return ((await session.execute(highest)).scalar_one() or 0) + 1


Keyed = TypeVar("Keyed", TimelineRow, HypothesisRow)


async def _by_key(
    session: AsyncSession, table: type[Keyed], execution_id: int, key: str
) -> Keyed | None:
    found = select(table).where(table.execution_id == execution_id, table.key == key)
    return (await session.execute(found)).scalar_one_or_none()
