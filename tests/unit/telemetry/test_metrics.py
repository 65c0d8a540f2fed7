"""Each metric has its line in the manual; a failing database leaves the process's own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.audit.checks import Verified
from app.audit.figures import Aged, Figures, Waiting
from app.audit.lasting_figures import BOUNDS, Counted, Spread
from app.errors import DatabaseNotReady
from app.telemetry.metrics import About, Metrics, exposition, families

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
LINE = re.compile(r"^\| `(sre_agent_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
ABOUT = About(
    version="1.2.3",
    simulated=False,
    autonomy_level="L2",
    worker_alive=True,
    hosts=frozenset({"alpha"}),
)
SPREAD = Spread(labels=("resolved", "false"), at_most=(1,) * len(BOUNDS), count=2, seconds=9e4)
FIGURES = Figures(
    executions=(Counted(labels=("running", "false"), count=3),),
    ended=(Counted(labels=("resolved", "true"), count=4),),
    seconds_to_end=(SPREAD,),
    seconds_to_healthy=(SPREAD.model_copy(update={"labels": ("false",)}),),
    queue=Waiting(count=1, oldest_seconds=2.5),
    approvals=(Counted(labels=("pending",), count=1),),
    approvals_pending=Waiting(count=1, oldest_seconds=90.0),
    actions=(Counted(labels=("undo", "file.restore", "completed", "false"), count=1),),
    denials=(Counted(labels=("budget", "false"), count=1),),
    verifications=(Counted(labels=("healed", "false"), count=1),),
    intents=(Counted(labels=("unknown",), count=1),),
    intents_oldest_seconds=7.0,
    workers_alive=2,
    leases_held=1,
    baselines=(
        Aged(labels=("alpha", "false"), seconds=60.0),
        Aged(labels=("left-the-inventory", "false"), seconds=60.0),
    ),
    outbox=(Counted(labels=("parked",), count=1),),
    outbox_waiting=Waiting(count=2, oldest_seconds=30.0),
    outbox_stuck=1,
    alerts_open=(Counted(labels=("worker-lost",), count=1),),
    notices_failing=1,
    audit=Verified(entries=9, to=8, wrong=1, passed_seconds_ago=3.5),
)


def text_of(figures: Figures | None) -> str:
    return exposition(figures, ABOUT, 0.01).decode()


def described() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every metric of ours: the name as queries use it, its type, its labels."""
    for family in families(FIGURES, ABOUT, 0.01):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        # a custom family keeps its labels in an attribute that its type does not declare
        yield name, family.type, tuple(getattr(family, "_labelnames", ()))


def test_every_metric_has_its_line_with_type_and_labels() -> None:
    found = LINE.findall(PAGE.read_text(encoding="utf-8"))
    told = [(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in found]
    assert sorted(told) == sorted(described())


def test_ours_carry_one_prefix_and_what_is_the_processs_own_says_so() -> None:
    names = {name for name, _, _ in described()}
    assert all(name.startswith("sre_agent_") for name in names)
    own = {family.name for family in families(None, ABOUT, 0.01)} - {
        "sre_agent_build_info",
        "sre_agent_database_up",
    }
    assert own
    assert all(name.startswith("sre_agent_process_") for name in own)


def test_values_stand_where_they_belong() -> None:
    text = text_of(FIGURES)
    for line in (
        'sre_agent_executions{simulated="false",status="running"} 3.0',
        'sre_agent_executions{simulated="false",status="failed"} 0.0',
        'sre_agent_executions_ended_total{outcome="resolved",simulated="true"} 4.0',
        'sre_agent_executions_ended_total{outcome="resolved",simulated="false"} 0.0',
        'sre_agent_healthy_seconds_bucket{le="60.0",simulated="false"} 1.0',
        'sre_agent_healthy_seconds_bucket{le="+Inf",simulated="false"} 2.0',
        "sre_agent_approvals_oldest_seconds 90.0",
        'sre_agent_alerts_open{kind="worker-lost"} 1.0',
        "sre_agent_audit_verified_entries 8.0",
        "sre_agent_audit_wrong 1.0",
        'sre_agent_build_info{autonomy_level="L2",mode="real",version="1.2.3"} 1.0',
    ):
        assert f"{line}\n" in text


def test_an_audit_that_nobody_has_verified_yet_is_not_told_to_hold() -> None:
    unknown = Verified(entries=9, to=None, wrong=None, passed_seconds_ago=None)
    text = text_of(FIGURES.model_copy(update={"audit": unknown}))
    assert "sre_agent_audit_entries 9.0\n" in text
    assert "sre_agent_audit_wrong " not in text
    assert "sre_agent_audit_passed_seconds " not in text


def test_only_hosts_of_the_inventory_become_labels() -> None:
    assert 'host="alpha"' in text_of(FIGURES)
    assert "left-the-inventory" not in text_of(FIGURES)


def test_without_a_database_the_process_still_speaks() -> None:
    text = text_of(None)
    assert "sre_agent_database_up 0.0\n" in text
    assert "sre_agent_process_worker_alive 1.0\n" in text
    assert "sre_agent_executions" not in text


async def test_many_scrapes_are_one_look_until_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    async def measure() -> Figures:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return FIGURES

    metrics = Metrics(measure, lambda: ABOUT)
    monkeypatch.setattr("app.telemetry.metrics.KEPT_SECONDS", 3600.0)
    await asyncio.gather(*(metrics.text() for _ in range(20)))
    assert looks == 1
    monkeypatch.setattr("app.telemetry.metrics.KEPT_SECONDS", 0.0)
    monkeypatch.setattr("app.telemetry.metrics.KEPT_TIMES", 0)
    old = Metrics(measure, lambda: ABOUT)
    for _ in range(2):
        await old.text()
    assert looks == 3


async def test_a_look_that_fails_leaves_the_process_and_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.telemetry.metrics.KEPT_SECONDS", 0.0)
    monkeypatch.setattr("app.telemetry.metrics.KEPT_TIMES", 0)
    away = True

    async def measure() -> Figures:
        if away:
            raise DatabaseNotReady("It is away.")
        return FIGURES

    metrics = Metrics(measure, lambda: ABOUT)
    assert b"sre_agent_database_up 0.0" in await metrics.text()
    away = False
    assert b"sre_agent_database_up 1.0" in await metrics.text()
