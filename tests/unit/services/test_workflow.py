"""The graph in a small world: heals, proves, undoes, asks, gives up - and always ends."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.action import ActionCall, Plan
from app.domain.execution import STEP_MOVES, Outcome, Step
from app.domain.host import Host
from app.domain.hypothesis import HypothesisStatus
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.verdict import ChangeResult, ChangeStatus, Decision, Verdict
from app.host.baseline import Baseline
from app.host.checks import answer
from app.host.view import HostView
from app.services.ports import Ending, EndingKind, ExecutionInput
from app.services.progress import Applied
from app.services.proving import WatchTimes
from app.services.repairing import undo
from app.services.self_healing_sre_agent import Limits, build, run_execution
from tests.unit.reasoning.cases import baseline, evidence
from tests.unit.services.world import FRONT, GRANT, HOST, PROBE, START, World, unit

LIMITS = Limits(rounds=4, changes=2, watch=WatchTimes(reversible=1, disruptive=1))


async def run(world: World) -> Ending:
    return await run_execution(world, world.given(), LIMITS)


def starts(world: World) -> None:
    """In this world starting a unit starts it."""

    def react(call: ActionCall) -> None:
        world.start(str(call.params["unit"]))

    world.reacts["service.start"] = react


async def test_a_stopped_service_is_started_and_proven() -> None:
    world = World()
    world.stop()
    starts(world)
    ending = await run(world)
    assert ending.outcome is Outcome.RESOLVED
    assert world.changed == ["service.start"]
    assert world.conclusion is not None
    assert FRONT in world.conclusion.root_cause
    assert world.conclusion.evidence_ids
    assert world.verifications[-1].healed
    assert [p.ok for p in world.verifications[-1].before] == [False]
    confirmed = [h for h in world.hypotheses.values() if h.status is HypothesisStatus.CONFIRMED]
    assert [h.mode for h in confirmed] == ["unit-stopped"]
    assert not world.held


class WithDatabase(World):
    """The host runs a database too, and an index of it was dropped since it was healthy."""

    columns: tuple[str, ...] | None = None

    async def decide(self, key: str, plan: Plan) -> Decision:
        decision = await super().decide(key, plan)
        if plan.requires_person is None:
            return decision
        self.asked_about = [step.action for step in plan.steps]
        return decision.model_copy(update={"verdict": Verdict.NEEDS_APPROVAL})

    async def baseline(self, key: str, host: str) -> Baseline | None:
        await super().baseline(key, host)
        index = {"database": "sales", "table": "public.bills", "name": "bills_by_day",
                 "columns": self.columns, "method": "btree"}  # fmt: skip
        self.indexes = [index]
        asked = ("units.show", "postgres.state")
        looked = [self._evidence(ActionCall(action=action, host=host)) for action in asked]
        self.indexes = []
        return baseline().model_copy(update={"evidence": tuple(looked)})

    def _facts(self, call: ActionCall) -> dict[str, Any] | None:
        if call.action != "postgres.state":
            return super()._facts(call)
        shape = {"port": 5432, "status": "ready", "reachable": True, "max_connections": 40}
        return {"clusters": [shape | {"used": 3, "indexes": self.indexes, "databases": ["sales"]}]}

    def _asked(self, probe: Probe) -> ProbeResult:
        if not probe.check:
            return super()._asked(probe)
        told = self._facts(ActionCall(action="postgres.state", host=HOST.name))
        seen = HostView(HOST, evidence({"postgres.state": told}))
        return answer(probe, seen, taken_at=START, simulated=False)


class WithWaiting(WithDatabase):
    """Users wait in vain, or are refused at once."""

    error = "timeout"

    def _asked(self, probe: Probe) -> ProbeResult:
        return super()._asked(probe).model_copy(update={"ok": False, "error": self.error})


@pytest.mark.parametrize(("error", "looks"), [("timeout", 2), ("refused", 1)])
async def test_where_users_wait_it_is_asked_anew_who_waits_in_databases(
    error: str, looks: int
) -> None:
    """A lock that nobody waits for is no trouble: the look from before users asked shows none."""
    world = WithWaiting()
    world.error = error
    given = world.given()
    incident = given.incident.model_copy(update={"claimed_service": "postgresql"})
    await run_execution(world, given.model_copy(update={"incident": incident}), LIMITS)
    assert world.asked.count("postgres.state") == looks


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ("edge is slow since the clean-up, now it is down", Outcome.ESCALATED),
        ("edge does not answer", Outcome.RESOLVED),
    ],
)
async def test_users_who_are_served_slowly_are_not_called_healed(
    told: str, outcome: Outcome
) -> None:
    world = WithDatabase()
    world.start("postgresql.service")
    world.stop()
    starts(world)
    given = world.given()
    incident = given.incident.model_copy(update={"short_description": told})
    ending = await run_execution(world, given.model_copy(update={"incident": incident}), LIMITS)
    assert ending.outcome is outcome
    assert world.conclusion is not None
    assert ("bills_by_day" in world.conclusion.root_cause) is (outcome is Outcome.ESCALATED)
    assert world.changed == ["service.start"], "what helped is kept"
    assert world.undone == []


class Filling(WithDatabase):
    """At the first look the database lets nobody in, then its administrator alone."""

    BASELINE, FIRST_LOOK = 1, 2
    looks = 0

    def _facts(self, call: ActionCall) -> dict[str, Any] | None:
        if call.action != "postgres.state":
            return super()._facts(call)
        self.looks += 1
        used = 3 if self.looks == self.BASELINE else 40
        held = {"id": "f" * 64, "user": "poll", "application": "wall", "sessions": used,
                "idle": used, "idle_seconds": 900.0}  # fmt: skip
        shape = {"port": 5432, "status": "ready", "max_connections": 40}
        if self.looks == self.FIRST_LOOK:
            return {"clusters": [shape | {"reachable": False, "error": "too many clients already"}]}
        return {"clusters": [shape | {"reachable": True, "used": used, "groups": [held]}]}


async def test_what_is_otherwise_a_moment_later_is_looked_at_again() -> None:
    world = Filling()
    world.start("postgresql.service")
    given = world.given()
    told = {"short_description": "database: too many connections", "claimed_service": "postgresql"}
    incident = given.incident.model_copy(update=told)
    ending = await run_execution(world, given.model_copy(update={"incident": incident}), LIMITS)
    assert ending.kind is EndingKind.WAITING_APPROVAL
    assert world.asked_about == ["postgres.terminate_idle"]


@pytest.mark.parametrize("agreed", [True, False])
async def test_what_a_person_agreed_to_is_asked_of_the_host_itself_too(*, agreed: bool) -> None:
    """Users may be refused in another way than when they agreed."""
    world = WithDatabase()
    world.start("postgresql.service")
    world.stop()
    await run_execution(world, world.given(grant=GRANT if agreed else None), LIMITS)
    assert ("analyze-1.lost" in world.keys) is agreed


async def test_what_is_left_and_can_be_mended_is_proposed_beside_what_helped() -> None:
    world = WithDatabase()
    world.columns = ("day",)
    world.start("postgresql.service")
    world.stop()
    starts(world)
    given = world.given()
    told = {"short_description": "edge is slow since the clean-up, now it is down"}
    incident = given.incident.model_copy(update=told)
    ending = await run_execution(world, given.model_copy(update={"incident": incident}), LIMITS)
    assert ending.kind is EndingKind.WAITING_APPROVAL
    assert world.asked_about == ["postgres.create_index"]
    assert world.changed == ["service.start"], "what helped is kept"
    assert world.undone == []


class WithSite(World):
    """The front serves a site; one page of it fails, which nobody declared as a question."""

    site = Probe(
        name="http www:8080/",
        kind=ProbeKind.HTTP,
        address="192.0.2.7",
        port=8080,
        host_header="www",
    )

    async def hosts(self, key: str, host: str) -> tuple[Host, ...]:
        await super().hosts(key, host)
        return (HOST.model_copy(update={"probes": (self.site,)}),)

    def _facts(self, call: ActionCall) -> dict[str, Any] | None:
        failing = {
            "method": "GET",
            "path": "/bills",
            "failed": 3,
            "last_ago": 5,
            "last_status": 500,
        }
        return {"failing": [failing]} if call.action == "web.errors" else super()._facts(call)

    def _asked(self, probe: Probe) -> ProbeResult:
        page = super()._asked(probe)
        if probe.path != "/bills":
            return page.model_copy(update={"status": 200})
        return page.model_copy(update={"ok": False, "status": 500, "detail": "answered 500"})


async def test_a_page_that_users_are_refused_is_no_false_alarm() -> None:
    world = WithSite()
    ending = await run(world)
    assert ending.outcome is Outcome.ESCALATED
    assert world.conclusion is not None
    assert "answered 500" in world.conclusion.root_cause


class WithFilter(World):
    """Users are served, and a rule that is new drops some of what they send."""

    rules: tuple[dict[str, Any], ...] = (
        {"family": "inet", "table": "x", "chain": "in", "handle": 4, "verdict": "drop",
         "text": "tcp dport 8080 numgen random mod 9 < 2 drop", "ports": [8080]},
    )  # fmt: skip
    told = "edge is flapping"

    async def baseline(self, key: str, host: str) -> Baseline | None:
        await super().baseline(key, host)
        (before,) = evidence({"firewall.show": {"rules": []}})
        return baseline().model_copy(update={"evidence": (before,), "probes": ()})

    def given(self, **more: Any) -> ExecutionInput:
        shown = super().given(**more)
        incident = shown.incident.model_copy(update={"short_description": self.told})
        return shown.model_copy(update={"incident": incident})

    def _facts(self, call: ActionCall) -> dict[str, Any] | None:
        if call.action == "firewall.rule":
            return {"kind": "rule", "sha256": "e" * 64}
        rules = {"rules": list(self.rules)}
        known: dict[str, Any] = {"firewall.show": rules, "baseline.manifest": NOTHING}
        return known.get(call.action) or super()._facts(call)

    def _asked(self, probe: Probe) -> ProbeResult:
        if not probe.check:
            return super()._asked(probe)
        seen = HostView(HOST, evidence({"firewall.show": {"rules": list(self.rules)}}))
        return answer(probe, seen, taken_at=START, simulated=False)


NOTHING = {"host": "alpha", "taken_at": "2026-01-01T00:00:00+00:00"}


@pytest.mark.parametrize(("told", "removed"), [("edge is flapping", True), ("no mail", False)])
async def test_a_rule_that_drops_some_of_it_is_removed_where_the_ticket_speaks_of_that(
    told: str, removed: bool
) -> None:
    world = WithFilter()
    world.told = told

    def react(_: ActionCall) -> None:
        world.rules = ()

    world.reacts["firewall.remove_rule"] = react
    ending = await run(world)
    assert world.changed == (["firewall.remove_rule"] if removed else [])
    assert ending.outcome is (Outcome.RESOLVED if removed else Outcome.ESCALATED)


async def test_a_false_alarm_changes_nothing() -> None:
    world = World()
    ending = await run(world)
    assert ending.outcome is Outcome.NO_FAULT
    assert world.changed == []


async def test_what_did_not_heal_is_undone_and_not_tried_again() -> None:
    world = World()
    world.stop()  # and service.start changes nothing
    ending = await run(world)
    assert ending.outcome is Outcome.ESCALATED
    assert world.changed == ["service.start"]
    assert world.undone == ["service.start"]
    assert not world.verifications[-1].healed
    refuted = [h for h in world.hypotheses.values() if h.status is HypothesisStatus.REFUTED]
    assert [h.mode for h in refuted] == ["unit-stopped"]
    assert not world.held
    # what the attempt may have changed is looked at again, and what it cannot change is not
    assert world.asked.count("sockets.listening") == 2
    assert world.asked.count("persons.list") == 2
    assert world.asked.count("security.signs") == 1
    assert world.asked.count("unit_files.list") == 1, "starting a service writes no file"


class Answering(World):
    """In this world a started service answers, badly: users get further, and no further."""

    def _asked(self, probe: Probe) -> ProbeResult:
        found = super()._asked(probe)
        shape = {"ok": False, "status": 500} if found.ok else {}
        return found.model_copy(update=shape)


async def test_what_got_users_further_is_undone_in_the_end_where_nothing_healed() -> None:
    world = Answering()
    world.stop()
    starts(world)
    ending = await run(world)
    assert ending.outcome is Outcome.ESCALATED
    assert world.changed == ["service.start"]
    assert world.undone == ["service.start"], "under the lease, which was given back meanwhile"
    assert not world.held


async def test_what_was_undone_is_brought_into_effect_after_all_of_it() -> None:
    world = World()
    world.stop()
    world.held.add("web")
    start = ActionCall(action="service.start", host="web", params={"unit": "x.service"})
    reload = start.model_copy(update={"action": "service.reload"})
    given = Plan(
        execution_id=1,
        host="web",
        cause="a-mode:x",
        cause_text="A file changed",
        confidence=0.9,
        steps=(start, reload),
        evidence_ids=(1,),
        red_probes=(),
        green_probes=(),
    )
    results = [
        ChangeResult(
            call=c,
            intent_id=c.action,
            status=ChangeStatus.DONE,
            exit_code=0,
            undo=(c,),
            settle=(c,),
        )
        for c in given.steps
    ]
    assert await undo(world, "undo", Applied(given, tuple(results)))
    assert world.undone == ["service.reload", "service.start"]
    assert world.settled == ["service.start after 2 undone", "service.reload after 2 undone"]


async def test_healing_one_thing_by_breaking_another_is_not_healing() -> None:
    world = World()
    world.stop()

    def react(call: ActionCall) -> None:
        world.start(str(call.params["unit"]))
        world.units["side.service"] = unit("side.service", "failed", "failed", "exit-code")

    world.reacts["service.start"] = react
    ending = await run(world)
    assert ending.outcome is not Outcome.RESOLVED
    assert world.verifications[0].worse == ("side.service",)
    assert "service.start" in world.undone


BESIDE = PROBE.model_copy(update={"name": "tcp beside", "port": 8090})


class SharedBySites(World):
    """Beside the front another site is served, until the front is started."""

    async def hosts(self, key: str, host: str) -> tuple[Host, ...]:
        (alone,) = await super().hosts(key, host)
        return (alone.model_copy(update={"probes": (*alone.probes, BESIDE)}),)

    def _asked(self, probe: Probe) -> ProbeResult:
        found = super()._asked(probe)
        if probe.name != BESIDE.name:
            return found
        error = "refused" if self.changed and not self.undone else None
        return found.model_copy(update={"ok": error is None, "error": error})


async def test_a_repair_that_takes_from_others_what_they_were_served_is_undone_and_told() -> None:
    world = SharedBySites()
    world.stop()
    starts(world)
    ending = await run(world)
    assert ending.outcome is Outcome.ESCALATED
    assert (world.changed, world.undone) == (["service.start"], ["service.start"])
    assert world.conclusion is not None
    assert FRONT in world.conclusion.root_cause
    assert "tcp beside: refused" in world.conclusion.root_cause
    assert not world.held


async def test_a_denied_plan_is_handed_over_with_the_reason() -> None:
    world = World()
    world.stop()
    world.verdict = Verdict.DENY
    ending = await run(world)
    assert ending.outcome is Outcome.ESCALATED
    assert world.changed == []
    assert world.conclusion is not None
    assert "because the test says so" in world.conclusion.summary


async def test_a_plan_that_needs_a_person_ends_the_workflow_open() -> None:
    world = World()
    world.stop()
    world.verdict = Verdict.NEEDS_APPROVAL
    ending = await run(world)
    assert ending.kind is EndingKind.WAITING_APPROVAL
    assert ending.proposal
    assert world.conclusion is None
    assert world.changed == []


async def test_a_proposal_that_a_person_refused_is_not_made_again() -> None:
    world = World()
    world.stop()
    world.verdict = Verdict.NEEDS_APPROVAL
    asked = await run(world)
    again = World()
    again.stop()
    given = again.given(refused=(asked.proposal,))
    ending = await run_execution(again, given, LIMITS)
    assert ending.outcome is Outcome.ESCALATED
    assert again.changed == []


async def test_a_cancelled_ticket_stops_at_the_next_boundary() -> None:
    world = World()
    world.stop()
    world.cancel_after = "remediate"
    ending = await run(world)
    assert ending.outcome is Outcome.CANCELLED
    assert world.changed == []


async def test_a_spent_budget_ends_in_an_escalation_that_says_so() -> None:
    world = World()
    world.stop()
    world.exhausted = "200 commands were run"
    ending = await run(world)
    assert ending.outcome is Outcome.ESCALATED
    assert world.conclusion is not None
    assert "200 commands were run" in world.conclusion.summary


async def test_a_change_of_unknown_outcome_stops_everything() -> None:
    world = World()
    world.stop()
    world.unknown_on = "service.start"
    ending = await run(world)
    assert ending.outcome is Outcome.ESCALATED
    assert world.changed == ["service.start"]
    assert world.undone == []
    assert not world.held


async def test_a_step_that_an_earlier_one_made_needless_is_passed_over() -> None:
    world = World()
    world.units[FRONT] = unit(FRONT, "failed", "failed", "start-limit-hit")
    world.reacts["service.reset_failed"] = lambda _call: world.start()
    world.needless = {"service.start"}
    await run(world)
    assert world.conclusion is not None
    assert world.conclusion.outcome is Outcome.RESOLVED
    assert world.changed == ["service.reset_failed", "service.start"]
    assert world.undone == []


async def test_a_repair_of_which_nothing_ran_is_no_repair() -> None:
    world = World()
    world.stop()
    world.needless = {"service.start"}
    await run(world)
    assert world.conclusion is not None
    assert world.conclusion.outcome is Outcome.ESCALATED


async def test_a_host_held_by_another_execution_is_left_alone() -> None:
    world = World()
    world.stop()
    world.lease_free = False
    ending = await run(world)
    assert ending.outcome is Outcome.ESCALATED
    assert world.changed == []


async def test_a_replay_asks_for_the_same_keys() -> None:
    first, second = World(), World()
    for world in (first, second):
        world.stop()
        starts(world)
        await run(world)
    assert first.keys == second.keys


@pytest.mark.parametrize("step", list(Step))
def test_the_graph_has_exactly_the_moves_of_the_table(step: Step) -> None:
    drawn = build(World(), LIMITS).get_graph()
    edges = {e.target for e in drawn.edges if e.source == step.value} - {"__end__"}
    assert edges == {move.value for move in STEP_MOVES[step]}
