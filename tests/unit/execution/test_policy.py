"""The policy: total, in doubt no, and every gate says why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.action import ActionCall, Plan
from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.verdict import Decision, Verdict
from app.errors import PolicyFileError
from app.execution.catalog import Catalog
from app.execution.policy import decide, plan_hash
from app.execution.policy_context import Grant, PastChange, PolicyContext
from app.execution.policy_file import Budgets, PolicyFile
from app.settings import AutonomyLevel, Settings

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
CATALOG = Catalog.load()
WEB = Host(name="web", address="10.0.0.1", services=("nginx",), depends_on=("db",), groups=("g",))
DB = Host(name="db", address="10.0.0.2", services=("postgresql",))
OTHER = Host(name="other", address="10.0.0.3", services=("nginx",))
PROBE = Probe(name="http web /", kind=ProbeKind.HTTP, address="10.0.0.1", port=80)
START = ActionCall(action="service.start", host="web", params={"unit": "nginx.service"})
RESTART = START.model_copy(update={"action": "service.restart"})
VACUUM = ActionCall(action="journal.vacuum", host="web", params={"megabytes": 100})


def evidence(number: int, action: str = "unit.show", **more: Any) -> Evidence:
    shape: dict[str, Any] = {
        "id": number, "host": "web", "action": action, "ok": True,
        "taken_at": NOW - timedelta(seconds=10), "simulated": False,
    }  # fmt: skip
    return Evidence.model_validate(shape | more)


def probed(**more: Any) -> ProbeResult:
    shape: dict[str, Any] = {"probe": PROBE, "ok": False, "taken_at": NOW, "simulated": False}
    return ProbeResult.model_validate(shape | more)


def plan(*steps: ActionCall, **more: Any) -> Plan:
    shape: dict[str, Any] = {
        "execution_id": 1, "host": "web", "cause": "c", "cause_text": "nginx is down",
        "confidence": 0.9, "steps": steps or (START,), "evidence_ids": (1, 2),
        "red_probes": (PROBE,),
    }  # fmt: skip
    return Plan.model_validate(shape | more)


def context(**more: Any) -> PolicyContext:
    shape: dict[str, Any] = {
        "catalog": CATALOG, "hosts": {h.name: h for h in (WEB, DB, OTHER)}, "incident_host": "web",
        "live": True, "level": AutonomyLevel.L4, "now": NOW, "probes": (probed(),),
        "evidence": (evidence(1), evidence(2, "sockets.listening")),
    }  # fmt: skip
    return PolicyContext(**(shape | more))


def ruled(found: Decision) -> tuple[Verdict, str]:
    return found.verdict, found.rule


def test_a_well_founded_repair_is_allowed() -> None:
    found = decide(plan(), context())
    assert ruled(found) == (Verdict.ALLOW, "autonomy")
    assert (found.level, found.risk, found.approvals_needed) == ("L4", "R1", 0)


@pytest.mark.parametrize(
    ("level", "step", "verdict"),
    [
        (AutonomyLevel.L0, START, Verdict.DENY),
        (AutonomyLevel.L1, START, Verdict.DENY),
        (AutonomyLevel.L2, START, Verdict.NEEDS_APPROVAL),
        (AutonomyLevel.L3, START, Verdict.ALLOW),
        (AutonomyLevel.L3, RESTART, Verdict.NEEDS_APPROVAL),
        (AutonomyLevel.L3, VACUUM, Verdict.NEEDS_APPROVAL),
        (AutonomyLevel.L4, RESTART, Verdict.ALLOW),
        (AutonomyLevel.L4, VACUUM, Verdict.ALLOW),
    ],
)
def test_levels(level: AutonomyLevel, step: ActionCall, verdict: Verdict) -> None:
    found = decide(plan(step), context(level=level))
    assert found.verdict is verdict
    assert found.approvals_needed == (1 if verdict is Verdict.NEEDS_APPROVAL else 0)


def test_the_lowest_cap_counts_and_is_named() -> None:
    for policy, name in (
        (PolicyFile(hosts={"web": AutonomyLevel.L2}), "hosts.web"),
        (PolicyFile(groups={"g": AutonomyLevel.L2}), "groups.g"),
        (PolicyFile(actions={"service.start": AutonomyLevel.L2}), "actions.service.start"),
        (PolicyFile(sources={"servicenow": AutonomyLevel.L2}), "sources.servicenow"),
        (PolicyFile(autonomy_level=AutonomyLevel.L2), "the policy's autonomy_level"),
    ):
        found = decide(plan(), context(policy=policy))
        assert ruled(found) == (Verdict.NEEDS_APPROVAL, "autonomy")
        assert name in found.reasons[0]


def test_how_a_source_proved_itself_lowers_the_level_and_never_raises_it() -> None:
    capped = decide(plan(), context(source="mail", source_cap=AutonomyLevel.L1))
    assert (capped.verdict, capped.level) == (Verdict.DENY, "L1")
    assert "how mail proved itself" in capped.reasons[0]
    low = context(level=AutonomyLevel.L2, source_cap=AutonomyLevel.L4)
    assert decide(plan(), low).level == "L2"


def test_real_hosts_are_never_simulated_and_simulated_never_real() -> None:
    assert decide(plan(), context(level=AutonomyLevel.L0)).verdict is Verdict.DENY
    replayed = context(
        live=False,
        level=AutonomyLevel.L0,
        evidence=(evidence(1, simulated=True), evidence(2, "nginx.test", simulated=True)),
        probes=(probed(simulated=True),),
    )
    found = decide(plan(), replayed)
    assert (found.verdict, found.rule, found.level) == (Verdict.ALLOW, "simulation", "L0")
    mixed = replayed.model_copy(update={"live": True, "level": AutonomyLevel.L4})
    assert ruled(decide(plan(), mixed)) == (Verdict.DENY, "evidence")


def test_the_kill_switch_stops_everything() -> None:
    grant = Grant(proposal=plan().proposal(), approvers=("a", "b"), expires_at=NOW.replace(hour=13))
    found = decide(plan(), context(kill_switch=True, grant=grant))
    assert ruled(found) == (Verdict.DENY, "kill-switch")


@pytest.mark.parametrize(
    "changed",
    [
        {"probes": ()},
        {"probes": (probed(ok=True),)},
        {"probes": (probed(taken_at=NOW - timedelta(minutes=10)),)},
        {"probes": (probed(probe=PROBE.model_copy(update={"name": "another"})),)},
        {"evidence": ()},
        {"evidence": (evidence(7), evidence(8, "nginx.test"))},
        {"evidence": (evidence(1, ok=False), evidence(2, "nginx.test", ok=False))},
        {"evidence": (evidence(1, "journal.unit"), evidence(2, "log.tail"))},
        {"evidence": (evidence(1, taken_at=NOW - timedelta(hours=1)),)},
    ],
)
def test_without_evidence_nothing_is_changed_whoever_agrees(changed: dict[str, Any]) -> None:
    grant = Grant(proposal=plan().proposal(), approvers=("a", "b"), expires_at=NOW.replace(hour=13))
    found = decide(plan(), context(grant=grant, **changed))
    assert ruled(found) == (Verdict.DENY, "evidence")


def test_no_red_probe_no_change() -> None:
    assert ruled(decide(plan(red_probes=()), context())) == (Verdict.DENY, "evidence")


def test_hosts_found_only_in_output_are_never_touched() -> None:
    there = START.model_copy(update={"host": "other"})
    found = decide(plan(there, host="other"), context())
    assert ruled(found) == (Verdict.DENY, "host")
    on_db = ActionCall(
        action="service.start", host="db", params={"unit": "postgresql@15-main.service"}
    )
    assert decide(plan(on_db, host="db"), context()).verdict is Verdict.ALLOW
    assert ruled(decide(plan(on_db), context())) == (Verdict.DENY, "catalog")
    assert ruled(decide(plan(host="nowhere"), context())) == (Verdict.DENY, "host")


@pytest.mark.parametrize(
    "step",
    [
        ActionCall(action="shell", host="web"),
        ActionCall(action="service.start", host="web", params={"unit": "ssh.service"}),
        ActionCall(action="service.start", host="web", params={"unit": "--force"}),
        ActionCall(action="service.start", host="web"),
    ],
)
def test_what_is_not_in_the_catalog_is_forbidden(step: ActionCall) -> None:
    for more in ({}, {"kill_switch": True}):
        assert decide(plan(START, step), context(**more)).verdict is Verdict.DENY


def past(call: ActionCall, minutes: float, **more: Any) -> PastChange:
    return PastChange(call=call, at=NOW - timedelta(minutes=minutes), **more)


def test_a_third_start_in_an_hour_asks_a_person() -> None:
    twice = context(past_changes=(past(START, 50), past(RESTART, 20)))
    found = decide(plan(), twice)
    assert ruled(found) == (Verdict.NEEDS_APPROVAL, "flap-guard")
    elsewhere = past(START.model_copy(update={"host": "other"}), 5)
    calm = context(past_changes=(past(START, 61), past(RESTART, 20), elsewhere))
    assert decide(plan(), calm).verdict is Verdict.ALLOW


def test_limits_count_the_plans_own_steps_too() -> None:
    found = decide(plan(RESTART, RESTART, RESTART), context())
    assert ruled(found) == (Verdict.NEEDS_APPROVAL, "budget")
    small = PolicyFile(budgets=Budgets(changes_per_host_per_hour=1))
    assert decide(plan(), context(policy=small)).verdict is Verdict.ALLOW
    made = context(policy=small, past_changes=(past(VACUUM, 5),))
    assert decide(plan(), made).rule == "budget"


def test_two_repairs_that_did_not_heal_open_the_breaker() -> None:
    failed = (past(RESTART, 600, verified=False), past(RESTART, 500, verified=False))
    assert decide(plan(RESTART), context(past_changes=failed)).rule == "breaker"
    healed = (*failed, past(RESTART, 400, verified=True))
    assert decide(plan(RESTART), context(past_changes=healed)).verdict is Verdict.ALLOW


def test_a_failure_mode_may_ask_whatever_the_level() -> None:
    found = decide(plan(requires_person="a change number stands on it"), context())
    assert ruled(found) == (Verdict.NEEDS_APPROVAL, "person")
    assert found.reasons == ("a change number stands on it",)


def test_the_catalog_may_ask_whatever_the_level() -> None:
    """Also for one step among others, and whatever brought it into the plan."""
    path = {"path": "/etc/nginx/nginx.conf", "frozen": "no"}
    thaw = ActionCall(action="file.set_frozen", host="web", params=path)
    found = decide(plan(START, thaw), context())
    assert ruled(found) == (Verdict.NEEDS_APPROVAL, "person")
    assert "frozen" in found.reasons[0]


def granted(**more: Any) -> PolicyContext:
    shape: dict[str, Any] = {
        "proposal": plan().proposal(), "approvers": ("alice",), "expires_at": NOW.replace(hour=13),
    }  # fmt: skip
    return context(level=AutonomyLevel.L2, grant=Grant(**(shape | more)))


def test_a_persons_yes_carries_for_exactly_this() -> None:
    found = decide(plan(), granted())
    assert ruled(found) == (Verdict.ALLOW, "approval")
    assert "alice" in found.reasons[0]
    assert decide(plan(RESTART), granted()).verdict is Verdict.NEEDS_APPROVAL
    assert decide(plan(), granted(expires_at=NOW)).verdict is Verdict.NEEDS_APPROVAL
    assert decide(plan(), granted(approvers=())).verdict is Verdict.NEEDS_APPROVAL
    own = granted().model_copy(update={"requested_by": "alice"})
    assert decide(plan(), own).verdict is Verdict.NEEDS_APPROVAL


def test_a_yes_does_not_lift_what_is_denied() -> None:
    low = granted().model_copy(update={"level": AutonomyLevel.L1})
    assert ruled(decide(plan(), low)) == (Verdict.DENY, "autonomy")


def test_the_plan_hash_changes_with_everything_it_binds() -> None:
    same: dict[str, Any] = {
        "argv": (("a",),), "host_key_fingerprint": "k", "catalog_digest": "c", "before": {"x": "1"},
    }  # fmt: skip
    first = plan_hash(plan(), **same)
    assert plan_hash(plan(), **same) == first
    changes: tuple[dict[str, Any], ...] = (
        {"argv": (("b",),)}, {"host_key_fingerprint": "l"}, {"catalog_digest": "d"},
        {"before": {"x": "2"}}, {"before": {}},
    )  # fmt: skip
    for changed in changes:
        assert plan_hash(plan(), **(same | changed)) != first
    for other in (plan(RESTART), plan(execution_id=2), plan(cause="d"), plan(START, START)):
        assert plan_hash(other, **same) != first


TEXTS = st.text(max_size=12)


@given(
    action=st.one_of(st.sampled_from(sorted(CATALOG.actions)), TEXTS),
    host=st.one_of(st.sampled_from(["web", "db", "other"]), TEXTS),
    params=st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers()), max_size=3),
    level=st.sampled_from(AutonomyLevel),
    live=st.booleans(),
)
def test_every_plan_gets_the_same_decision_twice(
    action: str, host: str, params: dict[str, str | int], level: AutonomyLevel, live: bool
) -> None:
    step = ActionCall(action=action, host=host, params=params)
    told = context(level=level, live=live)
    first = decide(plan(step, host=host), told)
    assert decide(plan(step, host=host), told) == first
    known = action in CATALOG.actions and host in ("web", "db")
    assert known or first.verdict is Verdict.DENY


def test_the_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    for text, complaint in (
        ("autonomy: L4", "autonomy"),
        ("autonomy_level: L9", "autonomy_level"),
        ("actions: {rm: L4}", "rm"),
        ("approvers: {alice: short}", "shorter"),
        ("approver_subjects: {mallory: '7'}", "mallory, who is no approver"),
        ("approvers: {alice: aaaaaaaaaaaaaaaaaaaa, bob: aaaaaaaaaaaaaaaaaaaa}", "same token"),
        ("[", "read"),
        ("- x", "the file"),
    ):
        path.write_text(text)
        with pytest.raises(PolicyFileError, match=complaint):
            PolicyFile.load(path)


def test_the_global_level() -> None:
    def level(policy: PolicyFile, **settings: Any) -> AutonomyLevel:
        return policy.base_level(Settings(_env_file=None, **settings))

    file = PolicyFile(autonomy_level=AutonomyLevel.L4)
    assert level(file) is AutonomyLevel.L0, "simulation is the default, whatever the file says"
    assert level(file, enable_real_ssh=True) is AutonomyLevel.L4
    assert level(PolicyFile(), enable_real_ssh=True) is AutonomyLevel.L2
    lower = level(file, enable_real_ssh=True, autonomy_level=AutonomyLevel.L1)
    assert lower is AutonomyLevel.L1


# --- windows, freezes, fleets --------------------------------------------------------------------


def calendar(**keys: Any) -> PolicyFile:
    return PolicyFile.model_validate(keys)


@pytest.mark.parametrize(
    ("window", "is_open"),
    [
        ({"from": "08:00", "until": "18:00"}, True),
        ({"from": "13:00", "until": "18:00"}, False),
        ({"from": "12:00", "until": "12:30"}, True),
        ({"from": "11:00", "until": "12:00"}, False),  # the end is not part of it
        ({"from": "08:00", "until": "18:00", "days": ["fri"]}, False),
        ({"from": "22:00", "until": "13:00"}, True),  # over midnight, begun on Wednesday
        ({"from": "22:00", "until": "13:00", "days": ["wed"]}, True),
        ({"from": "22:00", "until": "13:00", "days": ["thu"]}, False),
        ({"from": "00:00", "until": "00:00", "days": ["thu"]}, True),  # all day
        ({"from": "20:00", "until": "22:00", "zone": "Asia/Tokyo"}, True),  # 21:00 there
        ({"from": "20:00", "until": "22:00", "hosts": ["other"]}, True),  # not about this host
        ({"from": "20:00", "until": "22:00", "groups": ["g"]}, False),
    ],
)
def test_outside_of_every_window_a_person_is_asked(window: dict[str, Any], is_open: bool) -> None:
    found = decide(plan(), context(policy=calendar(windows=[window])))
    expected = (Verdict.ALLOW, "autonomy") if is_open else (Verdict.NEEDS_APPROVAL, "change-window")
    assert ruled(found) == expected


def test_one_open_window_is_enough() -> None:
    windows = [{"from": "20:00", "until": "22:00"}, {"from": "11:00", "until": "13:00"}]
    assert decide(plan(), context(policy=calendar(windows=windows))).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("freeze", "verdict"),
    [
        ({}, Verdict.NEEDS_APPROVAL),
        ({"forbids": True}, Verdict.DENY),
        ({"hosts": ["db"]}, Verdict.ALLOW),
        ({"groups": ["g"]}, Verdict.NEEDS_APPROVAL),
        ({"until": "2026-01-01T12:00:00+00:00"}, Verdict.ALLOW),  # just over
    ],
)
def test_a_freeze_asks_or_forbids(freeze: dict[str, Any], verdict: Verdict) -> None:
    shape = {
        "from": "2025-12-20T00:00:00+01:00",
        "until": "2026-01-02T00:00:00+01:00",
        "why": "the year's end",
    }
    found = decide(plan(), context(policy=calendar(freezes=[shape | freeze])))
    assert found.verdict is verdict
    assert verdict is Verdict.ALLOW or "the year's end" in found.reasons[0]


def test_during_a_freeze_a_person_may_let_it_be_done() -> None:
    shape = {"from": "2025-12-20T00:00:00Z", "until": "2026-01-02T00:00:00Z", "why": "x"}
    wanted = plan()
    yes = Grant(
        proposal=wanted.proposal(), approvers=("alice",), expires_at=NOW + timedelta(hours=1)
    )
    given = context(policy=calendar(freezes=[shape]), grant=yes)
    assert ruled(decide(wanted, given)) == (Verdict.ALLOW, "approval")
    forbidden = calendar(freezes=[shape | {"forbids": True}])
    assert decide(wanted, context(policy=forbidden, grant=yes)).verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("windows", [{"from": "8", "until": "18:00"}], "windows"),
        ("windows", [{"from": "08:00", "until": "18:00", "zone": "Mars/North"}], "time zone"),
        ("windows", [{"from": "08:00", "until": "18:00", "day": ["mon"]}], "day"),
        ("windows", [{"from": "08:00", "until": "18:00", "days": []}], "days"),
        ("freezes", [{"from": "2026-01-02T00:00:00", "until": "2026-01-03T00:00:00Z", "why": "x"}],
         "freezes"),
        ("freezes", [{"from": "2026-01-03T00:00:00Z", "until": "2026-01-02T00:00:00Z", "why": "x"}],
         "must come after"),
    ],
)  # fmt: skip
def test_a_calendar_that_cannot_be_meant_is_refused(
    key: str, value: object, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(json.dumps({key: value}))  # JSON is YAML
    with pytest.raises(PolicyFileError, match=told):
        PolicyFile.load(file)


def done_on(*names: str, action: str = "service.start", **more: Any) -> tuple[PastChange, ...]:
    call = START.model_copy(update={"action": action})
    return tuple(
        PastChange(
            call=call.model_copy(update={"host": name}), at=NOW - timedelta(minutes=5), **more
        )
        for name in names
    )


def test_the_same_change_on_many_hosts_is_held() -> None:
    two, three = done_on("a", "b", verified=True), done_on("a", "b", "c", verified=True)
    assert decide(plan(), context(past_changes=two)).verdict is Verdict.ALLOW
    held = decide(plan(), context(past_changes=three))
    assert ruled(held) == (Verdict.NEEDS_APPROVAL, "fleet-guard")
    assert "3 other hosts (a, b, c)" in held.reasons[0]
    here = done_on("web", "web", "a", verified=True)  # the flap guard's, not the fleet's
    assert decide(plan(), context(past_changes=here)).rule == "flap-guard"
    wide = calendar(fleet={"same_change_hosts": 10})
    assert decide(plan(), context(past_changes=three, policy=wide)).verdict is Verdict.ALLOW


def test_of_a_group_one_host_is_disturbed_first() -> None:
    mate = OTHER.model_copy(update={"name": "mate", "groups": ("g",)})
    hosts = {h.name: h for h in (WEB, DB, OTHER, mate)}
    running = done_on("mate", action="service.restart")
    held = decide(plan(RESTART), context(hosts=hosts, past_changes=running))
    assert ruled(held) == (Verdict.NEEDS_APPROVAL, "canary")
    proven = done_on("mate", action="service.restart", verified=True)
    assert decide(plan(RESTART), context(hosts=hosts, past_changes=proven)).verdict is Verdict.ALLOW
    elsewhere = done_on("other", action="service.restart")  # of no group of ours
    found = decide(plan(RESTART), context(hosts=hosts, past_changes=elsewhere))
    assert found.verdict is Verdict.ALLOW
    mild = done_on("mate")
    assert decide(plan(), context(hosts=hosts, past_changes=mild)).verdict is Verdict.ALLOW
