"""Looking at hosts: recorded once, bounded, and only where the inventory allows it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.audit.journal import Journal
from app.domain.action import ActionCall
from app.domain.execution import Step
from app.domain.verdict import Verdict
from app.engine import observing
from app.engine.keys import Keys
from app.engine.limits import Spending
from app.engine.observing import Observing
from app.engine.parts import Hands, Records
from app.execution.catalog import Catalog
from app.knowledge.library import Library
from app.models.database import Database
from app.reasoning.builtin import BuiltinReasoner
from tests.integration.engine.scripted import ScriptedHosts, ScriptedProber
from tests.integration.engine.world import HOST, PROBE, OneHost, Says, incident

WELL = "Is it well, and does it stay so?"
SHOW = ActionCall(action="unit.show", host=HOST.name, params={"unit": "edge.service"})


class Eyes:
    """Makes the eyes of one workflow over scripted hosts."""

    def __init__(self, records: Records, execution_id: int) -> None:
        self.records = records
        self.execution_id = execution_id

    def over(
        self,
        hosts: ScriptedHosts,
        prober: ScriptedProber,
        commands: int = 9,
        reach_seconds: float = 0.0,
    ) -> Observing:
        hands = Hands(
            inventory=OneHost(),
            catalog=Catalog.load(),
            judge=Says(Verdict.ALLOW),
            hosts=hosts,
            prober=prober,
            reasoner=BuiltinReasoner(Library.load()),
        )
        spending = Spending(max_commands=commands, max_seconds=60, started_at=datetime.now(UTC))
        keys = Keys(execution_id=self.execution_id, number=1)
        return Observing(keys, HOST, self.records, hands, spending, reach_seconds=reach_seconds)


@pytest.fixture
async def eyes(database: Database, monkeypatch: pytest.MonkeyPatch) -> Eyes:
    monkeypatch.setattr(observing, "WATCH_POLL_SECONDS", 0.02)
    monkeypatch.setattr(observing, "GRACE_POLL_SECONDS", 0.01)
    monkeypatch.setattr(observing, "REACH_POLL_SECONDS", 0.01)
    accepted = await Journal(database).accept(
        incident("INC0000001"), {}, simulated=False, max_active=9
    )
    return Eyes(Records.of(database), accepted.execution_id)


async def test_run_again_after_a_crash_it_is_what_the_first_run_saw(eyes: Eyes) -> None:
    hosts = ScriptedHosts()
    seen = eyes.over(hosts, ScriptedProber(True))
    first = await seen.observe("1.observe.a", Step.ANALYZE, [SHOW], "How is it?")
    hosts.facts = hosts.facts | {"active_state": "active"}
    assert await seen.observe("1.observe.a", Step.ANALYZE, [SHOW], "How is it?") == first
    red = await eyes.over(hosts, ScriptedProber(False)).probe("1.p", Step.ANALYZE, [PROBE], "?")
    assert await seen.probe("1.p", Step.ANALYZE, [PROBE], "?") == red


async def test_what_may_not_be_asked_is_an_answer_with_the_reason(eyes: Eyes) -> None:
    seen = eyes.over(ScriptedHosts(), ScriptedProber(True), commands=4)
    change = SHOW.model_copy(update={"action": "service.start"})
    asked = [
        SHOW,
        SHOW.model_copy(update={"host": "found-in-some-output"}),
        change,
        SHOW.model_copy(update={"params": {"unit": "--all"}}),
        SHOW,
    ]
    answers = await seen.observe("1.observe.a", Step.ANALYZE, asked, "All at once")
    assert [answer.ok for answer in answers] == [True, False, False, False, False]
    reasons = [answer.error or "" for answer in answers]
    assert "not declared to be related" in reasons[1]
    assert "changes the host" in reasons[2]
    assert reasons[3].startswith("rejected: unit.show")
    assert "EXECUTION_MAX_COMMANDS" in reasons[4]


CUT = "host-unreachable: alpha (192.0.2.7:22) could not be reached: Connection refused."


async def test_a_host_that_is_cut_off_for_a_moment_is_asked_again(eyes: Eyes) -> None:
    hosts = ScriptedHosts()
    hosts.cut_off = [CUT, "connection lost"]
    seen = eyes.over(hosts, ScriptedProber(True), reach_seconds=30)
    answers = await seen.observe("1.observe.a", Step.ANALYZE, [SHOW, SHOW], "How is it?")
    assert [answer.ok for answer in answers] == [True, True]
    assert hosts.attempts == [2, 2, 2]


@pytest.mark.parametrize(
    "error", ["host-key-mismatch: not the pinned key", "login-refused: no", "timeout"]
)
async def test_what_will_not_pass_is_not_asked_again(eyes: Eyes, error: str) -> None:
    hosts = ScriptedHosts()
    hosts.cut_off = [error]
    seen = eyes.over(hosts, ScriptedProber(True), reach_seconds=30)
    (answer,) = await seen.observe("1.observe.a", Step.ANALYZE, [SHOW], "How is it?")
    assert answer.error == error
    assert hosts.attempts == [1]


async def test_patience_with_a_host_ends_and_is_spent_once(eyes: Eyes) -> None:
    hosts = ScriptedHosts()
    hosts.cut_off = [CUT] * 10_000
    seen = eyes.over(hosts, ScriptedProber(True), reach_seconds=0.1)
    (answer,) = await seen.observe("1.observe.a", Step.ANALYZE, [SHOW], "How is it?")
    assert answer.error == CUT
    attempts = len(hosts.attempts)
    assert attempts > 1
    await seen.observe("1.observe.b", Step.ANALYZE, [SHOW], "And now?")
    assert len(hosts.attempts) == attempts + 1


async def test_a_strict_watch_counts_every_failure(
    eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "STRICT_POLL_SECONDS", 0.01)
    prober = ScriptedProber(True, True, False, True)
    seen = eyes.over(ScriptedHosts(), prober)
    (result,) = await seen.watch(
        "1.w", Step.VERIFY, [PROBE], WELL, grace_seconds=0.0, seconds=9, strict=True
    )
    assert not result.ok


@pytest.mark.parametrize(
    ("answers", "ok", "at_least"),
    [
        ((False, False, True), True, 4),  # needs a while until it serves
        ((True, False, True), True, 4),  # one lost packet is no relapse
        ((True, True, False, False), False, 4),  # a relapse is
        ((False,), False, 2),  # never comes up within the grace
    ],
)
async def test_a_watch(eyes: Eyes, answers: tuple[bool, ...], ok: bool, at_least: int) -> None:
    prober = ScriptedProber(*answers)
    seen = eyes.over(ScriptedHosts(), prober)
    (result,) = await seen.watch(
        "1.w", Step.ANALYZE, [PROBE], WELL, grace_seconds=0.05, seconds=0.1
    )
    assert result.ok is ok
    assert result.evidence_id is not None
    assert prober.asked >= at_least
    (kept,) = await eyes.records.reading.recorded(eyes.execution_id, "1.w")
    assert kept.id == result.evidence_id
    (line,) = (await eyes.records.reading.logs(eyes.execution_id)).logs
    assert (line.state, line.why) == (Step.ANALYZE, WELL)
