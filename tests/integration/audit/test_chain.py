"""Every fact has its entry, written with it or not at all, numbered without a gap."""

from __future__ import annotations

import asyncio
import inspect
import stat

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import (
    approvals,
    baselines,
    events,
    intents,
    journal,
    key_file,
    leases,
    lessons,
    model_calls,
    workers,
)
from app.audit.approvals import Approvals
from app.audit.baselines import Baselines
from app.audit.entry import Fact
from app.audit.events import Events
from app.audit.findings import Fault
from app.audit.intents import Intents
from app.audit.journal import Journal
from app.audit.lessons import Lessons
from app.audit.model_calls import ModelCalls
from app.audit.verifying import verify
from app.audit.writing import Writer
from app.domain.approval import Vote
from app.domain.event import EntryStatus, ProvenanceLink, TimelineEntry
from app.domain.execution import Outcome, Step
from app.domain.fact import FactKind
from app.domain.intent import IntentState
from app.domain.model_call import Purpose
from app.domain.value import JsonObject
from app.domain.verdict import Verification
from app.errors import AuditKeyUnusable, AuditWriteFailed
from app.models.chain import AuditEntry
from app.models.database import Database
from app.models.model_call import ModelCallRow
from app.models.operations import LearningReset
from app.models.sre_execution import Execution
from tests.integration.audit.conftest import Begin
from tests.integration.audit.tampering import tamper
from tests.integration.audit.test_intents import intent
from tests.integration.audit.values import (
    NOON,
    decision,
    hypothesis,
    model_call,
    observation,
    plan,
    probe_result,
)

DOORS = {
    approvals.Approvals: {
        "request", "vote", "take_grant", "expire_due", "withdraw", "mark_resumed",
    },
    baselines.Baselines: {"store"},
    intents.Intents: {"open", "dispatch", "settle"},
    journal.Journal: {
        "accept", "set_status", "request_cancel", "conclude", "record_observations",
        "record_probes", "record_decision", "record_change", "record",
    },
    lessons.Lessons: {"reset"},
    model_calls.ModelCalls: {"keep"},
    leases.Leases: {"acquire", "renew", "release", "release_all", "raise_fences"},
    events.Events: {"tell", "change_key"},
    workers.Workers: {"beat", "give_up", "leave", "all_gone"},
}  # fmt: skip
READS = {
    "get", "latest", "listed", "to_resume", "of_execution", "unsettled", "recent", "holder", "live",
    "beats", "live_epochs", "anchor_line", "head", "newest_closed", "all", "resets", "spent",
}  # fmt: skip


async def entries(database: Database) -> list[tuple[str, str]]:
    """What each entry is, in order."""
    async with database.reading() as session:
        rows = (await session.execute(select(AuditEntry).order_by(AuditEntry.seq))).scalars()
        return [(row.kind, row.about) for row in rows]


async def live_through(database: Database, execution_id: int) -> None:
    """Write by every door that leaves facts."""
    records, ledger, asking = Journal(database), Intents(database), Approvals(database)
    ids = await records.record_observations(
        execution_id, "analyze-1", Step.ANALYZE, "to look", [observation(output="x" * 5000)]
    )
    await records.record_probes(
        execution_id, "analyze-1", Step.ANALYZE, "to ask", [probe_result(ok=False)]
    )
    await records.record_decision(
        execution_id, "remediate-1", Step.REMEDIATE, "to repair", plan(execution_id), decision()
    )
    entry = TimelineEntry(key="a", step=Step.ANALYZE, title="Looking", status=EntryStatus.RUNNING)
    link = ProvenanceLink(
        conclusion="unit-stopped@alpha", evidence_id=ids[0], drawn_by="built-in", statement="down"
    )
    proof = Verification(
        healed=True, statement="served again", before=(probe_result(ok=False),),
        after=(probe_result(ok=True),), watched_seconds=10.0, worse=(), taken_at=NOON,
        simulated=False,
    )  # fmt: skip
    await records.record(
        execution_id, "r-1", timeline=[entry], hypotheses=[hypothesis(*ids)], provenance=[link]
    )
    ended = entry.model_copy(update={"status": EntryStatus.COMPLETED})
    await records.record(execution_id, "r-2", timeline=[ended], verification=proof)
    asked = await asking.request(
        execution_id, plan(execution_id), decision(), requested_by="sre-agent",
        ttl_seconds=3600, simulated=False,
    )  # fmt: skip
    await asking.vote(
        asked.id, person="Ann", subject=None, vote=Vote.APPROVE, reason="yes",
        plan_hash=asked.plan_hash, grant_seconds=900,
    )  # fmt: skip
    await asking.take_grant(execution_id, asked.proposal, key="k")
    await ledger.open(intent(execution_id))
    assert await ledger.dispatch("exe-1-1.change-1")
    await ledger.settle("exe-1-1.change-1", IntentState.DONE, exit_code=0, how="ran")
    await Baselines(database).store(
        "alpha", taken_at=NOON, manifest={"files": []}, probes=[{"name": "p"}], host_model={},
        reason="healed", simulated=False,
    )  # fmt: skip
    await ModelCalls(database).keep(execution_id, model_call())
    await Lessons(database).reset(by="Ann", reason="a bad week")
    await records.request_cancel(execution_id, by="bob", reason="too slow")
    await records.conclude(
        execution_id, outcome=Outcome.RESOLVED, root_cause="stopped", summary="started",
        confidence=1, evidence_ids=ids, recommended=("see",),
    )  # fmt: skip


