"""Who uses the processors: what nobody waits for, what is a job at work, what is neither."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import Host
from app.host import checks, load
from app.host.view import HostView
from tests.unit.reasoning.cases import evidence, unit

HOST = Host(name="alpha", address="192.0.2.7", services=("ledger",))
PACKER = unit("pack.service", "activating", "start", type="oneshot", triggered_by=["pack.timer"])


def process(**more: Any) -> dict[str, Any]:
    shape = {"pid": 700, "ppid": 1, "user": "kim", "command": "spin", "seconds": 900}
    shape |= {
        "start_time": 99,
        "busy_percent": 48.0,
        "demand_percent": 98.0,
        "lifetime_percent": 97.0,
    }
    return shape | {"unit": "session-4.scope", "stray": True} | more


def view(*processes: dict[str, Any], units: tuple[dict[str, Any], ...] = ()) -> HostView:
    busy = {"processors": 2, "busy_percent": 99.0, "processes": list(processes)}
    return HostView(HOST, evidence({load.ASKED: busy, "units.show": {"units": list(units)}}))


def held(now: HostView) -> bool | None:
    (check,) = [p for p in checks.learned(view()) if p.check == load.CHECK]
    judged = checks.judge(check, now)
    return None if judged is None else judged[0]


@pytest.mark.parametrize(
    ("one", "well"),
    [
        (process(), False),
        (process(stray=False), True),  # somebody waits for it, or a unit answers for it
        (process(busy_percent=4.0), True),
        (process(demand_percent=20.0), True),
        (process(lifetime_percent=3.0), True),  # busy this second, and not before
    ],
)
def test_only_what_a_login_left_and_uses_up_a_processor_runs_away(
    one: dict[str, Any], well: bool
) -> None:
    assert held(view(one)) is well


def test_what_was_not_looked_at_is_not_judged_and_not_learned() -> None:
    nothing = HostView(HOST, ())
    assert held(nothing) is None
    assert load.CHECK not in {p.check for p in checks.learned(nothing)}
    assert load.CHECK not in {p.check for p in checks.declared(nothing)}


def test_what_ran_away_while_the_host_was_called_healthy_is_no_check() -> None:
    assert load.CHECK not in {p.check for p in checks.learned(view(process()))}


@pytest.mark.parametrize(
    ("one", "job"),
    [
        (process(command="pack", unit="pack.service", stray=False), "pack.service"),
        (process(command="sweep", unit="cron.service", stray=False), "cron.service"),
        (process(command="ledger", unit="ledger.service", stray=False), None),
        (
            process(command="pack", unit="pack.service", stray=False, busy_percent=2.0),
            "pack.service",
        ),
        (process(command="sweep", unit="cron.service", stray=False, busy_percent=2.0), None),
    ],
)
def test_a_job_is_what_a_timer_or_cron_started(one: dict[str, Any], job: str | None) -> None:
    packs = PACKER if job == "pack.service" else PACKER | {"active_state": "inactive"}
    now = view(one, units=(packs, unit("ledger.service")))
    assert [name for name, _ in load.jobs(now)] == ([] if job is None else [job])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[firing:1] hosthighcpuload alpha", True),
        ("load average of 14 on alpha", True),
        ("everything is slow today", True),
        ("cannot download the price list", False),
        ("disk full", False),
    ],
)
def test_a_ticket_about_load(text: str, meant: bool) -> None:
    assert bool(load.ABOUT_LOAD.search(text)) is meant
