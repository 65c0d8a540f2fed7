"""Which questions are asked of a host before anything is believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.action import ActionCall, Plan
from app.domain.execution import Outcome, Step
from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.verdict import Decision, Verdict
from app.host import failed_jobs
from app.host.baseline import Baseline
from app.host.checks import answer
from app.host.view import HostView
from app.services.asking import (
    AGREED_SECONDS,
    CALM_SECONDS,
    FLAPPING_SECONDS,
    hosts_behind,
    user_probes,
)
from app.services.ports import EndingKind
from app.services.self_healing_sre_agent import run_execution
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    HOST,
    PROBE,
    baseline,
    case,
    evidence,
    facts_of,
    file,
    listener,
    manifest_now,
    nginx,
    tickets,
)
from tests.unit.services import world as told
from tests.unit.services.test_workflow import LIMITS
from tests.unit.services.world import GRANT, World


def test_what_was_learned_while_healthy_is_asked() -> None:
    given = case(facts_of([nginx(), tickets()], HEALTHY_LISTENERS), status=200)
    assert user_probes(given) == (PROBE,)


def test_what_was_refused_while_healthy_too_is_nobodys_loss() -> None:
    given = case(facts_of([nginx(), tickets()], HEALTHY_LISTENERS), status=503)
    (known,) = given.baselines
    mute = known.model_copy(update={"probes": ()})
    assert user_probes(given.model_copy(update={"baselines": (mute,)})) == ()


def test_without_a_baseline_they_are_derived() -> None:
    given = case(facts_of([nginx(), tickets()], HEALTHY_LISTENERS), status=503, with_baseline=False)
    assert PROBE.name in {p.name for p in user_probes(given)}


@pytest.mark.parametrize(
    ("told", "asked"),
    [("browsers say that it is not private", True), ("the page is slow", False)],
)
def test_a_certificate_is_asked_for_where_the_ticket_is_about_it(told: str, asked: bool) -> None:
    sites = {"servers": [{"file": "/etc/nginx/x.conf", "line": 1, "names": ["own.example"],
                          "listens": ["443 ssl"], "ports": [443], "tls_ports": [443]}]}  # fmt: skip
    facts = facts_of([nginx()], [listener(443, "nginx.service", "nginx")], nginx__dump=sites)
    given = case(facts, status=200, with_baseline=False)
    incident = given.incident.model_copy(update={"short_description": told})
    probes = user_probes(given.model_copy(update={"incident": incident}))
    assert any(p.kind is ProbeKind.TLS for p in probes) is asked


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("https://alpha:6443/ has a certificate that is not trusted", {6443}),
        ("https://alpha:6443/ is slow", set()),
        ("http://alpha:6480/ has a certificate that is not trusted", set()),
    ],
)
def test_a_certificate_is_asked_for_at_the_address_that_the_ticket_names(
    told: str, asked: set[int]
) -> None:
    facts = facts_of([nginx()], [listener(6443, "balance.service", "balance")])
    given = case(facts, status=200, with_baseline=False)
    incident = given.incident.model_copy(update={"short_description": told})
    probes = user_probes(given.model_copy(update={"incident": incident}))
    assert {p.port for p in probes if p.kind is ProbeKind.TLS} == asked


BACK = Host(name="beta", address="192.0.2.8")
NAMES = Host(name="gamma", address="192.0.2.9")


@pytest.mark.parametrize(
    ("approved_for", "kind", "expected"),
    [
        (None, ProbeKind.TCP, ("beta",)),
        (None, ProbeKind.HTTP, ()),  # its pages may fail through ours
        ("gamma", ProbeKind.TCP, ("gamma",)),
        ("alpha", ProbeKind.TCP, ()),
    ],
)
def test_which_other_hosts_are_looked_at_at_once(
    approved_for: str | None, kind: ProbeKind, expected: tuple[str, ...]
) -> None:
    """Those that suffer; after a person's yes only the one that it is for."""
    given = case(facts_of([nginx(), tickets()], HEALTHY_LISTENERS), status=503)
    (own,) = given.probes
    named = {"name": "of beta", "address": BACK.address, "kind": kind}
    theirs = own.model_copy(update={"probe": own.probe.model_copy(update=named)})
    front = HOST.model_copy(update={"depends_on": ("beta", "gamma")})
    related = {"host": front, "hosts": (front, BACK, NAMES)}
    given = given.model_copy(update=related | {"probes": (own, theirs)})
    grant = None if approved_for is None else GRANT.model_copy(update={"host": approved_for})
    assert tuple(host.name for host in hosts_behind(given, grant)) == expected


