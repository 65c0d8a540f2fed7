"""Files that programs refuse because others may use them, and jobs that fail."""

from __future__ import annotations

from typing import Any

import pytest

from app.reasoning.port import Advice, Case
from tests.unit.reasoning.cases import HEALTHY_LISTENERS, case, facts_of, nginx, tickets
from tests.unit.reasoning.test_builtin import asked, judge, steps

KEY = "/etc/tickets/own.key"


def refused(line: str, mode: str) -> Case:
    down = tickets("failed", "failed", result="exit-code")
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1], persons__list={})
    facts |= asked(nginx(), down, log={"tickets.service": [line]})
    facts[f"file.state path={KEY}"] = {"path": KEY, "kind": "file", "mode": mode, "owner": "root"}
    return case(facts, status=502, round=2)


@pytest.mark.parametrize(
    ("line", "mode", "wanted"),
    [
        (f'FATAL: private key file "{KEY}" has group or world access', "0644", "0600"),
        (f"WARNING: {KEY}: UNPROTECTED PRIVATE KEY FILE, it is ignored", "0640", "0600"),
        (f"World-writable config file '{KEY}' is ignored", "0666", "0644"),
    ],
)
async def test_what_others_may_do_with_it_is_taken_from_them(
    line: str, mode: str, wanted: str
) -> None:
    judged = await judge(refused(line, mode))
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged)[0] == f"file.set_mode mode={wanted} path={KEY}"
    assert "service.start unit=tickets.service" in steps(judged)


@pytest.mark.parametrize(
    ("line", "mode"),
    [
        (f'FATAL: private key file "{KEY}" has group or world access', "0600"),  # not any more
        (f"cannot read {KEY}: it is no key", "0644"),
    ],
)
async def test_a_file_that_is_closed_or_refused_for_another_reason_is_let_be(
    line: str, mode: str
) -> None:
    judged = await judge(refused(line, mode))
    assert judged.repair is None or not steps(judged)[0].startswith("file.set_mode")


async def test_a_job_that_fails_is_handed_over_with_its_own_words() -> None:
    job: dict[str, Any] = tickets("failed", "failed", result="exit-code", type="oneshot")
    facts = facts_of([nginx(), job], HEALTHY_LISTENERS[:1], persons__list={})
    facts |= asked(nginx(), job, log={"tickets.service": ["a hold forbids to remove any"]})
    judged = await judge(case(facts, status=502, round=2))
    assert judged.advice is Advice.HAND_OVER
    assert "a hold forbids to remove any" in judged.statement


@pytest.mark.parametrize(
    ("line", "mode"),
    [
        ("FATAL: password authentication failed for user t", "login-refused"),
        ("ImportError: libq.so.5: cannot open shared object file", "library-broken"),
        ("sudo: a password is required", "sudo-refused"),
        ("accept() failed: Too many open files", "open-files-used-up"),
        ("A process of this unit has been killed by the OOM killer.", "killed-for-memory"),
    ],
)
async def test_what_a_log_says_outright_is_told_where_nothing_changed(line: str, mode: str) -> None:
    facts = facts_of([nginx(), tickets()], HEALTHY_LISTENERS, persons__list={})
    facts |= asked(nginx(), tickets(), log={"tickets.service": [line]})
    facts["http.local url=http://127.0.0.1:9100/ host_header=tickets.example"] = {
        "url": "http://127.0.0.1:9100/", "status": 500,
    }  # fmt: skip
    judged = await judge(case(facts, status=500, round=2))
    assert mode in {h.mode for h in judged.hypotheses}
    assert judged.repair is None
