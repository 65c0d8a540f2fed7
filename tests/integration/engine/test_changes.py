"""One change under one intent, whatever the host answers and wherever a crash came."""

from __future__ import annotations

import pytest

from app.audit.journal import Journal
from app.domain.action import ActionCall
from app.domain.execution import Outcome
from app.domain.intent import IntentState
from app.domain.verdict import ChangeResult, ChangeStatus, Decision, Verdict
from app.engine import changes
from app.engine.effects import HostEffects
from app.engine.endings import Endings
from app.engine.holding import Holding
from app.engine.keys import Keys
from app.engine.limits import Spending
from app.engine.parts import Hands, Records
from app.errors import AuditWriteFailed
from app.execution.catalog import Catalog
from app.execution.ports import Receipt
from app.knowledge.library import Library
from app.models.database import Database
from app.reasoning.builtin import BuiltinReasoner
from app.settings import Settings
from tests.integration.engine import scripted
from tests.integration.engine.scripted import ScriptedHosts, ScriptedProber
from tests.integration.engine.world import HOST, OneHost, Says, incident, plan

CATALOG = Catalog.load()
INTENT = "exe-1-1.remediate-1.0"
WORKER = "w-1"


class Bench:
    """The effects of one workflow that holds the host, over a scripted host."""

    def __init__(self, records: Records, execution_id: int) -> None:
        self.records = records
        self.execution_id = execution_id
        self.judge = Says(Verdict.ALLOW)
        self.plan = plan(execution_id)

    def effects(self, hosts: ScriptedHosts) -> HostEffects:
        """Made anew for each "process"."""
        hands = Hands(
            inventory=OneHost(),
            catalog=CATALOG,
            judge=self.judge,
            hosts=hosts,
            prober=ScriptedProber(True),
            reasoner=BuiltinReasoner(Library.load()),
        )
        settings = Settings(_env_file=None)
        spending = Spending.under(settings, incident("x").received_at)
        keys = Keys(execution_id=self.execution_id, number=1)
        holding = Holding(WORKER, {HOST.name: 1})
        return HostEffects(keys, HOST, settings, self.records, hands, spending, _never, holding)

    async def change(self, hosts: ScriptedHosts) -> ChangeResult:
        effects = self.effects(hosts)
        return await effects.change("remediate-1", self.plan, 0, await self.decision())

    async def decision(self) -> Decision:
        return await Says(Verdict.ALLOW).decide(self.plan)

    async def dispatched(self) -> None:
        """As a process leaves the ledger that dies right before it sends."""
        hosts = ScriptedHosts(sent=scripted.AWAY)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hosts, "change", _dies)
            with pytest.raises(KeyboardInterrupt):
                await self.change(hosts)
        intent = await self.records.intents.get(INTENT)
        assert intent is not None
        assert intent.state is IntentState.DISPATCHED


async def _never(_workflow: str) -> bool:
    return False


async def _dies(*_args: object, **_kwargs: object) -> Receipt:
    raise KeyboardInterrupt