class Needed(World):
    """The host is needed by another, whose users are refused, or served."""

    def __init__(self, *, served: bool) -> None:
        super().__init__()
        self.served = served
        page = told.PROBE.model_copy(update={"name": "page of delta", "address": "192.0.2.44"})
        self.front = Host(name="delta", address="192.0.2.44", depends_on=("alpha",), probes=(page,))

    async def hosts(self, key: str, host: str) -> tuple[Host, ...]:
        return (*await super().hosts(key, host), self.front)

    def _asked(self, probe: Probe) -> ProbeResult:
        found = super()._asked(probe)
        refused = probe.address == self.front.address and not self.served
        return found.model_copy(update={"ok": False, "error": "refused"} if refused else {})


@pytest.mark.parametrize("served", [True, False])
async def test_who_depends_on_a_host_tells_what_it_is_to_its_users(*, served: bool) -> None:
    world = Needed(served=served)
    ending = await run_execution(world, world.given(), LIMITS)
    assert (ending.outcome is Outcome.NO_FAULT) is served
    assert not world.changed, "another host's trouble changes nothing here"


class Amiss(Needed):
    """What the host tells of itself is amiss; none of its own users can be asked."""

    async def hosts(self, key: str, host: str) -> tuple[Host, ...]:
        check = told.PROBE.model_copy(update={"name": "check of alpha", "kind": ProbeKind.HOST})
        here, *others = await super().hosts(key, host)
        return (here.model_copy(update={"probes": (check,)}), *others)


async def test_users_of_others_are_asked_too_where_a_host_only_says_that_it_is_amiss() -> None:
    world = Amiss(served=False)
    world.stop()
    await run_execution(world, world.given(), LIMITS)
    assert "analyze-1.needing" in world.keys


class JobAtWork(World):
    """A job is at work when the host is looked at, and then ends."""

    def __init__(self, active: str, result: str) -> None:
        super().__init__()
        self.units["tolls.service"] = told.unit("tolls.service", "activating", "start",
                                                type="oneshot")  # fmt: skip
        self.ended = told.unit("tolls.service", active, "dead", result, type="oneshot")
        self.doubted: list[str] = []  # jobs of which it was asked whether they get anywhere

    async def watch(
        self, key: str, step: Step, probes: Sequence[Probe], why: str, **pace: Any
    ) -> tuple[ProbeResult, ...]:
        if any(probe.check == failed_jobs.AT_REST for probe in probes):
            self.units["tolls.service"] = self.ended
        return await super().watch(key, step, probes, why, **pace)

    def _asked(self, probe: Probe) -> ProbeResult:
        found = super()._asked(probe)
        self.doubted += [probe.subject] if probe.check == failed_jobs.MOVES else []
        fails = probe.check == failed_jobs.CHECK and self.ended["active_state"] == "failed"
        return found.model_copy(update={"ok": False, "error": "check"} if fails else {})


@pytest.mark.parametrize(
    ("active", "result", "outcome"),
    [
        ("inactive", "success", Outcome.NO_FAULT),
        ("failed", "exit-code", Outcome.ESCALATED),
    ],
)
async def test_how_a_job_ends_that_is_at_work_is_waited_for(
    active: str, result: str, outcome: Outcome
) -> None:
    """systemd tells nothing of its last end meanwhile, and all looks well."""
    world = JobAtWork(active, result)
    ending = await run_execution(world, world.given(), LIMITS)
    assert ending.outcome is outcome
    waited = [why for step, why in world.watched_in if step is Step.ANALYZE and "jobs end" in why]
    assert waited == ["Do the jobs end that are at work, within 12 seconds?"]
    assert world.doubted == [], "it has ended"


async def test_a_job_that_stays_at_work_is_asked_whether_it_gets_anywhere() -> None:
    world = JobAtWork("activating", "success")
    await run_execution(world, world.given(), LIMITS)
    assert world.doubted == ["tolls.service"]


@pytest.mark.parametrize(
    ("told", "agreed", "waits"),
    [
        ("the site is flapping", False, [FLAPPING_SECONDS]),
        ("the site is flapping", True, [FLAPPING_SECONDS, AGREED_SECONDS]),
        ("no mail", True, [CALM_SECONDS]),
    ],
)
async def test_the_next_failure_of_what_comes_and_goes_is_waited_for(
    told: str, agreed: bool, waits: list[float]
) -> None:
    """Longer where a person agreed to its repair: it is not called a false alarm meanwhile."""
    world = World()
    given = world.given(grant=GRANT if agreed else None)
    incident = given.incident.model_copy(update={"short_description": told})
    await run_execution(world, given.model_copy(update={"incident": incident}), LIMITS)
    assert world.watched == waits


