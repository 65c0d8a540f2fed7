"""From rows to what is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.audit.views import (
    ActionView,
    Cancellation,
    ExecutionSummary,
    ExecutionView,
    HypothesisView,
    LogView,
    ProvenanceView,
    TimelineView,
    VerificationView,
)
from app.domain.evidence import Evidence
from app.domain.hypothesis import Support
from app.domain.incident import Incident
from app.domain.probe import ProbeResult
from app.models import sre_execution as tables


def score(confidence: float) -> float:
    """0..1 as 0..100, with one decimal."""
    return round(confidence * 100, 1)


def summary_of(row: tables.Execution) -> ExecutionSummary:
    return ExecutionSummary(
        execution_id=row.id,
        incident_number=row.incident_number,
        status=row.status,
        current_step=row.current_step,
        outcome=row.outcome,
        host=row.host,
        priority=row.priority,
        short_description=row.short_description,
        simulated=row.simulated,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def execution_of(
    row: tables.Execution,
    *,
    timeline: Sequence[tables.TimelineRow],
    hypotheses: Sequence[tables.HypothesisRow],
    verifications: Sequence[tables.VerificationRow],
    actions: Sequence[tables.ExecutionLog],
    commands_run: int,
    provenance: Sequence[tables.Provenance],
) -> ExecutionView:
    proofs = tuple(verification_of(proof) for proof in verifications)
    return ExecutionView(
        **dict(summary_of(row)),
        episode=row.episode,
        description=row.description,
        claimed_service=row.claimed_service,
        source=row.source,
        running_at=row.running_at,
        root_cause=row.root_cause,
        summary=row.summary,
        confidence_score=None if row.confidence is None else score(row.confidence),
        evidence_ids=tuple(row.evidence_ids),
        recommended=tuple(row.recommended),
        cancellation=cancellation_of(row),
        timeline=tuple(timeline_of(entry) for entry in timeline),
        hypotheses=tuple(hypothesis_of(hypothesis) for hypothesis in hypotheses),
        verifications=proofs,
        verification=proofs[-1] if proofs else None,
        commands_run=commands_run,
        actions_taken=tuple(action_of(line) for line in actions),
        provenance=tuple(provenance_of(link) for link in provenance),
    )


def cancellation_of(row: tables.Execution) -> Cancellation:
    return Cancellation(
        cancelled=row.cancel_requested_at is not None,
        by=row.cancel_requested_by or "",
        reason=row.cancel_reason or "",
    )


def _between(began: datetime, ended: datetime) -> float:
    """How long a line of the story was written at, for those that did not say."""
    return round(max(0.0, (ended - began).total_seconds()), 3)


def timeline_of(row: tables.TimelineRow) -> TimelineView:
    return TimelineView(
        step_number=row.step_number,
        action_type=row.step,
        title=row.title,
        status=row.status,
        duration_seconds=row.duration_seconds or _between(row.created_at, row.updated_at),
        key=row.key,
        detail=row.detail,
        created_at=row.created_at,
    )


def hypothesis_of(row: tables.HypothesisRow) -> HypothesisView:
    supports = tuple(Support.model_validate(support) for support in row.supports)
    return HypothesisView(
        hypothesis_text=row.hypothesis_text,
        confidence_score=score(row.confidence),
        status=row.status,
        key=row.key,
        mode=row.mode,
        host=row.host,
        subject=row.subject,
        evidence_ids=tuple(dict.fromkeys(support.evidence_id for support in supports)),
        supports=supports,
        history=tuple(row.history),
    )


def verification_of(row: tables.VerificationRow) -> VerificationView:
    return VerificationView(
        healed=row.healed,
        statement=row.statement,
        before=tuple(ProbeResult.model_validate(result) for result in row.before),
        after=tuple(ProbeResult.model_validate(result) for result in row.after),
        watched_seconds=row.watched_seconds,
        worse=tuple(row.worse),
        taken_at=row.taken_at,
        simulated=row.simulated,
    )


def action_of(row: tables.ExecutionLog) -> ActionView:
    return ActionView(
        step_number=row.step_number,
        action_type=row.action_type,
        action=row.action,
        host=row.host,
        params=row.params,
        command_executed=row.command_executed,
        status=row.status,
        exit_code=row.exit_code,
        duration_seconds=row.duration_seconds,
        risk=row.risk,
        evidence_id=row.evidence_id,
        simulated=row.simulated,
        created_at=row.created_at,
    )


def provenance_of(row: tables.Provenance) -> ProvenanceView:
    return ProvenanceView(
        conclusion=row.conclusion,
        evidence_id=row.evidence_id,
        drawn_by=row.drawn_by,
        statement=row.statement,
    )


def log_of(row: tables.ExecutionLog) -> LogView:
    return LogView(
        step=row.step_number,
        state=row.step,
        action_type=row.action_type,
        action=row.action,
        host=row.host,
        params=row.params,
        argv=tuple(row.argv),
        command_executed=row.command_executed,
        command_output=row.command_output,
        error_output=row.error_output,
        error=row.error,
        status=row.status,
        exit_code=row.exit_code,
        duration_seconds=row.duration_seconds,
        truncated=row.truncated,
        risk=row.risk,
        why=row.why,
        detail=row.detail,
        evidence_id=row.evidence_id,
        created_at=row.created_at,
        simulated=row.simulated,
    )


def evidence_of(row: tables.Evidence) -> Evidence:
    return Evidence(
        id=row.id,
        host=row.host,
        action=row.action,
        params=row.params,
        ok=row.ok,
        exit_code=row.exit_code,
        error=row.error,
        facts=row.facts,
        seconds=row.seconds,
        truncated=row.truncated,
        taken_at=row.taken_at,
        simulated=row.simulated,
    )


def incident_of(row: tables.Execution) -> Incident:
    return Incident(
        number=row.incident_number,
        short_description=row.short_description,
        description=row.description,
        priority=row.priority,
        category=row.category,
        assignment_group=row.assignment_group,
        state=row.incident_state,
        sys_id=row.sys_id,
        host=row.host,
        claimed_service=row.claimed_service,
        source=row.source,
        autonomy_cap=row.autonomy_cap,
        received_at=row.received_at,
    )