@pytest.fixture
async def bench(database: Database, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(changes, "POLL_SECONDS", 0.01)
    accepted = await Journal(database).accept(
        incident("INC0000001"), {}, simulated=False, max_active=9
    )
    records = Records.of(database)
    await records.workers.beat(WORKER, hostname="here", pid=7)
    await records.leases.acquire(HOST.name, f"exe-{accepted.execution_id}-1")
    return Bench(records, accepted.execution_id)


async def test_it_is_written_ahead_with_the_state_before_and_an_undo(bench: Bench) -> None:
    result = await bench.change(ScriptedHosts(sent=scripted.RAN))
    assert result.succeeded
    assert result.before == {"before": scripted.OK}
    assert [call.action for call in result.undo] == ["service.stop"]
    (intent,) = await bench.records.intents.of_execution(bench.execution_id)
    assert (intent.state, intent.how, intent.fence) == (IntentState.DONE, "ran", 1)
    assert intent.before == result.before
    assert result.evidence_id is not None


async def test_done_again_it_is_answered_from_the_ledger(bench: Bench) -> None:
    await bench.change(ScriptedHosts(sent=scripted.RAN))
    again = ScriptedHosts()
    result = await bench.change(again)
    assert result.succeeded
    assert (result.how, again.sent) == ("ledger", [])


@pytest.mark.parametrize(
    ("receipts", "status", "how"),
    [
        ([scripted.RAN], ChangeStatus.DONE, "receipt"),
        ([scripted.FAILED], ChangeStatus.DONE, "receipt"),
        ([scripted.RUNS, scripted.AWAY, scripted.RAN], ChangeStatus.DONE, "receipt"),
        ([scripted.SAID_NO], ChangeStatus.REFUSED, "gate"),
        ([scripted.LOST], ChangeStatus.UNKNOWN, "unsettled"),
    ],
)
async def test_after_a_crash_the_host_is_asked_and_nothing_is_sent(
    bench: Bench, receipts: list[Receipt], status: ChangeStatus, how: str
) -> None:
    await bench.dispatched()
    hosts = ScriptedHosts(*receipts)
    result = await bench.change(hosts)
    assert (result.status, result.how) == (status, how)
    assert hosts.sent == []


async def test_what_never_reached_the_host_is_sent_once(bench: Bench) -> None:
    await bench.dispatched()
    hosts = ScriptedHosts(scripted.NEVER_CAME, sent=scripted.RAN)
    assert (await bench.change(hosts)).succeeded
    assert hosts.sent == [INTENT]


async def test_what_never_reached_the_host_is_not_sent_when_no_longer_allowed(
    bench: Bench,
) -> None:
    await bench.dispatched()
    bench.judge.verdict = Verdict.DENY
    result = await bench.change(ScriptedHosts(scripted.NEVER_CAME))
    assert result.status is ChangeStatus.REFUSED
    assert "does not allow it any more" in result.output


async def test_a_host_that_stays_away_makes_it_unknown_and_a_late_answer_settles_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MARGIN_SECONDS", 0.05 - CATALOG.entry("service.start").timeout)
    result = await bench.change(ScriptedHosts(scripted.AWAY, sent=scripted.AWAY))
    assert result.status is ChangeStatus.UNKNOWN
    assert result.output == "no route to host"
    assert [i.id for i in await bench.records.intents.unsettled()] == [INTENT]
    later = await bench.change(ScriptedHosts(scripted.RAN))
    assert (later.status, later.how) == (ChangeStatus.DONE, "receipt")


async def test_a_precondition_that_does_not_hold_sends_nothing(bench: Bench) -> None:
    hosts = ScriptedHosts()
    hosts.facts = scripted.OK | {"active_state": "active"}
    result = await bench.change(hosts)
    assert result.status is ChangeStatus.REFUSED
    assert "active_state is 'active'" in result.output
    assert result.undo == ()
    assert result.is_needless  # it runs already: nothing has to be started


async def test_a_state_that_cannot_be_read_sends_nothing(bench: Bench) -> None:
    hosts = ScriptedHosts()
    hosts.facts = {}
    assert "is not known" in (await bench.change(hosts)).output


@pytest.mark.parametrize("write", ["open", "dispatch"])
async def test_what_cannot_be_written_down_before_is_not_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    async def refuses(*_args: object, **_kwargs: object) -> object:
        raise AuditWriteFailed("The disk of the database is full.")

    monkeypatch.setattr(bench.records.intents, write, refuses)
    hosts = ScriptedHosts(sent=scripted.RAN)
    with pytest.raises(AuditWriteFailed):
        await bench.change(hosts)
    assert hosts.sent == []


async def test_without_the_lease_nothing_is_sent(bench: Bench) -> None:
    await bench.records.leases.release(HOST.name, "exe-1-1")
    result = await bench.change(ScriptedHosts())
    assert result.status is ChangeStatus.REFUSED
    assert "not leased" in result.output


async def test_another_plan_than_was_decided_on_sends_nothing(bench: Bench) -> None:
    decision = (await bench.decision()).model_copy(update={"plan_hash": "0" * 64})
    result = await bench.effects(ScriptedHosts()).change("remediate-1", bench.plan, 0, decision)
    assert "hash differs" in result.output


async def test_a_persons_yes_stands_while_the_policy_only_asks_for_one(bench: Bench) -> None:
    bench.judge.verdict = Verdict.NEEDS_APPROVAL
    effects = bench.effects(ScriptedHosts(sent=scripted.RAN))
    allowed = await bench.decision()
    assert not (await effects.change("a", bench.plan, 0, allowed)).succeeded
    approved = allowed.model_copy(update={"rule": "approval"})
    assert (await effects.change("b", bench.plan, 0, approved)).succeeded


async def test_cancelled_before_it_is_sent_nothing_is_sent(bench: Bench) -> None:
    await bench.records.journal.request_cancel(bench.execution_id, by="ann", reason="")
    assert (await bench.change(ScriptedHosts())).output == "The execution was cancelled."


async def test_an_undo_is_an_intent_of_its_own_whatever_the_policy_says_now(bench: Bench) -> None:
    done = await bench.change(ScriptedHosts(sent=scripted.RAN))
    bench.judge.verdict = Verdict.DENY
    hosts = ScriptedHosts(sent=scripted.RAN)
    hosts.facts = scripted.OK | {"active_state": "active"}
    (undone,) = await bench.effects(hosts).undo("verify-1", bench.plan, done)
    assert undone.succeeded
    assert undone.call.action == "service.stop"
    intent = await bench.records.intents.get(undone.intent_id)
    assert intent is not None
    assert intent.undo_of == done.intent_id


async def reloaded(bench: Bench) -> ChangeResult:
    reload = ActionCall(action="service.reload", host=HOST.name, params={"unit": "edge.service"})
    plan = bench.plan.model_copy(update={"steps": (reload,)})
    hosts = ScriptedHosts(sent=scripted.FAILED)
    hosts.facts = scripted.OK | {"active_state": "active"}
    return await bench.effects(hosts).change("r", plan, 0, await Says(Verdict.ALLOW).decide(plan))


async def test_what_was_put_back_is_read_again_by_a_unit_that_still_runs(bench: Bench) -> None:
    done = await reloaded(bench)
    assert done.undo == ()
    hosts = ScriptedHosts(sent=scripted.RAN)
    hosts.facts = scripted.OK | {"active_state": "active"}
    results = await bench.effects(hosts).settle("verify-1.settle-1", bench.plan, done)
    assert [r.call.action for r in results] == ["service.reload"]


async def test_a_unit_that_a_failed_reload_ended_is_started_after_the_undo(bench: Bench) -> None:
    done = await reloaded(bench)
    hosts = ScriptedHosts(sent=scripted.RAN)
    hosts.facts = scripted.OK | {"active_state": "failed"}
    results = await bench.effects(hosts).settle("verify-1.settle-1", bench.plan, done)
    assert [r.call.action for r in results] == ["service.start"]
    assert len(hosts.sent) == 1
    intent = await bench.records.intents.get(results[0].intent_id)
    assert intent is not None
    assert intent.undo_of == done.intent_id


# --- what may cut the agent off -------------------------------------------------------------------


def over_a_device(bench: Bench, *answers: Receipt) -> ScriptedHosts:
    """A plan that switches a device on, on a host that waits for the agent's word afterwards."""
    step = ActionCall(action="link.up", host=HOST.name, params={"device": "ens9"})
    bench.plan = bench.plan.model_copy(update={"steps": (step,)})
    hosts = ScriptedHosts(scripted.WAITS, sent=scripted.WAITS)
    hosts.facts = {"kind": "link", "up": False, "carrier": False}
    hosts.on_confirm = list(answers)
    return hosts


async def test_what_may_cut_the_agent_off_comes_with_its_undo_and_is_confirmed(
    bench: Bench,
) -> None:
    hosts = over_a_device(bench, scripted.AWAY, scripted.KEPT)
    result = await bench.change(hosts)
    assert result.succeeded
    assert [call.action for call in hosts.taken_back_by] == ["link.down"]
    assert hosts.confirmed == 2
    assert [call.action for call in result.undo] == ["link.down"]


async def test_what_the_host_took_back_did_not_succeed_and_is_not_undone_again(
    bench: Bench,
) -> None:
    result = await bench.change(over_a_device(bench, scripted.AWAY, scripted.TOOK_BACK))
    assert (result.succeeded, result.how, result.undo) == (False, "taken back", ())
    assert "heard nothing of the agent" in result.output
    again = ScriptedHosts()
    assert (await bench.change(again)).how == "taken back"  # from the ledger, and so told again
    assert again.sent == []


async def test_after_a_crash_the_word_is_said_by_whoever_goes_on(bench: Bench) -> None:
    hosts = over_a_device(bench, scripted.KEPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hosts, "change", _dies)
        with pytest.raises(KeyboardInterrupt):
            await bench.change(hosts)
    result = await bench.change(hosts)
    assert (result.succeeded, result.how, hosts.confirmed) == (True, "receipt", 1)


async def test_an_undo_and_what_cuts_nobody_off_wait_for_no_word(bench: Bench) -> None:
    plain = ScriptedHosts(sent=scripted.RAN)
    await bench.change(plain)
    assert plain.taken_back_by == ()
    hosts = over_a_device(bench, scripted.KEPT)
    effects = bench.effects(hosts)
    done = await effects.change("remediate-2", bench.plan, 0, await bench.decision())
    hosts.on_change = scripted.RAN
    hosts.facts = hosts.facts | {"up": True}
    hosts.taken_back_by = ()
    await effects.undo("verify-1.undo-1", bench.plan, done)
    assert hosts.taken_back_by == ()


async def test_a_failed_execution_names_the_change_of_which_nobody_knows(bench: Bench) -> None:
    await bench.dispatched()
    endings = Endings(bench.records)
    await endings.fail(bench.execution_id, "exe-1-1", RuntimeError("a mistake"))
    view = await bench.records.reading.execution(bench.execution_id)
    assert view.outcome is Outcome.FAILED
    assert "not known whether service.start unit=edge.service on alpha ran" in view.summary
    assert await bench.records.leases.holder(HOST.name) is None