def test_every_door_is_known_here() -> None:
    """A new method that writes must be added to the life above, so that it is tried."""
    for kind, doors in DOORS.items():
        methods = {name for name, _ in inspect.getmembers(kind, inspect.iscoroutinefunction)
                   if not name.startswith("_")}  # fmt: skip
        assert methods - READS == doors, kind.__name__
    assert {kind for kind in Writer.__subclasses__() if kind.__module__ != __name__} >= set(DOORS)


async def test_every_writer_leaves_entries_and_all_of_it_verifies(
    database: Database, execution_id: int
) -> None:
    await live_through(database, execution_id)
    report = await verify(database)
    assert report.sound, report.findings
    said = await entries(database)
    assert said[:2] == [("genesis", ""), ("written", "sre_incident_execution")]
    intent_story = [kind for kind, about in said if about == "command_intent"]
    assert intent_story == ["written", "changed", "changed"]  # before, sent, outcome
    assert {about for kind, about in said if kind == "written"} == {
        "sre_incident_execution", "sre_evidence", "incident_execution_log", "sre_timeline_entry",
        "sre_hypothesis", "sre_verification", "sre_provenance", "approval", "approval_vote",
        "command_intent", "baseline", "sre_model_call", "learning_reset",
    }  # fmt: skip
    assert (await verify(database, execution_id=execution_id)).sound


async def test_who_did_it_is_in_the_entry(database: Database, execution_id: int) -> None:
    await live_through(database, execution_id)
    async with database.reading() as session:
        votes = select(AuditEntry.actor).where(AuditEntry.about == "approval_vote")
        assert (await session.execute(votes)).scalar_one() == "ann"
        actors = select(AuditEntry.actor).where(AuditEntry.about == "sre_incident_execution")
        assert "bob" in (await session.execute(actors)).scalars().all()


async def test_what_is_done_again_leaves_no_entry(
    journal: Journal, database: Database, execution_id: int
) -> None:
    seen = [observation()]
    await journal.record_observations(execution_id, "a-1", Step.ANALYZE, "to look", seen)
    before = await entries(database)
    await journal.record_observations(execution_id, "a-1", Step.ANALYZE, "to look", seen)
    assert await entries(database) == before


async def test_a_statement_around_the_session_is_refused(
    database: Database, execution_id: int
) -> None:
    class Careless(Writer):
        async def rename(self) -> None:
            await self._write("It", lambda s: s.execute(update(Execution).values(summary="x")))

    with pytest.raises(AuditWriteFailed, match="without an entry"):
        await Careless(database).rename()


async def test_writers_at_once_leave_no_gap(
    database: Database, other_database: Database, begin: Begin
) -> None:
    ids = [await begin(f"INC{number:07}") for number in range(4)]
    journals = [Journal(database), Journal(other_database)]
    await asyncio.gather(
        *(
            journals[n % 2].record_observations(
                ids[n % 4], f"key-{n}", Step.ANALYZE, "to look", [observation(), observation()]
            )
            for n in range(40)
        )
    )
    report = await verify(database)
    assert report.sound, report.findings
    async with database.reading() as session:
        count = (await session.execute(select(func.count()).select_from(AuditEntry))).scalar_one()
    assert count == report.head == 1 + 4 * 2 + 40 * 4


async def test_the_key_lies_outside_and_only_for_its_owner(
    database: Database, execution_id: int
) -> None:
    path = database.settings.audit_keys_at
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(AuditKeyUnusable, match=r"mode is 0644, expected 0600"):
        await verify(database)


