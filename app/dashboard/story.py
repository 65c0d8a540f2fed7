"""What the page of one execution shows: values made of its rows, ready for the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.audit.approvals import Approval
from app.audit.views import ExecutionView, HypothesisView, LogView, TimelineView
from app.dashboard import charts, outputs, planned, wording
from app.domain.action import Plan
from app.domain.approval import ApprovalState
from app.domain.event import ActionType, EntryStatus
from app.domain.execution import ACTIVE, Step
from app.domain.hypothesis import HypothesisStatus
from app.domain.model_call import Spent
from app.domain.probe import ProbeResult
from app.domain.verdict import Decision
from app.execution.catalog import Catalog

UNLIKELY = 1.0
"""Per cent; open causes below it are folded away."""


class Stage(NamedTuple):
    """One of the six steps on the track."""

    name: str
    standing: str  # "done", "current", "failed" or "ahead"
    visits: int


class Reason(NamedTuple):
    """One fact for or against a cause, and where it stands in what a command printed."""

    statement: str
    weight: float
    rule: str
    evidence_id: int
    line: int | None  # of the log
    output_line: int | None


class Cause(NamedTuple):
    """A candidate cause with its reasons."""

    view: HypothesisView
    reasons: tuple[Reason, ...]
    sparkline: str

    @property
    def folded(self) -> bool:
        unlikely = self.view.confidence_score < UNLIKELY
        return unlikely and self.view.status is not HypothesisStatus.CONFIRMED


class LogLine(NamedTuple):
    """One line of the log with what belongs to it."""

    view: LogView
    out: outputs.Preview
    err: outputs.Preview
    difference: tuple[outputs.DiffLine, ...]
    sha256: str
    authentic: bool  # the output is the one whose hash was recorded
    plan: planned.ShownPlan | None  # of a decision


class Story(NamedTuple):
    """One execution, whole."""

    execution: ExecutionView
    question: Approval | None  # what it waits for
    questions: tuple[Approval, ...]
    sentence: str
    state: str
    state_words: str
    active: bool
    stages: tuple[Stage, ...]
    gantt: charts.Gantt
    causes: tuple[Cause, ...]
    timeline: tuple[TimelineView, ...]
    lines: tuple[LogLine, ...]
    differences: tuple[tuple[str, tuple[outputs.DiffLine, ...]], ...]  # by path
    last_line: int
    model_spent: Spent | None  # of a language model; None where none was asked


def told(
    execution: ExecutionView,
    log: Sequence[LogView],
    questions: Sequence[Approval],
    hashes: Mapping[int, str],
    catalog: Catalog,
    model_spent: Spent | None,
) -> Story:
    """Put the page together."""
    question = next((q for q in questions if q.state is ApprovalState.PENDING), None)
    by_evidence = {line.evidence_id: line for line in log if line.evidence_id is not None}
    lines = tuple(log_line(line, hashes, catalog) for line in log)
    return Story(
        execution=execution,
        question=question,
        questions=tuple(questions),
        sentence=wording.sentence(execution, question),
        state=wording.state(execution),
        state_words=wording.state_words(execution),
        active=execution.status in ACTIVE,
        stages=stages(execution),
        gantt=charts.gantt(execution, log),
        causes=tuple(_cause(view, by_evidence) for view in execution.hypotheses),
        timeline=execution.timeline,
        lines=lines,
        differences=differences(lines),
        last_line=log[-1].step if log else 0,
        model_spent=model_spent,
    )


def stages(execution: ExecutionView) -> tuple[Stage, ...]:
    """The six steps: those behind, the one at work, those ahead; and how often each was."""
    at_work = execution.status in ACTIVE
    return tuple(_stage(execution, step, at_work=at_work) for step in Step)


def _stage(execution: ExecutionView, step: Step, *, at_work: bool) -> Stage:
    entries = [entry for entry in execution.timeline if entry.action_type is step]
    visits = len({entry.key.split(".")[0] for entry in entries})
    if at_work and execution.current_step is step:
        return Stage(str(step), "current", visits)
    if not entries:
        return Stage(str(step), "ahead", 0)
    failed = entries[-1].status is EntryStatus.FAILED
    return Stage(str(step), "failed" if failed else "done", visits)


def _cause(view: HypothesisView, by_evidence: Mapping[int, LogView]) -> Cause:
    return Cause(
        view=view,
        reasons=tuple(
            Reason(
                statement=support.statement,
                weight=support.weight,
                rule=support.rule,
                evidence_id=support.evidence_id,
                line=line.step if line else None,
                output_line=_cited(support.statement, line) if line else None,
            )
            for support in view.supports
            for line in [by_evidence.get(support.evidence_id)]
        ),
        sparkline=charts.sparkline(view.history),
    )


def _cited(statement: str, line: LogView) -> int | None:
    return outputs.closest_line(statement, line.command_output)


def log_line(line: LogView, hashes: Mapping[int, str], catalog: Catalog) -> LogLine:
    """One line of the log; its output compared with the hash that was taken of it."""
    sha256 = hashes.get(line.evidence_id or 0, "")
    return LogLine(
        view=line,
        out=outputs.preview(line.command_output),
        err=outputs.preview(line.error_output),
        difference=outputs.difference(line.command_output),
        sha256=sha256,
        authentic=not sha256 or outputs.matches_hash(line.command_output, sha256),
        plan=_plan(line, catalog),
    )


def _plan(line: LogView, catalog: Catalog) -> planned.ShownPlan | None:
    if line.action_type is not ActionType.DECISION:
        return None
    return planned.shown(
        Plan.model_validate(line.detail["plan"]),
        Decision.model_validate(line.detail["decision"]),
        catalog,
    )


def differences(
    lines: Sequence[LogLine],
) -> tuple[tuple[str, tuple[outputs.DiffLine, ...]], ...]:
    """What was found to differ from the healthy host, by path; what a restore takes back."""
    found = {
        str(line.view.params.get("path", "")): line.difference for line in lines if line.difference
    }
    return tuple(found.items())


def proofs(
    execution: ExecutionView,
) -> tuple[tuple[ProbeResult | None, ProbeResult | None], ...]:
    """The probes of the last proof, each with its results before and after."""
    if execution.verification is None:
        return ()
    before = {result.probe.name: result for result in execution.verification.before}
    after = {result.probe.name: result for result in execution.verification.after}
    return tuple((before.get(name), after.get(name)) for name in before | after)
