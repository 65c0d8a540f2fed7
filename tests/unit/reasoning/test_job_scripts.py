"""Jobs that pile up, and locks that an ended run left behind: what is done, and what is left."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import asked_of
from app.domain.probe import ProbeResult
from app.host import checks, job_scripts
from app.host.view import HostView
from app.reasoning.port import Advice, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    HOST,
    NOW,
    case,
    facts_of,
    file,
    manifest_now,
)
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps

LOCK = "/srv/ledger/run.lock"


def lock(**more: Any) -> dict[str, Any]:
    shape = {"path": LOCK, "script": "/srv/ledger/close.sh", "job": "/etc/cron.d/ledger",
             "kind": "file", "pid": 4711, "ended": True, "age_seconds": 90_000}  # fmt: skip
    return shape | more


def left(now: dict[str, Any], **persons: Any) -> Case:
    facts = facts_of(UP, HEALTHY_LISTENERS, persons__list=persons, jobs__scripts={"locks": [now]})
    probe = asked_of(HOST, job_scripts.CHECK, LOCK)
    red = ProbeResult(probe=probe, ok=False, error="check", taken_at=NOW, simulated=False)
    return case(facts, status=200).model_copy(update={"probes": (red,)})


def view(now: dict[str, Any]) -> HostView:
    return HostView(HOST, cases.evidence({"jobs.scripts": {"locks": [now]}}))


async def test_a_lock_of_a_dead_process_is_taken_away() -> None:
    judged = await judge(left(lock()))
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged) == [f"lock.remove path={LOCK}"]
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert "4711" in judged.hypotheses[0].text


async def test_one_that_names_nobody_is_for_a_person_to_decide() -> None:
    judged = await judge(left(lock(pid=None, before_boot=True)))
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


@pytest.mark.parametrize("more", [{"running": True}, {"open": True}, {"ended": False}])
async def test_one_that_may_be_somebodys_is_left(more: dict[str, Any]) -> None:
    judged = await judge(left(lock(**more)))
    assert judged.repair is None


async def test_a_note_on_the_host_is_heeded() -> None:
    given = left(lock(), notes={"/etc/motd": f"do not touch {LOCK}"})
    judged = await judge(given)
    assert judged.advice is Advice.HAND_OVER


async def test_a_service_that_its_own_stale_pid_file_keeps_from_starting_is_started() -> None:
    failed = cases.tickets("failed", "failed", result="exit-code", exec_main_status=1)
    reused = lock(job="tickets.service", reused=True, holder="cron")
    facts = facts_of([cases.nginx(), failed], HEALTHY_LISTENERS[:1], persons__list={})
    facts |= asked(cases.nginx(), failed, log={"tickets.service": ["already running, giving up"]})
    given = case(facts, status=502)
    judged = await judge(given)
    assert "jobs.scripts" in {call.action for call in judged.wanted}
    (found,) = cases.evidence({"jobs.scripts": {"locks": [reused]}}, start=400)
    judged = await judge(
        given.model_copy(update={"evidence": (*given.evidence, found), "round": 2})
    )
    assert steps(judged) == [
        f"lock.remove path={LOCK}",
        "service.reset_failed unit=tickets.service",
        "service.start unit=tickets.service",
    ]
    assert "4711, is by now that of cron" in judged.hypotheses[0].text


def test_only_a_lock_that_was_free_while_healthy_is_asked_for() -> None:
    assert [p.subject for p in checks.learned(view(lock(kind="missing", ended=False)))] == [LOCK]
    assert [p.subject for p in checks.learned(view(lock()))] == []
    assert [p.subject for p in checks.declared(view(lock()))] == [LOCK]
    assert [p.subject for p in checks.declared(view(lock(pid=None)))] == []


def test_whether_it_is_free() -> None:
    assert job_scripts.is_free(HostView(HOST, ()), LOCK) is None
    free = job_scripts.is_free(view(lock(kind="missing")), LOCK)
    assert free is not None
    assert free[0] is True
    said = job_scripts.is_free(view(lock()), LOCK)
    assert said is not None
    assert said[0] is False
    assert "4711" in said[1]


SCRIPT, TABLE = "/srv/ledger/close.sh", "/etc/cron.d/ledger"


def piled(runs: int, *, changed: bool = True, of: str = SCRIPT) -> Case:
    script = {"path": SCRIPT, "job": TABLE, "runs": runs, "oldest_seconds": 500}
    facts = facts_of(UP, HEALTHY_LISTENERS, persons__list={}, jobs__scripts={"scripts": [script]})
    table = file(TABLE)
    facts["baseline.manifest"] = manifest_now(file(TABLE, "e" * 64) if changed else table)
    facts[f"file.diff path={TABLE} sha256={table.sha256}"] = {
        "path": TABLE, "sha256_then": "a" * 64, "sha256_now": "e" * 64, "comments": [],
        "diff": f"-*/15 * * * * root {of}\n+* * * * * root {of}\n",
    }  # fmt: skip
    probe = asked_of(HOST, job_scripts.PILES, SCRIPT)
    red = ProbeResult(probe=probe, ok=False, error="check", taken_at=NOW, simulated=False)
    given = case(facts, status=200).model_copy(update={"probes": (red,)})
    (known,) = given.baselines
    then = known.manifest.model_copy(update={"files": (*known.manifest.files, table)})
    return given.model_copy(update={"baselines": (known.model_copy(update={"manifest": then}),)})


async def test_a_job_that_is_started_too_often_since_its_table_changed() -> None:
    judged = await judge(piled(5))
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert judged.repair is not None
    assert [s.action for s in judged.repair.steps] == ["file.restore", "job.end_extra_runs"]
    assert judged.repair.steps[1].params == {"script": SCRIPT}


async def test_a_change_of_another_jobs_line_is_left() -> None:
    assert (await judge(piled(5, of="/opt/else.sh"))).repair is None


async def test_a_job_that_takes_longer_than_it_did_is_left_to_people() -> None:
    judged = await judge(piled(5, changed=False))
    assert judged.advice is Advice.HAND_OVER
    assert SCRIPT in judged.statement


def test_two_runs_may_meet() -> None:
    for runs, alone in ((2, True), (3, False)):
        script = {"path": SCRIPT, "job": TABLE, "runs": runs}
        seen = HostView(HOST, cases.evidence({"jobs.scripts": {"scripts": [script]}}))
        said = job_scripts.runs_alone(seen, SCRIPT)
        assert said is not None
        assert said[0] is alone
