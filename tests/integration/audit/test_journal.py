"""What happened is written once, in order, whole or not at all."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from app.audit.journal import Journal
from app.audit.reading import Reading
from app.domain.action import ActionCall, Risk
from app.domain.event import ActionType, EntryStatus, LogStatus, ProvenanceLink, TimelineEntry
from app.domain.evidence import EvidenceKind
from app.domain.execution import ExecutionStatus, Outcome, Step
from app.domain.hypothesis import HypothesisStatus
from app.domain.probe import ProbeResult
from app.domain.verdict import ChangeResult, ChangeStatus, Verification
from app.errors import AuditWriteFailed, Conflict, NotFound
from app.models.database import Database
from tests.integration.audit.conftest import Begin
from tests.integration.audit.values import (
    NOON,
    decision,
    hypothesis,
    observation,
    plan,
    probe_result,
)


async def observe(journal: Journal, execution_id: int, key: str = "analyze-1") -> tuple[int, ...]:
    seen = [observation(), observation("sockets.listening", ok=False, error="timeout")]
    return await journal.record_observations(execution_id, key, Step.ANALYZE, "to look", seen)


async def conclude(journal: Journal, execution_id: int, outcome: Outcome, *ids: int) -> None:
    await journal.conclude(
        execution_id,
        outcome=outcome,
        root_cause="ledger.service was stopped",
        summary="started it",
        confidence=0.93,
        evidence_ids=ids,
        recommended=("find out who stopped it",),
    )


async def test_a_diagnostic_is_one_line_and_one_evidence(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    ids = await observe(journal, execution_id)
    log = (await reading.logs(execution_id)).logs
    assert [(line.step, line.action, line.status) for line in log] == [
        (1, "unit.show", LogStatus.COMPLETED),
        (2, "sockets.listening", LogStatus.FAILED),
    ]
    assert tuple(line.evidence_id for line in log) == ids
    assert log[0].command_executed == "/usr/bin/systemctl show -- ledger.service"
    assert log[0].command_output == "ActiveState=failed\n"
    assert (log[0].exit_code, log[0].duration_seconds, log[0].why) == (0, 0.25, "to look")
    kept = await reading.evidence(execution_id, ids[:1])
    assert kept == (observation().as_evidence(ids[0]),)


async def test_a_step_run_again_writes_nothing_and_gets_its_first_ids(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    first = await observe(journal, execution_id)
    assert await observe(journal, execution_id) == first
    assert len((await reading.logs(execution_id)).logs) == 2
    recorded = await reading.recorded(execution_id, "analyze-1")
    assert tuple(evidence.id for evidence in recorded) == first
    assert await reading.recorded(execution_id, "analyze-2") == ()


async def test_one_key_for_two_different_things_is_refused(
    journal: Journal, execution_id: int
) -> None:
    await observe(journal, execution_id)
    with pytest.raises(AuditWriteFailed, match="a key of its own"):
        await journal.record_observations(
            execution_id, "analyze-1", Step.ANALYZE, "", [observation("processes.list")]
        )


async def test_steps_at_the_same_time_are_numbered_without_gap_or_repeat(
    database: Database, other_database: Database, reading: Reading, execution_id: int
) -> None:
    journals = [Journal(database), Journal(other_database)]
    ids = await asyncio.gather(
        *(observe(journals[n % 2], execution_id, f"diagnose-{n}") for n in range(10))
    )
    log = (await reading.logs(execution_id)).logs
    assert [line.step for line in log] == list(range(1, 21))
    assert len({number for pair in ids for number in pair}) == 20


async def test_the_same_step_at_the_same_time_is_written_once(
    database: Database, other_database: Database, reading: Reading, execution_id: int
) -> None:
    journals = [Journal(database), Journal(other_database)] * 4
    ids = await asyncio.gather(*(observe(journal, execution_id) for journal in journals))
    assert len(set(ids)) == 1
    assert len((await reading.logs(execution_id)).logs) == 2


async def test_output_that_no_database_takes_is_kept_with_marks(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    odd = observation(output="a\x00b \udce9", facts={"line": "\x00", "load": float("inf")})
    (id_,) = await journal.record_observations(execution_id, "k", Step.ANALYZE, "", [odd])
    (line,) = (await reading.logs(execution_id)).logs
    assert line.command_output == "a\u2400b \ufffd"
    (evidence,) = await reading.evidence(execution_id, [id_])
    assert evidence.facts == {"line": "\u2400", "load": None}


async def test_probes_are_evidence_of_what_users_saw(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    results = [probe_result(ok=True), probe_result(ok=False)]
    ids = await journal.record_probes(execution_id, "analyze-2", Step.ANALYZE, "", results)
    log = (await reading.logs(execution_id)).logs
    assert [(line.action_type, line.status) for line in log] == [
        (ActionType.PROBE, LogStatus.COMPLETED),
        (ActionType.PROBE, LogStatus.FAILED),
    ]
    assert log[1].command_executed == "probe http http://192.0.2.7:80/"
    assert "nothing listens" in log[1].command_output
    kept = await reading.recorded(execution_id, "analyze-2", EvidenceKind.PROBE)
    assert [evidence.id for evidence in kept] == list(ids)
    assert [ProbeResult.model_validate(evidence.facts) for evidence in kept] == results
    assert {evidence.host for evidence in kept} == {"alpha"}


async def test_decisions_and_changes_stand_in_the_log(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    call = ActionCall(action="service.start", host="alpha", params={"unit": "ledger.service"})
    await journal.record_decision(
        execution_id, "decide-1", Step.REMEDIATE, "", plan(execution_id), decision()
    )
    evidence_ids = [
        await journal.record_change(
            execution_id,
            f"change-{number}",
            Step.REMEDIATE,
            "the unit is stopped",
            ChangeResult(call=call, intent_id=f"i-{number}", status=status, exit_code=code),
            argv=("/usr/bin/systemctl", "start", "--", "ledger.service"),
            risk=Risk.REVERSIBLE,
            taken_at=NOON,
            simulated=False,
            undo=number == 3,
        )
        for number, (status, code) in enumerate(
            [
                (ChangeStatus.DONE, 0),
                (ChangeStatus.DONE, 1),
                (ChangeStatus.REFUSED, None),
                (ChangeStatus.UNKNOWN, None),
            ]
        )
    ]
    log = (await reading.logs(execution_id)).logs
    assert [(line.action_type, line.status) for line in log] == [
        (ActionType.DECISION, LogStatus.WAITING),
        (ActionType.REMEDIATION, LogStatus.COMPLETED),
        (ActionType.REMEDIATION, LogStatus.FAILED),
        (ActionType.REMEDIATION, LogStatus.REFUSED),
        (ActionType.UNDO, LogStatus.UNKNOWN),
    ]
    assert log[0].detail["decision"]["rule"] == "autonomy"
    assert log[0].evidence_id is None
    actions = (await reading.execution(execution_id)).actions_taken
    assert [action.evidence_id for action in actions] == evidence_ids
    assert [action.step_number for action in actions] == [2, 3, 4, 5]


def entry(status: EntryStatus, title: str = "Looking at alpha") -> TimelineEntry:
    return TimelineEntry(key="analyze-1", step=Step.ANALYZE, title=title, status=status)


async def test_a_timeline_entry_is_brought_up_to_date_and_never_back(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    for key, told in (
        ("a", entry(EntryStatus.RUNNING)),
        ("b", entry(EntryStatus.COMPLETED, "Looked at alpha")),
        ("a", entry(EntryStatus.RUNNING)),  # an old step, run again after a crash
    ):
        await journal.record(execution_id, key, timeline=[told])
    (line,) = (await reading.execution(execution_id)).timeline
    assert (line.step_number, line.status, line.title) == (1, "completed", "Looked at alpha")


async def test_a_hypothesis_keeps_how_sure_we_were(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    first, second = await observe(journal, execution_id)
    sure = hypothesis(first, second, confidence=0.877, status=HypothesisStatus.CONFIRMED)
    await journal.record(execution_id, "h-1", hypotheses=[hypothesis(first)])
    await journal.record(execution_id, "h-2", hypotheses=[sure, hypothesis(key="other@alpha")])
    await journal.record(execution_id, "h-2", hypotheses=[sure])
    view = await reading.execution(execution_id)
    assert [each.key for each in view.hypotheses] == [sure.key, "other@alpha"]
    top = view.hypotheses[0]
    assert (top.confidence_score, top.status) == (87.7, HypothesisStatus.CONFIRMED)
    assert top.evidence_ids == (first, second)
    assert top.history == (
        {"step_key": "h-1", "confidence": 0.5, "status": "open"},
        {"step_key": "h-2", "confidence": 0.877, "status": "confirmed"},
    )


async def test_proof_and_provenance_are_written_once_for_a_key(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    ids = await observe(journal, execution_id)
    proof = Verification(
        healed=True,
        statement="users are served",
        before=(probe_result(ok=False),),
        after=(probe_result(ok=True),),
        watched_seconds=10.0,
        taken_at=NOON,
        simulated=False,
    )
    link = ProvenanceLink(
        conclusion="outcome", evidence_id=ids[0], drawn_by="path-walk", statement="it is inactive"
    )
    for _ in range(2):
        await journal.record(execution_id, "verify-1", verification=proof, provenance=[link])
    view = await reading.execution(execution_id)
    assert len(view.verifications) == 1
    assert view.verification is not None
    assert view.verification.after == proof.after
    assert [(each.evidence_id, each.drawn_by) for each in view.provenance] == [
        (ids[0], "path-walk")
    ]


async def test_what_another_execution_saw_cannot_be_cited(
    journal: Journal, reading: Reading, execution_id: int, begin: Begin
) -> None:
    other = await begin("INC0010002")
    (foreign, _) = await observe(journal, other)
    entries = [entry(EntryStatus.COMPLETED)]
    with pytest.raises(AuditWriteFailed, match=f"does not have: {foreign}"):
        await journal.record(
            execution_id, "h-1", timeline=entries, hypotheses=[hypothesis(foreign)]
        )
    with pytest.raises(AuditWriteFailed, match="does not have"):
        await conclude(journal, execution_id, Outcome.RESOLVED, foreign)
    view = await reading.execution(execution_id)
    assert (view.timeline, view.hypotheses, view.outcome) == ((), (), None)


async def test_the_end_is_said_once(journal: Journal, reading: Reading, execution_id: int) -> None:
    ids = await observe(journal, execution_id)
    await conclude(journal, execution_id, Outcome.RESOLVED, *ids)
    await conclude(journal, execution_id, Outcome.RESOLVED, *ids)
    with pytest.raises(Conflict, match="has ended: resolved"):
        await conclude(journal, execution_id, Outcome.ESCALATED)
    with pytest.raises(Conflict, match="completed and cannot become running"):
        await journal.set_status(execution_id, ExecutionStatus.RUNNING)
    view = await reading.execution(execution_id)
    assert (view.status, view.outcome) == (ExecutionStatus.COMPLETED, Outcome.RESOLVED)
    assert (view.confidence_score, view.evidence_ids) == (93.0, ids)
    assert view.recommended == ("find out who stopped it",)
    assert view.ended_at is not None
    assert view.running_at is not None
    assert view.started_at <= view.running_at <= view.ended_at


async def test_status_moves_as_the_table_says(journal: Journal, execution_id: int) -> None:
    await journal.set_status(execution_id, ExecutionStatus.RUNNING, Step.DIAGNOSE)
    await journal.set_status(execution_id, ExecutionStatus.WAITING_APPROVAL)
    with pytest.raises(Conflict, match="waiting_approval and cannot become queued"):
        await journal.set_status(execution_id, ExecutionStatus.QUEUED)


async def test_a_wish_to_cancel_is_seen_and_the_first_reason_stands(
    journal: Journal, reading: Reading, execution_id: int
) -> None:
    assert not (await reading.cancellation(execution_id)).cancelled
    await journal.request_cancel(execution_id, by="ann", reason="planned work")
    await journal.request_cancel(execution_id, by="bob", reason="other")
    wish = await reading.cancellation(execution_id)
    assert (wish.cancelled, wish.by, wish.reason) == (True, "ann", "planned work")
    await conclude(journal, execution_id, Outcome.CANCELLED)
    with pytest.raises(Conflict, match="has ended"):
        await journal.request_cancel(execution_id, by="ann", reason="again")


async def test_what_does_not_exist_is_not_found(journal: Journal, reading: Reading) -> None:
    with pytest.raises(NotFound, match="no execution 404"):
        await observe(journal, 404)
    with pytest.raises(NotFound):
        await reading.execution(404)
    with pytest.raises(NotFound):
        await reading.logs(404)


async def test_what_cannot_be_written_is_an_error_without_values(
    database: Database, journal: Journal, execution_id: int
) -> None:
    async with database.transaction() as session:
        await session.execute(text("DROP TABLE sre_provenance"))
        await session.execute(text("DROP TABLE incident_execution_log"))
    with pytest.raises(AuditWriteFailed, match="Step analyze-1 of execution") as caught:
        await observe(journal, execution_id)
    assert "ledger" not in str(caught.value)