class OneChange(World):
    """Users are served, and one file (or two) is not as it was while the host was healthy."""

    site, other = "/etc/nginx/conf.d/tickets.conf", "/etc/hosts"

    def __init__(self, *changed: str) -> None:
        super().__init__()
        self.agreed = False
        self.differs = set(changed)
        self.reacts["file.restore"] = lambda call: self.differs.discard(str(call.params["path"]))

    async def baseline(self, key: str, host: str) -> Baseline | None:
        await super().baseline(key, host)
        asked = [ActionCall(action=action, host=host) for action in ("units.show", "firewall.show")]
        looked = tuple(self._evidence(call) for call in asked)
        return baseline().model_copy(update={"evidence": looked, "probes": ()})

    async def decide(self, key: str, plan: Plan) -> Decision:
        decision = await super().decide(key, plan)
        if plan.requires_person is None or self.agreed:
            return decision
        return decision.model_copy(update={"verdict": Verdict.NEEDS_APPROVAL})

    def _facts(self, call: ActionCall) -> dict[str, Any] | None:
        now = {path: file(path, "e" * 64) for path in self.differs}
        if call.action == "baseline.manifest":
            return manifest_now(*now.values())
        if call.action == "firewall.show":
            return {"rules": []}
        path = str(call.params.get("path"))
        if call.action == "file.state":
            shown = now.get(path, file(path))
            return shown.model_dump(include={"path", "kind", "owner", "group", "mode", "sha256"})
        if call.action == "file.diff":
            return {"path": path, "sha256_then": "a" * 64, "sha256_now": "e" * 64, "diff": "-a\n+b"}
        return super()._facts(call)

    def _asked(self, probe: Probe) -> ProbeResult:
        if not probe.check:
            return super()._asked(probe)
        path = {"path": probe.subject}
        state = self._facts(ActionCall(action="file.state", host="alpha", params=path))
        seen = HostView(HOST, evidence({f"file.state path={probe.subject}": state}))
        return answer(probe, seen, taken_at=told.START, simulated=False)


@pytest.mark.parametrize("agreed", [False, True])
async def test_whether_the_one_thing_that_changed_is_put_back_is_for_a_person_to_say(
    *, agreed: bool
) -> None:
    world = OneChange(OneChange.site)
    world.agreed = agreed
    ending = await run_execution(world, world.given(grant=GRANT if agreed else None), LIMITS)
    assert world.changed[:1] == (["file.restore"] if agreed else [])
    assert "file.state" not in world.asked, "the check itself has asked"
    if agreed:
        assert ending.outcome is Outcome.RESOLVED
    else:
        assert ending.kind is EndingKind.WAITING_APPROVAL


async def test_what_fails_at_once_is_mended_before_the_next_failure_is_waited_for() -> None:
    """A person agreed to mend what a check finds: nothing comes and goes there."""
    world = OneChange("/etc/ssh/sshd_config")
    world.agreed = True
    given = world.given(grant=GRANT)
    told = {"short_description": "ssh logins fail, some of them sometimes work"}
    incident = given.incident.model_copy(update=told)
    await run_execution(world, given.model_copy(update={"incident": incident}), LIMITS)
    assert world.changed
    assert AGREED_SECONDS not in world.watched


async def test_two_changes_that_the_ticket_does_not_speak_of_are_told_and_left() -> None:
    world = OneChange(OneChange.site, OneChange.other)
    world.agreed = True
    ending = await run_execution(world, world.given(), LIMITS)
    assert ending.outcome is Outcome.ESCALATED
    assert not world.changed
    assert world.conclusion is not None
    assert OneChange.site in world.conclusion.summary + world.conclusion.root_cause


async def test_what_a_ticket_wants_brought_back_is_not_weighed_against_what_changed() -> None:
    world = OneChange(OneChange.site)
    world.agreed = True
    given = world.given()
    told = {"short_description": "please restore the table of orders from the backup"}
    incident = given.incident.model_copy(update=told)
    ending = await run_execution(world, given.model_copy(update={"incident": incident}), LIMITS)
    assert ending.outcome is Outcome.ESCALATED
    assert not world.changed
    assert world.conclusion is not None
    assert "asks for data to be brought back" in world.conclusion.root_cause
    assert OneChange.site in world.conclusion.root_cause, "it may be there, and only not be seen"