async def test_without_its_key_nothing_is_written(database: Database, execution_id: int) -> None:
    database.settings.audit_keys_at.unlink()
    with pytest.raises(AuditKeyUnusable, match="cannot be read"):
        await Journal(database).request_cancel(execution_id, by="ann", reason="x")
    key_file.load_or_create(database.settings.audit_keys_at)
    with pytest.raises(AuditKeyUnusable, match="does not hold"):
        await Journal(database).request_cancel(execution_id, by="ann", reason="x")


async def test_a_new_key_is_used_from_its_entry_on_by_every_process(
    database: Database, other_database: Database, execution_id: int
) -> None:
    elsewhere = Journal(other_database)  # holds the old keys in memory
    await elsewhere.record(execution_id, "r", hypotheses=[hypothesis()])
    key = await Events(database).change_key(actor="ann")
    await elsewhere.record(execution_id, "s", hypotheses=[hypothesis(confidence=0.9)])
    head = await Events(database).head()
    assert head is not None
    assert head.key_id == key.id
    report = await verify(database)
    assert report.sound, report.findings


async def test_what_stood_before_the_chain_is_adopted(
    database: Database, begin: Begin, execution_id: int
) -> None:
    await live_through(database, execution_id)
    await tamper(database, "DELETE FROM audit_entry")
    await Journal(database).record(execution_id, "later", hypotheses=[hypothesis(confidence=0.1)])
    await begin("INC0010002")
    report = await verify(database)
    assert report.sound, report.findings
    said = await entries(database)
    assert said[0] == ("genesis", "")
    assert ("adopted", "sre_hypothesis") in said
    assert ("changed", "sre_hypothesis") not in said  # it was adopted as it then was


async def test_a_file_of_an_earlier_chain_tells_that_it_is_gone(
    database: Database, execution_id: int
) -> None:
    await live_through(database, execution_id)
    await tamper(database, "DELETE FROM audit_entry")
    await Events(database).tell("start", {})
    report = await verify(database, anchors=[database.settings.audit_checkpoints_at])
    assert {finding.fault for finding in report.findings} == {Fault.TRUNCATED}


@pytest.fixture
async def from_before(
    database: Database, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> tuple[Database, int]:
    """A chain of a version to which calls of a model were no facts; two were made."""
    with monkeypatch.context() as older:
        older.delattr(ModelCallRow, "__audited__")
        execution_id = await begin()
        for attempt in (1, 2):
            await ModelCalls(database).keep(execution_id, model_call(attempt=attempt))
    return database, execution_id


async def test_a_table_that_becomes_one_of_facts_is_taken_over_once(
    from_before: tuple[Database, int],
) -> None:
    database, execution_id = from_before
    before = await verify(database)
    assert before.sound, "nothing is said of rows that no entry can be about yet"
    await ModelCalls(database).keep(execution_id, model_call(purpose=Purpose.EXPLAIN))
    assert (await entries(database))[before.head :] == [
        ("event", "tables-taken-over"),
        ("adopted", "sre_model_call"),
        ("adopted", "sre_model_call"),
        ("written", "sre_model_call"),
    ]
    assert (await verify(database)).sound
    assert (await verify(database, execution_id=execution_id)).sound


async def test_a_row_that_was_inserted_is_not_taken_over_later(
    from_before: tuple[Database, int],
) -> None:
    database, _execution_id = from_before
    await Events(database).tell("start", {})
    await tamper(
        database,
        "INSERT INTO sre_model_call SELECT 99, execution_id, 'forged', purpose, attempt, model, "
        "prompt_version, status, failure, detail, sent, answer, tokens_in, tokens_out, cost, "
        "seconds, created_at, simulated FROM sre_model_call WHERE attempt = 1",
    )
    await Events(database).tell("start", {})
    (finding,) = (await verify(database)).findings
    assert finding.fault is Fault.ROW_INSERTED
    assert finding.sentence.startswith("Row 99 of sre_model_call was inserted")


async def test_taking_over_is_undone_with_its_transaction(
    from_before: tuple[Database, int],
) -> None:
    database, execution_id = from_before

    class Failing(ModelCalls):
        async def fail(self) -> None:
            async def work(session: AsyncSession) -> None:
                session.add(LearningReset(by="ann", reason="x"))
                await session.flush()

            await self._write("It", work, told=[Fact(kind=FactKind.EVENT, about="x", content=ODD)])

    writer = Failing(database)
    with pytest.raises(TypeError):
        await writer.fail()
    await writer.keep(execution_id, model_call(purpose=Purpose.EXPLAIN))
    assert ("event", "tables-taken-over") in await entries(database)
    assert (await verify(database)).sound


ODD: JsonObject = {"no": object()}  # nothing that an entry can be made of
