"""What teaches and what does not; forgetting; similar incidents; what was missing."""

from __future__ import annotations

from typing import Any

import pytest

from app.audit.analysis import Analyses
from app.audit.intents import Intent, Intents
from app.audit.journal import Journal
from app.audit.lessons import Lessons
from app.audit.similar import Similar, terms_of
from app.domain.event import EntryStatus, TimelineEntry
from app.domain.execution import ExecutionStatus, Outcome, Step
from app.domain.hypothesis import HypothesisStatus
from app.domain.intent import IntentState
from app.domain.verdict import Verification
from app.errors import NotFound
from app.models.database import Database
from tests.integration.audit.values import (
    NOON,
    decision,
    hypothesis,
    incident,
    observation,
    plan,
    probe_result,
)


class Story:
    """Writes whole executions as the engine does."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.journal = Journal(database)
        self.intents = Intents(database)
        self.lessons = Lessons(database)
        self.similar = Similar(database)

    async def told(
        self,
        number: str,
        *,
        outcome: Outcome = Outcome.RESOLVED,
        status: HypothesisStatus = HypothesisStatus.CONFIRMED,
        verified: bool | None = True,
        simulated: bool = False,
        simulated_proof: bool | None = None,
        undone: bool = False,
        root_cause: str = "ledger.service was stopped",
        **ticket: Any,
    ) -> int:
        """One execution from its ticket to its end. `verified` None: nothing was proven."""
        accepted = await self.journal.accept(
            incident(number, **ticket), {}, simulated=simulated, max_active=100
        )
        ident = accepted.execution_id
        await self.journal.set_status(ident, ExecutionStatus.RUNNING)
        await self._change(ident, simulated=simulated, undone=undone)
        proof = None
        if verified is not None:
            proof = Verification(
                healed=verified, statement="", before=(), after=(probe_result(ok=verified),),
                watched_seconds=10, taken_at=NOON,
                simulated=simulated if simulated_proof is None else simulated_proof,
            )  # fmt: skip
        told = hypothesis(status=status)
        await self.journal.record(ident, "k", hypotheses=[told], verification=proof)
        await self.journal.conclude(
            ident, outcome=outcome, root_cause=root_cause, summary="",
            confidence=0.9, evidence_ids=(), recommended=(),
        )  # fmt: skip
        return ident

    async def _change(self, ident: int, *, simulated: bool, undone: bool) -> None:
        names: list[tuple[str, str | None]] = [(f"exe-{ident}-1.0", None)]
        if undone:
            names.append((f"exe-{ident}-1.undo", f"exe-{ident}-1.0"))
        for name, undo_of in names:
            await self.intents.open(
                Intent(
                    id=name, execution_id=ident, workflow_id=f"exe-{ident}-1", host="alpha",
                    call=plan(ident).steps[0], before={}, decision=decision(), plan_hash="h",
                    fence=1, undo_of=undo_of, simulated=simulated,
                )
            )  # fmt: skip
            await self.intents.dispatch(name)
            await self.intents.settle(name, IntentState.DONE, exit_code=0, how="ran")


@pytest.fixture
def story(database: Database) -> Story:
    return Story(database)


async def test_a_verified_repair_teaches_its_cause_and_its_action(story: Story) -> None:
    ident = await story.told("INC1")
    (lesson,) = await story.lessons.all()
    assert (lesson.execution_id, lesson.mode, lesson.subject) == (
        ident,
        "unit-stopped",
        "ledger.service",
    )
    assert lesson.healed
    assert lesson.actions == ("service.start",)
    assert lesson.age_days < 1


async def test_a_repair_that_did_not_heal_teaches_that(story: Story) -> None:
    await story.told(
        "INC1", outcome=Outcome.ESCALATED, status=HypothesisStatus.REFUTED, verified=False,
        undone=True,
    )  # fmt: skip
    (lesson,) = await story.lessons.all()
    assert not lesson.healed
    assert lesson.actions == ("service.start",)


@pytest.mark.parametrize(
    "poison",
    [
        {"simulated": True},
        {"simulated_proof": True},
        {"verified": None},
        {"verified": False},
        {"status": HypothesisStatus.OPEN},
        {"outcome": Outcome.ESCALATED},
        {"outcome": Outcome.CANCELLED},
        {"outcome": Outcome.FAILED},
        {"outcome": Outcome.NO_FAULT},
        {"status": HypothesisStatus.REFUTED, "verified": False, "outcome": Outcome.CANCELLED},
        {"status": HypothesisStatus.REFUTED, "verified": None, "outcome": Outcome.ESCALATED},
    ],
    ids=str,
)
async def test_poisoned_history_teaches_nothing(story: Story, poison: dict[str, Any]) -> None:
    await story.told("INC1", **poison)
    assert await story.lessons.all() == ()


async def test_what_was_taken_back_did_not_help(story: Story) -> None:
    await story.told("INC1", undone=True)
    (lesson,) = await story.lessons.all()
    assert lesson.actions == ()


async def test_forgetting_is_written_down_and_later_lessons_count_again(story: Story) -> None:
    await story.told("INC1")
    done = await story.lessons.reset(by="ann", reason="moved; token=hunter2hunter2")
    assert await story.lessons.all() == ()
    assert await story.lessons.resets() == (done,)
    assert done.by == "ann"
    assert "hunter2" not in done.reason
    later = await story.told("INC2")
    assert [lesson.execution_id for lesson in await story.lessons.all()] == [later]


async def test_similar_incidents_read_alike_and_say_what_helped(story: Story) -> None:
    alike = await story.told(
        "INC1", short_description="Ledger page shows timeouts", description="since the upgrade"
    )
    await story.told("INC2", short_description="Printer is out", root_cause="no paper", host="beta")
    unsolved = await story.told(
        "INC3", short_description="Ledger timeouts again", outcome=Outcome.ESCALATED,
    )  # fmt: skip
    await story.told("INC4", short_description="Ledger timeouts", simulated=True)
    accepted = await story.journal.accept(
        incident("INC5", short_description="timeouts of the LEDGER", host="gamma"),
        {}, simulated=False, max_active=100,
    )  # fmt: skip
    found = await story.similar.to(accepted.execution_id)
    assert {each.execution_id for each in found} == {alike, unsolved}
    helped = {each.execution_id: each.helped for each in found}
    assert helped == {alike: ("service.start unit=ledger.service",), unsolved: ()}
    assert len(await story.similar.to(accepted.execution_id, limit=1)) == 1


@pytest.mark.parametrize(
    "hostile", ['" OR 1 --', "told:x* NEAR(a b)", "a'b & !c | (d", "", "\x00 ''' \\", "AND OR NOT"]
)
async def test_a_tickets_words_are_no_query(story: Story, hostile: str) -> None:
    await story.told("INC1", short_description="plain words", description=hostile)
    accepted = await story.journal.accept(
        incident("INC2", short_description=hostile, host="h"), {}, simulated=False, max_active=9
    )
    found = await story.similar.to(accepted.execution_id)
    assert len(found) <= 1


def test_terms_are_words_each_once_and_not_many() -> None:
    assert terms_of("The nginx, NGINX and php-fpm!", "x") == ("nginx", "php", "fpm")
    assert len(terms_of(" ".join(f"word{n}" for n in range(100)))) == 32


async def test_what_was_missing_is_said_of_unsolved_executions_only(
    story: Story, database: Database
) -> None:
    analyses = Analyses(database)
    accepted = await story.journal.accept(incident("INC1"), {}, simulated=False, max_active=9)
    ident = accepted.execution_id
    await story.journal.set_status(ident, ExecutionStatus.RUNNING)
    silent = observation(ok=False, error="timeout: no end within 5 s", exit_code=None)
    await story.journal.record_observations(ident, "a", Step.DIAGNOSE, "", [silent])
    judged = TimelineEntry(
        key="hypothesize-1", step=Step.HYPOTHESIZE, title="Nothing stands out",
        status=EntryStatus.COMPLETED, detail={"missing": ["No cause reached 75%: a (40%)."]},
    )  # fmt: skip
    await story.journal.record(ident, "b", timeline=[judged])
    assert (await analyses.of(ident)).missing == ()
    await story.journal.conclude(
        ident, outcome=Outcome.ESCALATED, root_cause="x", summary="", confidence=0,
        evidence_ids=(), recommended=(),
    )  # fmt: skip
    found = await analyses.of(ident)
    assert found.missing == ("No cause reached 75%: a (40%).",)
    assert [(u.action, u.error) for u in found.unanswered] == [
        ("unit.show", "timeout: no end within 5 s")
    ]
    solved = await story.told("INC2")
    assert (await analyses.of(solved)).missing == ()
    with pytest.raises(NotFound):
        await analyses.of(999_999)
    with pytest.raises(NotFound):
        await story.similar.to(999_999)
