"""A change that shuts the agent out of a real host, which takes it back by itself."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator

import pytest

from app.domain.action import ActionCall, Params
from app.execution.ports import ReceiptState, Watch
from tests.lab.one_host import CATALOG, Lab, lab_of

HOST = "web01"
CHAIN: Params = {"family": "inet", "table": "filter", "chain": "input"}
PATIENCE = 120.0
"""Seconds until the host has waited in vain for the agent and taken the change back."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lab_of(HOST) as one:
        yield one


def rules(lab: Lab) -> list[str]:
    """The rules of the chain in their order, without their numbers."""
    listed = lab.estate.machines[HOST].look("nft", "list", "chain", *map(str, CHAIN.values()))
    return [line.strip() for line in listed.stdout.splitlines()]


def number_of(lab: Lab, said: str) -> int:
    listed = lab.estate.machines[HOST].look("nft", "-a", "list", "chain", *map(str, CHAIN.values()))
    (found,) = (line for line in listed.stdout.splitlines() if said in line)
    match = re.search(r"# handle (\d+)$", found)
    assert match is not None
    return int(match[1])


async def removed(lab: Lab, said: str, intent: str) -> tuple[ReceiptState, Watch]:
    """Remove the rule that says this, as the product does what may cut it off."""
    host = lab.inventory.get(HOST)
    place = {**CHAIN, "handle": number_of(lab, said)}
    asked = ActionCall(action="firewall.rule", host=HOST, params=place)
    (seen,) = await lab.hosts.observe(host, [asked])
    params = {**place, "sha256": str(seen.facts["sha256"])}
    call = ActionCall(action="firewall.remove_rule", host=HOST, params=params)
    undo = CATALOG.undo(call, {"before": seen.facts}, host).calls
    receipt = await lab.hosts.change(host, call, intent_id=intent, fence=1, undo=undo)
    return receipt.state, receipt.watch


async def outcome(lab: Lab, intent: str) -> Watch:
    """What the host says became of it, once the agent is let in again."""
    host, deadline = lab.inventory.get(HOST), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        told = await lab.hosts.receipt(host, intent)
        if told.watch not in (Watch.NONE, Watch.WAITING):
            return told.watch
        await asyncio.sleep(0.5)  # a host that cannot be reached tells nobody anything
    raise AssertionError("the host never told what became of it")


def test_who_is_shut_out_is_let_in_again_by_the_host_itself(lab: Lab) -> None:
    before = rules(lab)
    ran, watch = lab.runner.run(removed(lab, "tcp dport 22", "shut-out"))
    assert (ran, watch) == (ReceiptState.ENDED, Watch.WAITING)
    assert rules(lab) != before
    unheard = lab.runner.run(lab.hosts.confirm(lab.inventory.get(HOST), "shut-out"))
    assert unheard.state is ReceiptState.UNREACHABLE, "the agent got in all the same"
    assert lab.runner.run(outcome(lab, "shut-out")) is Watch.TAKEN_BACK
    assert rules(lab) == before


def test_what_leaves_the_agent_its_way_in_is_kept(lab: Lab) -> None:
    before = rules(lab)
    said = next(line for line in before if "dport" in line and "22" not in line)
    lab.runner.run(removed(lab, said, "kept"))
    heard = lab.runner.run(lab.hosts.confirm(lab.inventory.get(HOST), "kept"))
    assert heard.watch in (Watch.KEPT, Watch.WAITING)
    assert lab.runner.run(outcome(lab, "kept")) is Watch.KEPT
    assert rules(lab) == [line for line in before if line != said]
