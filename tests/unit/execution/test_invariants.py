"""What must hold of the hands whatever comes in: the policy, the catalog and the host's gate."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.action import ActionCall, Plan
from app.domain.verdict import Verdict
from app.errors import ActionRejected
from app.execution.enrolment import gate_config
from app.execution.entry import PLACEHOLDER
from app.execution.gate.refusal import Refused
from app.execution.gate.request import Call, Config, admit, parse
from app.execution.policy import decide, plan_hash
from app.execution.policy_context import Grant
from app.settings import AutonomyLevel
from tests.unit.execution.test_policy import (
    CATALOG,
    NOW,
    RESTART,
    START,
    VACUUM,
    WEB,
    context,
    evidence,
    plan,
    probed,
)

ENTRIES = sorted(CATALOG.actions.values(), key=lambda entry: entry.id)
_MADE = gate_config(WEB, CATALOG)
GATE = Config(**{name: _MADE[name] for name in Config._fields})

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
VALUES = (
    st.text(max_size=40)
    | st.integers()
    | st.sampled_from(
        ["nginx.service", "-n", "--root=/tmp", "/etc/nginx/nginx.conf", "/etc/shadow", "a b",
         "a\nb", "$(id)", "ssh.service", "../x", "0" * 64, "0644", "web", "eth0",
         "127.0.0.1", "x;id"]
    )
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> ActionCall:
    """A call of some entry: an example's parameters, some of them something else."""
    entry = draw(st.sampled_from(ENTRIES))
    params: dict[str, Any] = dict(draw(st.sampled_from(entry.examples.match)))
    for name in draw(st.sets(st.sampled_from(sorted(entry.params)))) if entry.params else ():
        params[name] = draw(VALUES)
    return ActionCall(action=entry.id, host="web", params=params)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_bytes_that_are_no_request_for_this_catalog_are_refused(text: bytes) -> None:
    with pytest.raises(Refused):
        parse(text, GATE)


def answered(asked: dict[str, Any], *, changes: bool) -> object:
    try:
        return admit(asked, GATE, changes=changes)
    except Refused as refused:
        return refused.code, refused.reason


@given(
    asked=st.dictionaries(st.sampled_from(["action", "params", "timeout", "x"]), JSON),
    changes=st.booleans(),
)
def test_whatever_is_asked_the_gate_says_the_same_twice(
    asked: dict[str, Any], changes: bool
) -> None:
    first = answered(asked, changes=changes)
    assert first == answered(asked, changes=changes)
    assert not isinstance(first, Call), "no action has such a name"


@settings(max_examples=300)
@given(calls())
def test_gate_and_controller_agree(call: ActionCall) -> None:
    changes = CATALOG.entry(call.action).changes
    try:
        admitted = admit({"action": call.action, "params": call.params}, GATE, changes=changes)
    except Refused:
        assert not CATALOG.accepts(call, WEB)
        return
    assert CATALOG.accepts(call, WEB)
    if not CATALOG.entry(call.action).builtin:
        assert admitted.argv == CATALOG.render(call)


@settings(max_examples=300)
@given(calls())
def test_what_is_run_is_the_catalogs_but_for_its_typed_places(call: ActionCall) -> None:
    """No word more, none split, none an option: each is the entry's, a value in its place apart."""
    entry = CATALOG.entry(call.action)
    try:
        CATALOG.check(call, WEB)
    except ActionRejected:
        return
    rendered = CATALOG.render(call)
    if entry.builtin:
        assert rendered[:2] == ("gate", call.action)
        return
    assert len(rendered) == len(entry.argv)
    for word, template in zip(rendered, entry.argv, strict=True):
        pieces = PLACEHOLDER.split(template)
        if len(pieces) == 1:
            assert word == template
        elif not pieces[0]:  # a value stands alone: it can be no option
            assert not word.startswith("-")
        else:
            assert word.startswith(pieces[0])
        assert word.isprintable()
        assert " " not in word.removeprefix(pieces[0])


