"""Rules that let traffic through and are gone from the running firewall: let run again."""

from __future__ import annotations

from typing import Any

import pytest

from app.reasoning.port import Assessment
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, case, facts_of
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps


def rule(text: str, handle: int = 3, *, ports: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "family": "inet", "table": "edge", "chain": "in", "handle": handle, "text": text,
        "verdict": "accept", "ports": ports,
    } | more  # fmt: skip


LOOPBACK = rule('iifname "lo" accept')
WEB = rule("tcp dport 80 accept", 4, ports=(80,))
SHELL = rule("tcp dport 22 accept", 5, ports=(22,))


async def judged_of(
    lost: list[dict[str, Any]],
    *,
    ran: tuple[dict[str, Any], ...] = (LOOPBACK, WEB, SHELL),
    policy: str = "drop",
    seen_healthy: bool = True,
    is_asked: bool = True,
    **more: Any,
) -> Assessment:
    facts = facts_of(UP, HEALTHY_LISTENERS) | asked(*UP)
    texts = [one["text"] for one in lost]
    facts["firewall.show"] = {"rules": [r for r in ran if r["text"] not in texts]}
    facts["kernel.settings"], facts["network.show"] = {}, {}
    if is_asked:
        facts["firewall.lost"] = {
            "file": "/etc/nftables.conf",
            "lost": [one | {"sha256": "d" * 64, "policy": policy} for one in lost],
        }
    given = case(facts, with_baseline=seen_healthy, **(more or {"error": "timeout"}))
    if seen_healthy:
        (known,) = given.baselines
        then = cases.facts_of(UP, HEALTHY_LISTENERS, firewall__show={"rules": [*ran]})
        known = known.model_copy(update={"evidence": cases.evidence(then)})
        given = given.model_copy(update={"baselines": (known,)})
    return await judge(given)


AGAIN = f"firewall.add_declared chain=in family=inet sha256={'d' * 64} table=edge"


@pytest.mark.parametrize("lost", [[LOOPBACK], [WEB]])
async def test_what_ran_while_healthy_and_stands_in_the_file_runs_again(
    lost: list[dict[str, Any]],
) -> None:
    judged = await judged_of(lost)
    assert steps(judged) == [AGAIN], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert str(lost[0]["text"]) in judged.statement


async def test_a_gateway_that_waits_for_its_own_host() -> None:
    judged = await judged_of([LOOPBACK], status=504)
    assert steps(judged) == [AGAIN], judged.statement


@pytest.mark.parametrize(
    ("lost", "more"),
    [
        ([SHELL], {}),  # about a port that nobody misses
        ([WEB], {"policy": "accept"}),  # the chain lets it through all the same
        ([rule("tcp dport 80 drop", 4, ports=(80,), verdict="drop")], {}),
        ([WEB], {"ran": (LOOPBACK, SHELL)}),  # the file was changed, and nobody loaded it
        ([WEB], {"status": 500}),  # somebody answers
    ],
)
async def test_what_is_no_reason_stays(lost: list[dict[str, Any]], more: dict[str, Any]) -> None:
    judged = await judged_of(lost, **more)
    assert judged.repair is None or AGAIN not in steps(judged)


async def test_where_it_was_never_seen_a_person_agrees() -> None:
    judged = await judged_of([WEB], seen_healthy=False)
    assert judged.repair is None or judged.repair.requires_person


async def test_the_file_is_compared_where_rules_went() -> None:
    judged = await judged_of([WEB], is_asked=False)
    assert "firewall.lost on alpha" in [call.label() for call in judged.wanted]
    judged = await judged_of([], is_asked=False)
    assert "firewall.lost on alpha" not in [call.label() for call in judged.wanted]
