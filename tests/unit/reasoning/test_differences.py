"""Processes that run away, and what changed that only the ticket speaks of: what is proposed."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import asked_of
from app.domain.probe import ProbeResult
from app.host import checks, kept, load
from app.host.view import HostView
from app.knowledge.library import Library
from app.reasoning.builtin import BuiltinReasoner
from app.reasoning.differences import only_thing, set_otherwise_asks, themed
from app.reasoning.host_case import HostCase
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    HOST,
    NOW,
    case,
    facts_of,
    file,
    manifest_now,
    nginx,
    tickets,
)

LIBRARY = Library.load()
UP = [nginx(), tickets()]
TIMER = "/etc/systemd/system/rates.timer"
ZONE = "/etc/localtime"
ROOT = "/usr/local/share/ca-certificates/own.crt"


async def judge(given: Case, text: str, *, asks_of_the_only_thing: bool = False) -> Assessment:
    incident = given.incident.model_copy(update={"short_description": text})
    given = given.model_copy(update={"incident": incident})
    own = HostCase(given, "alpha")
    changed = [c for those in themed(own).values() for c in those]
    alone = only_thing(own) if asks_of_the_only_thing else ()
    view = HostView(HOST, given.evidence)
    probes = [*kept.probes_of(HOST, changed), *alone, *checks.declared(view)]
    red = [
        ProbeResult(
            probe=p, ok=False, error="check", detail="x", taken_at=NOW, simulated=False,
            evidence_id=901,
        )
        for p in probes
        if (checks.judge(p, view) or (False, ""))[0] is False
    ]  # fmt: skip
    given = given.model_copy(update={"probes": (*given.probes, *red)})
    return await BuiltinReasoner(LIBRARY).assess(given)


def drifted(*paths: str, now: dict[str, str] | None = None, **more: Any) -> Case:
    """Paths that had another content while the host was healthy."""
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, persons__list={})
    facts |= {name.replace("__", "."): value for name, value in more.items()}
    kept = tuple(file(path, "e" * 64) for path in paths)
    facts["baseline.manifest"] = manifest_now(*kept)
    for path in paths:
        text = (now or {}).get(path, "")
        facts[f"file.diff path={path} sha256={'a' * 64}"] = {
            "path": path, "sha256_then": "a" * 64, "sha256_now": "e" * 64, "diff": text,
            "comments": [text] if text else [],
        }  # fmt: skip
    given = case(facts, status=200)
    (known,) = given.baselines
    then = known.manifest.model_copy(
        update={"files": (*known.manifest.files, *(file(path) for path in paths))}
    )
    return given.model_copy(update={"baselines": (known.model_copy(update={"manifest": then}),)})


def steps(judged: Assessment) -> list[str]:
    assert judged.repair is not None, judged.statement
    return [s.action for s in judged.repair.steps]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (TIMER, "exchange rates are stale", ["file.restore", "daemon.reload", "service.restart"]),
        (ZONE, "stamps are two hours late", ["file.restore"]),
        (ROOT, "the certificate of the bank is not trusted", ["file.restore", "trust.update"]),
        ("/etc/cron.d/bills", "no bills today", ["file.restore"]),
    ],
)
async def test_what_the_ticket_is_about_is_put_back(
    path: str, text: str, expected: list[str]
) -> None:
    judged = await judge(drifted(path), text)
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged) == expected
    assert judged.repair is not None
    assert judged.repair.requires_person is None
    assert path in judged.hypotheses[0].text


STARTUP = "/home/pack/.bashrc"


@pytest.mark.parametrize(
    "text", ["sftp of the pack account breaks: Connection closed", "no sheets"]
)
async def test_what_a_shell_reads_in_a_home_is_put_back_unread(text: str) -> None:
    """Also where the ticket speaks of something else, as the one thing that is not as it was."""
    judged = await judge(drifted(STARTUP), text)
    assert "file.diff" not in {call.action for call in judged.wanted}
    if "sftp" in text:
        assert steps(judged) == ["startup.restore"], judged.statement
    assert STARTUP in judged.statement


@pytest.mark.parametrize("stands", [True, False])
async def test_a_timer_that_could_not_start_its_job_is_started_again(*, stands: bool) -> None:
    job = cases.unit("rates.service", "inactive", "dead", type="oneshot",
                     fragment_path="/etc/systemd/system/rates.service",
                     triggered_by=["rates.timer"])  # fmt: skip
    given = drifted(job["fragment_path"], **facts_of([*UP, job], HEALTHY_LISTENERS))
    down = ProbeResult(
        probe=asked_of(HOST, "runs", "rates.timer"), ok=stands, error=None if stands else "check",
        detail="rates.timer is inactive", taken_at=NOW, simulated=False, evidence_id=902,
    )  # fmt: skip
    given = given.model_copy(update={"probes": (*given.probes, down)})
    judged = await judge(given, "the job rates fetches nothing")
    assert steps(judged) == [
        "file.restore", "daemon.reload", *([] if stands else ["service.restart"])
    ]  # fmt: skip


async def test_a_change_that_the_ticket_does_not_speak_of_is_told_and_left() -> None:
    judged = await judge(drifted(TIMER), "pages are slow")
    assert judged.advice is Advice.HAND_OVER
    assert TIMER in judged.statement


async def test_another_release_is_told_where_users_are_served() -> None:
    """A ticket about what comes and goes is no false alarm where another release runs since."""
    link = "/opt/tickets/current"
    given = drifted()
    (known,) = given.baselines
    then = file(link, None, kind="symlink", target="releases/7")
    now = file(link, None, kind="symlink", target="releases/8")
    files = (*known.manifest.files, then)
    known = known.model_copy(
        update={"manifest": known.manifest.model_copy(update={"files": files})}
    )
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, persons__list={})
    facts["baseline.manifest"] = manifest_now(now)
    update = {"baselines": (known,), "evidence": cases.evidence(facts)}
    judged = await judge(given.model_copy(update=update), "now and then an error page")
    assert judged.advice is Advice.HAND_OVER
    assert "releases/8, and led to releases/7" in judged.statement


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("nobody can place orders since nine", Advice.HAND_OVER),
        ("attachments cannot be sent", Advice.HAND_OVER),
        ("web check timed out twice last night", Advice.NO_FAULT),
    ],
)
async def test_what_people_do_and_nobody_repeats_is_no_false_alarm(
    text: str, advice: Advice
) -> None:
    judged = await judge(drifted(), text)
    assert judged.advice is advice, judged.statement


SITE = "/etc/nginx/conf.d/tickets.conf"
SMALLER = "--- a\n+++ b\n@@ -3 +3 @@\n-  client_max_body_size 20m;\n+  client_max_body_size 1m;\n"


async def test_a_changed_setting_that_decides_what_the_ticket_is_about_is_put_back() -> None:
    given = drifted(SITE, now={SITE: SMALLER})
    asked = set_otherwise_asks(HostCase(given, "alpha"))
    assert [(call.action, call.params["path"]) for call in asked] == [("file.diff", SITE)]
    judged = await judge(given, "attachments of my tickets are not taken any more")
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged)[0] == "file.restore"
    assert SITE in judged.hypotheses[0].text


@pytest.mark.parametrize(
    ("text", "diff"),
    [
        ("tickets are listed in the wrong order", SMALLER),
        ("attachments of my tickets are not taken any more", "-  gzip on;\n+  gzip off;\n"),
        ("attachments are not taken any more", SMALLER + "+# CHG-4711: smaller on purpose\n"),
    ],
)
async def test_a_changed_setting_is_left_that_has_a_reason_or_decides_something_else(
    text: str, diff: str
) -> None:
    judged = await judge(drifted(SITE, now={SITE: diff}), text)
    assert judged.advice is Advice.HAND_OVER
    assert judged.repair is None


VAGUE = "Trouble on alpha. See the subject."
HANDS = "-  keepalive_timeout 65;\n+  keepalive_timeout 0;\n"


async def test_the_one_thing_that_changed_is_put_back_once_a_person_says_it_is_meant() -> None:
    able = nginx(can_reload=True)
    given = drifted(SITE, now={SITE: HANDS}, **facts_of([able, tickets()], HEALTHY_LISTENERS))
    judged = await judge(given, VAGUE, asks_of_the_only_thing=True)
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged) == ["file.restore", "service.reload"]
    assert judged.repair is not None
    assert judged.repair.requires_person is not None
    assert "only a person can say" in judged.repair.requires_person
    assert (
        f"{SITE} on alpha (content) is the one thing that was changed" in judged.hypotheses[0].text
    )


@pytest.mark.parametrize(
    ("diff", "persons"),
    [(HANDS + "+# CHG-4711: on purpose\n", {}), (HANDS, {"logged_in": ["lee pts/0 09:00"]})],
)
async def test_nor_is_a_person_asked_where_there_is_a_reason_or_somebody_at_work(
    diff: str, persons: dict[str, Any]
) -> None:
    given = drifted(SITE, now={SITE: diff}, persons__list=persons)
    judged = await judge(given, VAGUE, asks_of_the_only_thing=True)
    assert judged.advice is Advice.HAND_OVER
    assert judged.repair is None


@pytest.mark.parametrize(
    "paths",
    [(SITE, TIMER), ("/usr/local/lib/tickets/app.py",), ("/srv/tickets/index.html",)],
    ids=["two things", "a program", "content"],
)
def test_what_is_not_the_only_thing_or_configures_nothing_is_only_told(
    paths: tuple[str, ...],
) -> None:
    assert only_thing(HostCase(drifted(*paths), "alpha")) == ()


async def test_a_change_with_a_reason_is_left() -> None:
    judged = await judge(drifted(ZONE, now={ZONE: "# CHG-4711: moved"}), "stamps are hours late")
    assert judged.advice is Advice.HAND_OVER
    assert "CHG-4711" in judged.statement


async def test_two_changes_that_the_ticket_may_be_about_are_a_persons() -> None:
    judged = await judge(drifted(TIMER, "/etc/cron.d/bills"), "rates are stale, so are the bills")
    assert judged.repair is None
    assert judged.hypotheses[0].confidence < 0.6


async def test_who_may_log_in_is_read_at_each_login_and_nothing_is_reloaded_for_it() -> None:
    path = "/etc/ssh/sshd_config.d/10-own.conf"
    daemon = cases.unit("ssh.service", can_reload=True)
    given = drifted(path, **facts_of([*UP, daemon], HEALTHY_LISTENERS))
    judged = await judge(given, "ssh login fails")
    assert steps(judged) == ["access.restore"]


async def test_who_may_log_in_is_for_people_to_decide() -> None:
    given = drifted()
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, persons__list={})
    facts["baseline.manifest"] = manifest_now(file("/etc/nologin", "d" * 64))
    facts["config.read path=/etc/nologin"] = {
        "path": "/etc/nologin", "text": "back soon", "sha256": "d" * 64, "owner": "root",
        "group": "root", "mode": "0644",
    }  # fmt: skip
    given = given.model_copy(update={"evidence": cases.evidence(facts)})
    judged = await judge(given, "nobody can log in")
    assert steps(judged) == ["file.remove"]
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


def busy(**more: Any) -> dict[str, Any]:
    shape = {"pid": 700, "ppid": 1, "user": "kim", "command": "spin((", "seconds": 900}
    shape |= {
        "start_time": 99,
        "busy_percent": 48.0,
        "demand_percent": 98.0,
        "lifetime_percent": 97.0,
        "stray": True,
    }
    return {"processors": 2, "busy_percent": 99.0, "processes": [shape | more]}


@pytest.mark.parametrize(
    ("persons", "asked"),
    [
        ({}, False),
        ({"logged_in": ["lee pts/0 2026-01-01 09:00"]}, False),
        ({"logged_in": ["kim pts/0 2026-01-01 09:00"]}, True),
        ({"notes": {"/etc/motd": "spin(( computes the year's figures, please let it run"}}, True),
    ],
)
async def test_what_a_login_left_running_is_ended(persons: dict[str, Any], asked: bool) -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}) | {"persons.list": persons}
    facts[load.ASKED] = busy()
    judged = await judge(case(facts, status=200), "HostHighCpuLoad alpha")
    assert steps(judged) == ["process.terminate_stray"]
    assert judged.repair is not None
    assert (judged.repair.requires_person is not None) is asked


async def test_a_job_at_work_is_no_fault_and_is_named() -> None:
    packs = cases.unit("pack.service", "activating", "start", type="oneshot",
                       triggered_by=["pack.timer"])  # fmt: skip
    facts = facts_of([*UP, packs], HEALTHY_LISTENERS, firewall__show={}, persons__list={})
    facts[load.ASKED] = busy(command="zip", unit="pack.service", stray=False)
    judged = await judge(case(facts, status=200), "HostHighCpuLoad alpha")
    assert judged.advice is Advice.NO_FAULT
    assert "pack.service" in judged.statement
    assert "zip" in judged.statement


def test_only_files_that_changed_and_their_units_are_touched() -> None:
    given = drifted("/etc/nginx/conf.d/tickets.conf")
    (known,) = given.baselines
    gone = file("/run/user/1000", None, kind="directory", mode="0700")
    then = known.manifest.model_copy(update={"files": (*known.manifest.files, gone)})
    known = known.model_copy(update={"manifest": then})
    own = HostCase(given.model_copy(update={"baselines": (known,)}), "alpha")
    assert own.touched == {"/etc/nginx/conf.d/tickets.conf", "nginx.service"}


async def test_a_job_that_ran_with_what_was_changed_is_run_again_once_a_person_agrees() -> None:
    script = "/opt/tolls/bin/settle"
    job = cases.unit(
        "tolls-settle.service", "inactive", "dead", type="oneshot", exec_start=[script, "--all"],
        triggered_by=["tolls-settle.timer"],
    )  # fmt: skip
    given = drifted(script, **facts_of([*UP, job], HEALTHY_LISTENERS))
    judged = await judge(given, "the settle run of tolls says it is done and books nothing")
    assert steps(judged) == ["file.restore", "job.run"]
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert (await judge(given, "pages are slow")).repair is None


async def test_a_script_that_cron_runs_is_put_back() -> None:
    script = "/srv/bills/send.sh"
    tables = {"tables": [{"path": "/etc/cron.d/bills", "jobs": 1, "programs": [script]}]}
    judged = await judge(drifted(script, cron__tables=tables), "no bills came by mail today")
    assert steps(judged) == ["file.restore"]


def test_what_a_changed_table_of_cron_runs_is_touched_and_its_lock_too() -> None:
    script, table, lock = "/srv/bills/send.sh", "/etc/cron.d/bills", "/srv/bills/lock"
    tables = {"tables": [{"path": table, "jobs": 1, "programs": [script]}]}
    held = {"path": lock, "script": script, "job": table, "kind": "file"}
    given = drifted(table, cron__tables=tables, jobs__scripts={"scripts": [], "locks": [held]})
    assert {table, script, lock} <= HostCase(given, "alpha").touched
    assert not {script, lock} & HostCase(drifted(ZONE, cron__tables=tables), "alpha").touched