@given(
    action=st.text(max_size=30).filter(lambda name: name not in CATALOG.actions),
    host=st.sampled_from(["web", "db", "other"]),
    level=st.sampled_from(AutonomyLevel),
)
def test_what_is_unknown_is_denied_whoever_agreed(
    action: str, host: str, level: AutonomyLevel
) -> None:
    unknown = plan(ActionCall(action=action, host=host, params={}), host=host)
    grant = Grant(
        proposal=unknown.proposal(), approvers=("ann", "bob"), expires_at=NOW + timedelta(hours=1)
    )
    assert decide(unknown, context(level=level, grant=grant)).verdict is Verdict.DENY


PLANS = st.builds(
    lambda steps, execution, cause: plan(*steps, execution_id=execution, cause=cause),
    st.lists(st.sampled_from([START, RESTART, VACUUM]), min_size=1, max_size=3),
    st.integers(1, 4),
    st.sampled_from(["c", "d"]),
)
BOUND: dict[str, st.SearchStrategy[Any]] = {
    "argv": st.lists(st.tuples(st.sampled_from(["a", "b"])), max_size=2).map(tuple),
    "host_key_fingerprint": st.sampled_from(["", "k", "l"]),
    "catalog_digest": st.sampled_from(["c", "d"]),
    "before": st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"])),
}


def _proposal(one: Plan) -> tuple[Any, ...]:
    return (one.proposal(), [step.model_dump() for step in one.steps])


@given(PLANS, st.fixed_dictionaries(BOUND), PLANS, st.fixed_dictionaries(BOUND))
def test_a_plan_s_hash_is_the_same_for_the_same_alone(
    first: Plan, with_first: dict[str, Any], second: Plan, with_second: dict[str, Any]
) -> None:
    same = (_proposal(first), with_first) == (_proposal(second), with_second)
    hashes = plan_hash(first, **with_first), plan_hash(second, **with_second)
    assert (hashes[0] == hashes[1]) is same


@given(PLANS, PLANS, st.sets(st.sampled_from(["ann", "bob", "cid"])),
       st.none() | st.sampled_from(["ann", "bob"]), st.integers(-60, 60))  # fmt: skip
def test_a_yes_is_for_one_proposal_for_a_time_and_never_ones_own(
    asked: Plan, agreed: Plan, people: set[str], requested_by: str | None, seconds: int
) -> None:
    grant = Grant(
        proposal=agreed.proposal(),
        approvers=tuple(sorted(people)),
        expires_at=NOW + timedelta(seconds=seconds),
    )
    told = context(level=AutonomyLevel.L2, grant=grant, requested_by=requested_by)
    without = decide(asked, told.model_copy(update={"grant": None}))
    found = decide(asked, told)
    if without.verdict is Verdict.DENY:
        assert found.verdict is Verdict.DENY, "a yes lifts nothing that is denied"
        return
    others = people - {requested_by}
    carries = (
        asked.proposal() == agreed.proposal()
        and seconds > 0
        and len(others) >= without.approvals_needed
    )
    assert (found.verdict is Verdict.ALLOW) is (without.verdict is Verdict.ALLOW or carries)


@given(
    probe=st.booleans(),
    seen=st.tuples(st.booleans(), st.booleans()),
    level=st.sampled_from(AutonomyLevel),
)
def test_on_a_real_host_nothing_simulated_counts(
    probe: bool, seen: tuple[bool, bool], level: AutonomyLevel
) -> None:
    """The decision is what it would be had nobody seen what was only simulated."""
    probes = (probed(simulated=probe),)
    found = tuple(
        evidence(number, action, simulated=simulated)
        for number, action, simulated in zip(
            (1, 2), ("unit.show", "sockets.listening"), seen, strict=True
        )
    )
    told = decide(plan(), context(level=level, probes=probes, evidence=found))
    real = context(
        level=level,
        probes=tuple(one for one in probes if not one.simulated),
        evidence=tuple(one for one in found if not one.simulated),
    )
    assert told == decide(plan(), real)
    if probe or all(seen):
        assert told.verdict is Verdict.DENY
