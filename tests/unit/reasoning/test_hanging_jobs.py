"""A job that is at work, and does nothing for longer than its timer's period."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.probe import ProbeResult
from app.host import checks, failed_jobs
from app.host.view import HostView
from app.reasoning.port import Assessment
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HOST, NOW, evidence, facts_of, unit
from tests.unit.reasoning.test_builtin import asked, judge, steps

JOB = unit("pull.service", "activating", "start", type="oneshot", triggered_by=["pull.timer"])


def progress(**more: Any) -> dict[str, Any]:
    shape = {
        "unit": "pull.service", "at_work": True, "seconds": 400.0, "idle": True,
        "commands": ["curl", "pull.sh"], "peers": ["198.51.100.4:443 (estab)"],
        "timer": "pull.timer", "period_seconds": 60.0,
    }  # fmt: skip
    return shape | more


async def judged(**more: Any) -> Assessment:
    persons = more.pop("persons", {})
    facts = facts_of([JOB], [], persons__list=persons)
    facts |= asked(JOB) | {"job.progress unit=pull.service": progress(**more)}
    (probe,) = failed_jobs.stuck(HostView(HOST, evidence(facts)), None)
    red = ProbeResult(
        probe=probe, ok=False, error="check", detail="does nothing", taken_at=NOW, simulated=False,
        evidence_id=900,
    )  # fmt: skip
    return await judge(cases.case(facts, round=2).model_copy(update={"probes": (red,)}))


def test_the_check_tells_who_hangs_from_who_works() -> None:
    def said(**more: Any) -> checks.Said | None:
        facts = facts_of([JOB], []) | {"job.progress unit=pull.service": progress(**more)}
        view = HostView(HOST, evidence(facts))
        (probe,) = failed_jobs.stuck(view, None)
        assert checks.calls(probe, "alpha")[0].label() == "job.progress unit=pull.service on alpha"
        return checks.judge(probe, view)

    found = said()
    assert found is not None
    assert found[0] is False
    assert "at work for 400 s, doing nothing (pull.timer is to run it every 60 s)" in found[1]
    assert (said(idle=False) or (False,))[0] is True


async def test_a_job_at_work_that_is_in_question_is_watched() -> None:
    facts = facts_of([JOB], [], persons__list={}) | asked(JOB)
    (probe,) = failed_jobs.stuck(HostView(HOST, evidence(facts)), None)
    red = ProbeResult(
        probe=probe, ok=False, error="check", taken_at=NOW, simulated=False, evidence_id=900
    )
    found = await judge(cases.case(facts, round=2).model_copy(update={"probes": (red,)}))
    assert "job.progress" in {call.action for call in found.wanted}


async def test_a_run_that_hangs_is_ended_and_the_job_is_run_anew() -> None:
    found = await judged()
    assert steps(found) == ["service.stop unit=pull.service", "job.run unit=pull.service"]
    assert found.repair is not None
    assert found.repair.requires_person is None
    assert "curl, pull.sh, connected to 198.51.100.4:443 (estab)" in found.statement


@pytest.mark.parametrize(
    "more",
    [
        {"persons": {"logged_in": ["kim pts/0"]}},
        {"timer": None, "period_seconds": None, "seconds": 9000.0},  # how often it is to run
    ],
)
async def test_where_somebody_may_know_better_a_person_is_asked(more: dict[str, Any]) -> None:
    found = await judged(**more)
    assert found.repair is not None
    assert "pull.service has half done" in str(found.repair.requires_person)


@pytest.mark.parametrize("more", [{"idle": False}, {"seconds": 100.0}])
async def test_who_works_is_left_to_it(more: dict[str, Any]) -> None:
    assert (await judged(**more)).repair is None
