"""The built-in reasoner on faults told in facts: names and values that no mode knows."""

from __future__ import annotations

from typing import Any

import pytest

from app.host import checks
from app.host.network_state import filters_of
from app.host.view import HostView
from app.knowledge.library import Library
from app.reasoning.builtin import BuiltinReasoner
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    ENV,
    HEALTHY_LISTENERS,
    case,
    facts_of,
    file,
    listener,
    manifest_now,
    nginx,
    tickets,
    unit,
)

UP = [nginx(), tickets()]
LIBRARY = Library.load()


async def judge(given: Case) -> Assessment:
    return await BuiltinReasoner(LIBRARY).assess(given)


def asked(*units: dict[str, Any], log: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The closer looks already taken, so that an assessment can be final."""
    facts: dict[str, Any] = {}
    for one in units:
        name = one["name"]
        facts[f"unit.show unit={name}"] = one
        lines = [
            {"template": text, "example": text, "count": 1} for text in (log or {}).get(name, [])
        ]
        facts[f"journal.unit unit={name}"] = {"source": name, "lines": lines}
        facts[f"unit.logs unit={name}"] = {"source": name, "lines": []}
    facts[f"environment.read path={ENV}"] = {"path": ENV}
    return facts


def steps(judged: Assessment) -> list[str]:
    assert judged.repair is not None, judged.statement
    return [s.label().removesuffix(" on alpha") for s in judged.repair.steps]


async def test_nobody_suffers_and_nothing_is_down_is_no_fault() -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={})
    judged = await judge(case(facts, status=200))
    assert judged.advice is Advice.NO_FAULT


RULE = {
    "family": "inet", "table": "edge", "chain": "in", "handle": 9, "verdict": "drop",
    "text": "ip saddr 198.51.100.7 counter drop",
}  # fmt: skip


async def test_where_users_are_served_a_new_rule_for_one_sender_is_told_and_left() -> None:
    given = case(facts_of(UP, HEALTHY_LISTENERS, firewall__show={"rules": [RULE]}), status=200)
    (known,) = given.baselines
    before = cases.evidence({"firewall.show": {}}, start=700)
    known = known.model_copy(update={"evidence": (*known.evidence, *before)})
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    assert judged.advice is Advice.HAND_OVER
    assert "198.51.100.7" in judged.statement
    assert judged.repair is None


LOSSY = RULE | {"text": "tcp sport 80 numgen random mod 100 < 9 drop", "ports": [80]}


@pytest.mark.parametrize(
    ("rule", "known_before", "asked_about"),
    [(LOSSY, False, True), (LOSSY, True, False), (LOSSY | {"verdict": "accept"}, False, False),
     (LOSSY | {"table": "f2b-table", "text": "tcp dport 22 drop"}, False, False)],
)  # fmt: skip
async def test_a_new_rule_that_drops_is_a_question_where_things_do_not_arrive(
    rule: dict[str, Any], known_before: bool, asked_about: bool
) -> None:
    seen = {"rules": [rule]}
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show=seen, persons__list={}) | asked(*UP)
    place = {name: rule[name] for name in ("family", "table", "chain", "handle")}
    given = case(facts, status=200)
    told = given.evidence[-1].model_copy(
        update={"id": 880, "action": "firewall.rule", "params": place,
                "facts": {"kind": "rule", "sha256": "e" * 64}}
    )  # fmt: skip
    given = given.model_copy(update={"evidence": (*given.evidence, told)})
    (known,) = given.baselines
    before = cases.evidence({"firewall.show": seen if known_before else {}}, start=700)
    known = known.model_copy(update={"evidence": (*known.evidence, *before)})
    view = HostView(cases.HOST, given.evidence)
    probes = filters_of(cases.HOST, view, known.view(cases.HOST))
    assert bool(probes) is asked_about
    red = [checks.answer(p, view, taken_at=cases.NOW, simulated=False) for p in probes]
    given = given.model_copy(update={"baselines": (known,), "probes": (*given.probes, *red)})
    judged = await judge(given)
    if asked_about:
        assert steps(judged)[0].startswith("firewall.remove_rule")
    else:
        assert judged.repair is None


@pytest.mark.parametrize(
    ("request_", "advice"),
    [
        ({"method": "POST", "failed": 4, "last_status": 500}, Advice.HAND_OVER),
        ({"method": "POST", "failed": 1, "last_status": 500}, Advice.NO_FAULT),
        ({"method": "POST", "failed": 4, "last_status": 201}, Advice.NO_FAULT),
        ({"method": "GET", "failed": 4, "last_status": 500}, Advice.NO_FAULT),  # was asked: green
    ],
)
async def test_where_users_are_served_requests_that_nobody_can_repeat_are_told(
    request_: dict[str, Any], advice: Advice
) -> None:
    failing = {"path": "/bills", "last_ago": 40, **request_}
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, web__errors={"failing": [failing]})
    judged = await judge(case(facts, status=200))
    assert judged.advice is advice
    assert ("POST /bills" in judged.statement) is (advice is Advice.HAND_OVER)


@pytest.mark.parametrize(
    ("told", "advice"),
    [("pictures cannot be uploaded", Advice.HAND_OVER), ("pages are grey", Advice.NO_FAULT)],
)
async def test_what_is_too_large_is_told_where_the_ticket_is_about_sending(
    told: str, advice: Advice
) -> None:
    failing = {"method": "POST", "path": "/in", "failed": 3, "last_ago": 40, "last_status": 413}
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, web__errors={"failing": [failing]})
    given = case(facts, status=200)
    incident = given.incident.model_copy(update={"short_description": told})
    judged = await judge(given.model_copy(update={"incident": incident}))
    assert judged.advice is advice
    assert ("client_max_body_size" in judged.statement) is (advice is Advice.HAND_OVER)


async def test_where_users_are_served_a_changed_file_is_told_with_its_writers_words() -> None:
    path = "/etc/ssh/sshd_config.d/80-away.conf"
    now = manifest_now(file(path), file("/etc/mtab", "c" * 64))
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, baseline__manifest=now)
    asks = await judge(case(facts, status=200))
    assert [c.label() for c in asks.wanted] == [f"config.read path={path} on alpha"]
    text = {
        "path": path, "text": "# PEO-12: has left\nDenyUsers k.roe\n", "sha256": "b" * 64,
        "owner": "root", "group": "root", "mode": "0644",
    }  # fmt: skip
    judged = await judge(case(facts | {f"config.read path={path}": text}, status=200))
    assert judged.advice is Advice.HAND_OVER
    assert "PEO-12: has left" in judged.statement
    assert "mtab" not in judged.statement


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("please restore last night's dump of the orders table", Advice.HAND_OVER),
        ("someone deleted my files, can you get back the folder", Advice.HAND_OVER),
        ("a node restarted and has recovered by itself", Advice.NO_FAULT),
    ],
)
async def test_who_asks_for_data_to_be_brought_back_is_not_told_that_all_is_well(
    text: str, advice: Advice
) -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, baseline__manifest=manifest_now())
    given = case(facts, status=200)
    incident = given.incident.model_copy(update={"short_description": text, "description": ""})
    judged = await judge(given.model_copy(update={"incident": incident}))
    assert judged.advice is advice, judged.statement


async def test_a_copy_that_is_the_very_file_to_be_brought_back_is_told() -> None:
    path, other = "/srv/copies/last", "/srv/pages/list.json"
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, baseline__manifest=manifest_now())
    given = case(facts, status=200)
    text = f"please restore the file {other} (https://tickets.example/a/b) from {path}."
    incident = given.incident.model_copy(update={"short_description": text, "description": ""})
    given = given.model_copy(update={"incident": incident})
    judged = await judge(given)
    call = f"files.shared other={path} path={other} on alpha"
    assert [one.label() for one in judged.wanted] == [call], judged.statement
    shared = {"path": other, "other": path, "shared": 1, "examples": [other]}
    (told,) = cases.evidence({"files.shared": shared}, start=700)
    told = told.model_copy(update={"params": {"path": other, "other": path}})
    judged = await judge(given.model_copy(update={"evidence": (*given.evidence, told)}))
    assert judged.advice is Advice.HAND_OVER
    assert "same inode" in judged.statement
    assert path in judged.statement


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("ERROR:  invalid page in block 3 of relation base/5/1259", Advice.HAND_OVER),
        ("[ERROR] InnoDB: Database page corruption on disk", Advice.HAND_OVER),
        ("LOG:  checkpoint complete: wrote 3 buffers", Advice.NO_FAULT),
        ("ERROR:  duplicate key value violates a constraint", Advice.NO_FAULT),
    ],
)
async def test_a_database_that_says_its_data_is_damaged_is_no_false_alarm(
    line: str, advice: Advice
) -> None:
    name = "postgresql@15-main.service"
    units = [*UP, cases.unit(name)]
    facts = facts_of(units, HEALTHY_LISTENERS, firewall__show={}, baseline__manifest=manifest_now())
    facts |= asked(cases.unit(name), log={name: [line]})
    given = case(facts, status=200)
    incident = given.incident.model_copy(update={"claimed_service": "postgresql"})
    judged = await judge(given.model_copy(update={"incident": incident}))
    assert judged.advice is advice, judged.statement
    assert (line in judged.statement) is (advice is Advice.HAND_OVER)


async def test_a_down_service_behind_green_probes_is_a_persons() -> None:
    units = [nginx(), tickets("failed", "failed", result="exit-code")]
    judged = await judge(case(facts_of(units, HEALTHY_LISTENERS), status=200))
    assert judged.advice is Advice.HAND_OVER
    assert "tickets.service" in judged.statement


async def test_a_stopped_proxy_is_started() -> None:
    down = nginx("inactive", "dead")
    facts = facts_of([down, tickets()], HEALTHY_LISTENERS[1:]) | asked(down, tickets())
    judged = await judge(case(facts, error="refused"))
    assert judged.advice is Advice.REMEDIATE
    assert steps(judged) == ["service.start unit=nginx.service"]


async def test_a_stopped_application_is_found_behind_a_healthy_proxy() -> None:
    down = tickets("inactive", "dead")
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1]) | asked(nginx(), down)
    judged = await judge(case(facts, status=502))
    assert steps(judged) == ["service.start unit=tickets.service"]


async def test_what_was_disabled_too_is_enabled_again() -> None:
    down = tickets("inactive", "dead", unit_file_state="disabled")
    facts = facts_of(
        [nginx(), down], HEALTHY_LISTENERS[:1], enabled={"tickets.service": "disabled"}
    )
    judged = await judge(case(facts | asked(nginx(), down), status=502))
    assert steps(judged) == [
        "service.start unit=tickets.service",
        "service.enable unit=tickets.service",
    ]


async def test_it_asks_before_it_repairs() -> None:
    down = nginx("inactive", "dead")
    judged = await judge(case(facts_of([down, tickets()], []), error="refused"))
    assert judged.advice is Advice.DIAGNOSE
    assert "unit.show" in {c.action for c in judged.wanted}


async def test_it_looks_closer_at_what_is_on_the_path_and_not_at_its_neighbours() -> None:
    down = nginx("inactive", "dead")
    facts = facts_of([down, tickets(), cases.unit("cron.service")], [])
    given = case(facts, error="refused")
    host = given.host.model_copy(update={"services": ("nginx", "cron")})
    judged = await judge(given.model_copy(update={"host": host, "hosts": (host,)}))
    looked_at = {c.params["unit"] for c in judged.wanted if c.action == "journal.unit"}
    assert looked_at == {"nginx.service", "tickets.service"}


async def test_a_changed_environment_of_a_crash_looping_service_is_put_back() -> None:
    loops = tickets("activating", "auto-restart", result="exit-code", n_restarts=4)
    changed = manifest_now(file(ENV, "b" * 64))
    facts = facts_of([nginx(), loops], HEALTHY_LISTENERS[:1]) | asked(nginx(), loops)
    facts |= {
        "baseline.manifest": changed,
        f"file.diff path={ENV} sha256={'a' * 64}": {"path": ENV},
    }
    judged = await judge(case(facts, status=502))
    assert steps(judged) == [
        f"file.restore group=root mode=0644 owner=root path={ENV} sha256={'a' * 64}",
        "service.reset_failed unit=tickets.service",  # what dies from now on is counted anew
        "service.restart unit=tickets.service",
    ]


RUNS_AGAIN = [
    pytest.param({"n_restarts": 4, "active_since": "2025-12-31T23:59:57+00:00"}, 4, id="just-now"),
    pytest.param({"n_restarts": 4, "active_since": None}, 3, id="between-two-looks"),
]


@pytest.mark.parametrize(("seen", "restarts_before"), RUNS_AGAIN)
async def test_a_crash_loop_seen_while_it_runs_is_still_one(
    seen: dict[str, Any], restarts_before: int
) -> None:
    """A look between two deaths shows an active unit with its port open."""
    loops = tickets(**seen)
    facts = facts_of([nginx(), tickets(**seen | {"n_restarts": restarts_before})], [])
    facts |= asked(nginx(), loops)
    facts["sockets.listening"] = {"listeners": HEALTHY_LISTENERS}
    local = {"url": "http://127.0.0.1:9100/", "error": "reset"}
    facts |= {
        "baseline.manifest": manifest_now(file(ENV, "b" * 64)),
        f"file.diff path={ENV} sha256={'a' * 64}": {"path": ENV},
        "http.local url=http://127.0.0.1:9100/ host_header=tickets.example": local,
    }
    judged = await judge(case(facts, status=502))
    assert steps(judged)[-1] == "service.restart unit=tickets.service"
    assert judged.leader is not None
    assert ENV in judged.leader.text


@pytest.mark.parametrize(
    "said",
    [
        'error: {"rows": STORE.rows(CONF["page_size"])}',
        "error in {unit.log_text} of {host.name}",
        "fatal: {{{",
        "cannot parse ${HOME:-/x} \\d+(?P<x>",
    ],
)  # fmt: skip
async def test_braces_in_a_log_are_the_logs_own_words(said: str) -> None:
    loops = tickets("activating", "auto-restart", result="exit-code", n_restarts=4)
    facts = facts_of([nginx(), loops], HEALTHY_LISTENERS[:1])
    judged = await judge(
        case(facts | asked(nginx(), loops, log={loops["name"]: [said]}), status=502)
    )
    (told,) = [h for h in judged.hypotheses if h.mode == "crash-loop-unexplained"]
    assert told.text.endswith(said)
    assert said in told.supports[0].statement


async def test_a_restart_of_long_ago_is_no_crash_loop() -> None:
    settled = tickets(n_restarts=2, active_since="2025-12-20T00:00:00+00:00")
    facts = facts_of([nginx(), settled], HEALTHY_LISTENERS) | asked(nginx(), settled)
    facts["baseline.manifest"] = manifest_now(file(ENV, "b" * 64))
    judged = await judge(case(facts, status=404))
    assert judged.repair is None


async def test_a_change_that_carries_a_reason_is_not_put_back() -> None:
    loops = tickets("activating", "auto-restart", result="exit-code", n_restarts=4)
    facts = facts_of([nginx(), loops], HEALTHY_LISTENERS[:1]) | asked(nginx(), loops)
    diff = {"path": ENV, "comments": ["# CHG0041234: new database until Friday"]}
    facts |= {
        "baseline.manifest": manifest_now(file(ENV, "b" * 64)),
        f"file.diff path={ENV} sha256={'a' * 64}": diff,
    }
    judged = await judge(case(facts, status=502))
    assert judged.advice is Advice.HAND_OVER
    assert "CHG0041234" in judged.statement


async def test_a_lost_permission_is_given_back_and_nothing_else() -> None:
    failed = tickets("failed", "failed", result="exit-code")
    facts = facts_of([nginx(), failed], HEALTHY_LISTENERS[:1])
    facts |= asked(nginx(), failed, log={"tickets.service": ["open: Permission denied"]})
    facts["baseline.manifest"] = manifest_now(file(ENV, mode="0000"))
    judged = await judge(case(facts, status=502))
    assert steps(judged) == [
        f"file.set_mode mode=0644 path={ENV}",
        "service.reset_failed unit=tickets.service",
        "service.start unit=tickets.service",
    ]


async def test_an_intruder_on_the_port_is_stopped_and_kept_out() -> None:
    down = nginx("failed", "failed", result="exit-code")
    intruder = cases.unit("lighttpd.service")
    held = [listener(80, "lighttpd.service", "lighttpd"), HEALTHY_LISTENERS[1]]
    facts = facts_of([down, tickets(), intruder], held)
    facts |= asked(down, tickets(), intruder)
    judged = await judge(case(facts, status=404))
    assert steps(judged) == [
        "service.stop unit=lighttpd.service",
        "service.disable unit=lighttpd.service",
        "service.reset_failed unit=nginx.service",
        "service.start unit=nginx.service",
    ]
    assert judged.repair is not None
    assert judged.repair.requires_person is None


async def test_a_holder_with_a_site_of_its_own_is_not_stopped() -> None:
    down = nginx("failed", "failed", result="exit-code")
    holder = cases.unit("lighttpd.service")
    facts = facts_of([down, tickets(), holder], [listener(80, "lighttpd.service", "lighttpd")])
    facts |= asked(down, tickets(), holder)
    given = case(facts, status=200, body="<p>Labels of warehouse 2</p>")
    (answered,) = given.probes
    wrong = answered.model_copy(update={"ok": False, "detail": "another page"})
    judged = await judge(given.model_copy(update={"probes": (wrong,)}))
    assert judged.advice is Advice.HAND_OVER
    assert "lighttpd.service" in judged.statement
    assert "serves a site of its own" in judged.statement


async def test_a_holder_that_was_given_a_site_since_is_not_stopped() -> None:
    down = nginx("failed", "failed", result="exit-code")
    holder = cases.unit("lighttpd.service")
    held = [listener(80, "lighttpd.service", "lighttpd"), HEALTHY_LISTENERS[1]]
    now = manifest_now(file("/etc/lighttpd/conf-enabled/labels.conf"))
    facts = facts_of([down, tickets(), holder], held, baseline__manifest=now)
    facts |= asked(down, tickets(), holder)
    judged = await judge(case(facts, status=404))
    assert judged.advice is Advice.HAND_OVER
    assert "configured anew" in judged.statement


async def test_a_new_file_that_says_why_it_is_there_stays() -> None:
    path = "/etc/systemd/system/tickets.service.d/50-limit.conf"
    down = tickets("failed", "failed", result="exit-code")
    facts = facts_of(
        [nginx(), down], HEALTHY_LISTENERS[:1], baseline__manifest=manifest_now(file(path))
    )
    facts |= asked(nginx(), down)
    first = await judge(case(facts, status=502))
    assert f"config.read path={path} on alpha" in [c.label() for c in first.wanted]
    text = {
        "path": path, "text": "# CHG0041: held down until the audit is over\n[Service]\n",
        "sha256": "b" * 64, "owner": "root", "group": "root", "mode": "0644",
    }  # fmt: skip
    judged = await judge(case(facts | {f"config.read path={path}": text}, status=502))
    assert judged.advice is Advice.HAND_OVER
    assert "CHG0041" in judged.statement


async def test_without_a_baseline_a_person_decides_on_the_intruder() -> None:
    down = nginx("failed", "failed", result="exit-code")
    intruder = cases.unit("lighttpd.service")
    facts = facts_of([down, tickets(), intruder], [listener(80, "lighttpd.service")])
    facts |= asked(down, tickets(), intruder)
    judged = await judge(case(facts, status=404, with_baseline=False))
    assert judged.repair is not None
    assert judged.repair.requires_person is not None


MOUNT = {
    "mount": "/var/log/tickets", "source": "/dev/loop9", "fstype": "ext4", "size_bytes": 1000,
    "used_bytes": 1000, "used_percent": 100.0,
}  # fmt: skip


def usage(path: str) -> dict[str, Any]:
    biggest = {"path": path, "bytes": 900, "modified": "2026-01-01T00:00:00+00:00"}
    return {"path": "/var/log/tickets", "files": [biggest]}


@pytest.mark.parametrize(
    ("filler", "advice"),
    [
        ("/var/log/tickets/trace.log", Advice.REMEDIATE),
        ("/var/log/tickets/invoices.db", Advice.HAND_OVER),
    ],
)
async def test_a_full_log_is_emptied_and_other_peoples_data_is_not(
    filler: str, advice: Advice
) -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS, mounts=[MOUNT]) | asked(*UP)
    facts["disk.usage path=/var/log/tickets"] = usage(filler)
    local = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts["http.local url=http://127.0.0.1:9100/ host_header=tickets.example"] = local
    judged = await judge(case(facts, status=500))
    assert judged.advice is advice
    if advice is Advice.REMEDIATE:
        assert steps(judged) == [f"log.truncate path={filler}"]


async def test_a_masked_service_that_ran_before_is_unmasked() -> None:
    masked = tickets("inactive", "dead", load_state="masked")
    facts = facts_of([nginx(), masked], HEALTHY_LISTENERS[:1]) | asked(nginx(), masked)
    judged = await judge(case(facts, status=502))
    assert steps(judged)[0] == "service.unmask unit=tickets.service"


async def test_a_note_about_the_masked_service_hands_it_over() -> None:
    masked = tickets("inactive", "dead", load_state="masked")
    facts = facts_of([nginx(), masked], HEALTHY_LISTENERS[:1]) | asked(nginx(), masked)
    facts["persons.list"] = {"notes": {"/etc/motd": "tickets is off until the audit is over"}}
    judged = await judge(case(facts, status=502))
    assert judged.advice is Advice.HAND_OVER


INTRUDER = {"kind": "program-in-temporary-folder", "subject": "/tmp/.a/b", "user": "www-data"}


@pytest.mark.parametrize("status", [200, 502])
async def test_signs_of_an_intruder_stop_everything(status: int) -> None:
    down = tickets("inactive", "dead")
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1]) | asked(nginx(), down)
    facts["security.signs"] = {"signs": [INTRUDER]}
    judged = await judge(case(facts, status=status))
    assert judged.advice is Advice.HAND_OVER
    assert "compromise" in judged.statement


@pytest.mark.parametrize("was_asked", [True, False])
async def test_a_program_among_data_is_a_sign_where_it_was_not_there_before(
    *, was_asked: bool
) -> None:
    """Applications may run from their own folders: only what came since is told."""
    sign = INTRUDER | {"kind": "program-in-data-folder", "subject": "/var/lib/store/worker"}
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={})
    facts |= {"security.signs": {"signs": [sign]}}
    given = case(facts, status=200)
    (known,) = given.baselines
    before = cases.evidence({"security.signs": {"signs": []}} if was_asked else {}, start=700)
    known = known.model_copy(update={"evidence": (*known.evidence, *before)})
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    assert judged.advice is (Advice.HAND_OVER if was_asked else Advice.NO_FAULT)


async def test_what_was_there_before_is_no_sign() -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={})
    facts |= {"security.signs": {"signs": [INTRUDER]}}
    given = case(facts, status=200)
    (known,) = given.baselines
    before = cases.evidence({"security.signs": {"signs": [INTRUDER]}}, start=700)
    known = known.model_copy(update={"evidence": (*known.evidence, *before)})
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    assert judged.advice is Advice.NO_FAULT


async def test_a_refuted_cause_does_not_come_back() -> None:
    down = nginx("inactive", "dead")
    facts = facts_of([down, tickets()], HEALTHY_LISTENERS[1:]) | asked(down, tickets())
    first = await judge(case(facts, error="refused"))
    assert first.leader is not None
    again = await judge(case(facts, error="refused", refuted=(first.leader.key,)))
    assert again.advice is not Advice.REMEDIATE


async def test_every_hypothesis_cites_evidence_that_exists() -> None:
    down = nginx("inactive", "dead")
    given = case(facts_of([down, tickets()], []) | asked(down, tickets()), error="refused")
    known = {e.id for e in given.evidence} | {900}
    judged = await judge(given)
    for hypothesis in judged.hypotheses:
        assert set(hypothesis.evidence_ids) <= known
        assert hypothesis.evidence_ids or hypothesis.mode == "unknown"
    total = sum(h.confidence for h in judged.hypotheses)
    assert total == pytest.approx(1.0, abs=0.01)


async def test_every_stopped_process_of_a_hanging_service_is_let_go_on() -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}, network__show={}) | asked(*UP)
    shape = {"ppid": 1, "user": "x", "seconds": 5, "rss_bytes": 1, "command": "x"}
    ran = [
        shape | {"pid": 600 + n, "start_time": n, "state": state, "unit": unit}
        for n, (state, unit) in enumerate(
            [
                ("T", "tickets.service"),
                ("T", "tickets.service"),
                ("S", "nginx.service"),
                ("T", None),
            ]
        )
    ]
    facts["processes.list"] = {"processes": ran}
    judged = await judge(case(facts, error="timeout"))
    assert steps(judged) == [
        "process.continue pid=600 start_time=0 unit=tickets.service",
        "process.continue pid=601 start_time=1 unit=tickets.service",
    ]


async def test_a_drop_in_is_one_change_and_not_two_with_its_folder() -> None:
    crashed = tickets("failed", "failed", result="signal", exec_main_status=11)
    facts = facts_of([nginx(), crashed], HEALTHY_LISTENERS[:1]) | asked(nginx(), crashed)
    folder = f"{cases.UNIT_FILE}.d"
    facts["baseline.manifest"] = manifest_now(
        file(folder, None, kind="directory", mode="0755"), file(f"{folder}/x.conf", "b" * 64)
    )
    facts[f"config.read path={folder}/x.conf"] = {
        "path": f"{folder}/x.conf", "text": "[Service]\nRestart=no\n", "sha256": "b" * 64,
        "owner": "root", "group": "root", "mode": "0644",
    }  # fmt: skip
    judged = await judge(case(facts, status=502))
    assert f"file.remove path={folder}/x.conf sha256={'b' * 64}" in steps(judged)


@pytest.mark.parametrize(
    ("state", "told"), [(("failed", "failed"), False), (("active", "running"), True)]
)
async def test_a_new_unit_that_does_not_run_harms_nobody(
    state: tuple[str, str], *, told: bool
) -> None:
    path = "/etc/systemd/system/parcel-import.service"
    new = cases.unit("parcel-import.service", *state, fragment_path=path)
    now = manifest_now(file(path, "d" * 64))
    facts = facts_of([*UP, new], HEALTHY_LISTENERS, firewall__show={}, baseline__manifest=now)
    facts[f"config.read path={path}"] = {
        "path": path, "text": "[Service]\n", "sha256": "d" * 64, "owner": "root",
        "group": "root", "mode": "0644",
    }  # fmt: skip
    judged = await judge(case(facts, status=200))
    assert judged.advice is (Advice.HAND_OVER if told else Advice.NO_FAULT)
    assert (path in judged.statement) is told


async def test_once_a_person_agreed_only_what_fails_is_looked_at_closely() -> None:
    down = nginx("failed", "failed", result="exit-code")
    facts = facts_of([down, tickets()], HEALTHY_LISTENERS[1:])
    for agreed in (False, True):
        given = case(facts, error="refused").model_copy(update={"agreed": agreed})
        judged = await judge(given)
        looked_at = {c.params["unit"] for c in judged.wanted if c.action == "journal.unit"}
        assert looked_at == ({"nginx.service"} if agreed else {"nginx.service", "tickets.service"})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("The shop is closed for maintenance (CHG0042877) until 15:00", True),
        (  # what Apache says of itself
            "The server is unable to service your request due to maintenance downtime or capacity",
            False,
        ),
    ],
)
async def test_what_a_page_says_of_maintenance_is_told_to_who_takes_over(
    body: str, *, told: bool
) -> None:
    facts = facts_of(UP, HEALTHY_LISTENERS, firewall__show={}) | asked(*UP)
    page = "http.local host_header=tickets.example url=http://127.0.0.1:9100/"
    facts[page] = {"url": "http://127.0.0.1:9100/", "status": 503}
    judged = await judge(case(facts, status=503, body=body))
    assert judged.advice is Advice.HAND_OVER
    assert (body in judged.statement) is told


@pytest.mark.parametrize(
    ("notes", "mended"), [({}, True), ({"/etc/motd": "clerkd: CHG-41 maintenance"}, False)]
)
async def test_a_daemon_that_was_switched_off_is_switched_on_again(
    notes: dict[str, str], mended: bool
) -> None:
    """Stopped and disabled, and nobody who is served misses it but by what it did for them."""
    clerk = unit("clerkd.service", "inactive", "dead", unit_file_state="disabled")
    stop = [{"template": "Stopped x", "example": "Stopped clerkd.service - Clerk.", "count": 1,
             "identifier": "systemd"}]  # fmt: skip
    facts = facts_of([*UP, clerk], HEALTHY_LISTENERS, enabled={"clerkd.service": "disabled"})
    facts |= asked(*UP, clerk)
    facts |= {"journal.unit unit=clerkd.service": {"source": "clerkd.service", "lines": stop}}
    facts["persons.list"] = {"notes": notes}
    given = case(facts, status=200)
    (known,) = given.baselines
    then = facts_of([*UP, unit("clerkd.service")], HEALTHY_LISTENERS)
    known = known.model_copy(update={"evidence": cases.evidence(then, start=700)})
    probe = next(p for p in checks.learned(known.view(cases.HOST)) if p.subject == "clerkd.service")
    view = HostView(cases.HOST, given.evidence)
    red = checks.answer(probe, view, taken_at=cases.NOW, simulated=False)
    given = given.model_copy(update={"baselines": (known,), "probes": (*given.probes, red)})
    judged = await judge(given)
    assert judged.leader is not None
    assert judged.leader.mode == "unit-stopped"
    assert "disabled at boot" in judged.leader.text
    if mended:
        assert steps(judged) == [
            "service.start unit=clerkd.service",
            "service.enable unit=clerkd.service",
        ]
    else:
        assert judged.repair is None


@pytest.mark.parametrize(
    ("state", "mode", "mended"),
    [
        (
            {"active": "failed", "sub": "failed", "result": "trigger-limit-hit"},
            "start-limit-hit",
            ["service.reset_failed unit=hatch.socket", "service.start unit=hatch.socket"],
        ),
        (
            {"active": "inactive", "sub": "dead"},
            "unit-stopped",
            ["service.start unit=hatch.socket"],
        ),
    ],
)
async def test_a_closed_socket_unit_is_opened_again(
    state: dict[str, str], mode: str, mended: list[str]
) -> None:
    """No process is missing: systemd itself listened, and starts one for each connection."""
    shape: dict[str, Any] = {"listens": [{"protocol": "tcp", "port": 80}], "type": None}
    closed = unit("hatch.socket", **{**shape, **state})
    facts = facts_of([], [], enabled={"hatch.socket": "enabled"}) | asked(closed)
    facts["baseline.manifest"] = manifest_now()
    given = case(facts, error="refused")
    (known,) = given.baselines
    held = listener(80, "init.scope", "systemd") | {"pid": 1}
    then = facts_of([], [held], enabled={"hatch.socket": "enabled"})
    then["units.show pattern=*.socket"] = {
        "units": [unit("hatch.socket", sub="listening", **shape)]
    }
    known = known.model_copy(update={"evidence": cases.evidence(then, start=700)})
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    assert judged.leader is not None, judged.statement
    assert (judged.leader.mode, judged.leader.subject) == (mode, "hatch.socket")
    assert steps(judged) == mended
