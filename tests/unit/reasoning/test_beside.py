"""What changed on a host whose users suffer, though no failing service is known to read it."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.facts import Manifest
from app.knowledge.library import Library
from app.reasoning.port import Advice, Assessment
from app.reasoning.remedies import repair_for
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    case,
    evidence,
    facts_of,
    file,
    manifest_now,
    nginx,
    tickets,
    unit,
)
from tests.unit.reasoning.test_builtin import asked, judge, steps
from tests.unit.reasoning.test_network import LOCAL, ended, link, network, route, told

LIBRARY = Library.load()
VALUES = "/etc/default/tunnel"
TUNNEL: dict[str, Any] = {
    "type": "oneshot", "environment_files": [VALUES], "fragment_path": "/usr/lib/tunnel.service",
}  # fmt: skip
ANSWERS = "http.local url=http://127.0.0.1:9100/ host_header=tickets.example"


def broken(
    *changed: Manifest.File, said: str = "", others: dict[str, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The application answers 500 by itself, and nothing that it is made of has changed."""
    more = [unit(name, **shape) for name, shape in (others or {}).items()]
    facts = facts_of([nginx(), tickets(), *more], HEALTHY_LISTENERS) | asked(nginx(), tickets())
    facts[ANSWERS] = {"url": "http://127.0.0.1:9100/", "status": 500}
    kept = [f for f in changed if f.sha256 is not None]
    facts["baseline.manifest"] = manifest_now(*kept)
    for one in kept:
        diff = {"path": one.path, "diff": f"--- then\n+++ now\n-A=1\n+{said or 'A=2'}\n"}
        facts[f"file.diff path={one.path} sha256={'a' * 64}"] = diff
    return facts


def text_of(path: str, text: str) -> dict[str, Any]:
    """A new file as it is read."""
    owned = {"owner": "root", "group": "root", "mode": "0644"}
    return {"path": path, "text": text, "sha256": "b" * 64, **owned}


@pytest.fixture(autouse=True)
def _was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    were = [file(path) for path in (VALUES, "/etc/gai.conf", "/etc/limits.d/all.conf")]
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, *were))


async def ended_at_last(facts: dict[str, Any], **more: Any) -> Assessment:
    return await judge(case(facts, status=502, **more))


async def test_the_only_thing_that_changed_is_tried_at_last_and_its_reader_reads_it() -> None:
    others = {"tunnel.service": {"active": "active", "sub": "exited", **TUNNEL}}
    judged = await ended_at_last(broken(file(VALUES, "b" * 64), others=others))
    assert steps(judged)[0].startswith("file.restore")
    assert VALUES in steps(judged)[0]
    assert steps(judged)[1] == "service.restart unit=tunnel.service"
    assert "tunnel.service reads" in judged.statement


async def test_what_nothing_is_known_to_read_is_put_back_and_the_failing_service_restarted() -> (
    None
):
    judged = await ended_at_last(broken(file("/etc/gai.conf", "b" * 64)))
    assert [s.split()[0] for s in steps(judged)] == ["file.restore", "service.restart"]
    assert steps(judged)[1] == "service.restart unit=tickets.service"


@pytest.mark.parametrize(
    ("path", "program", "restarted"),
    [
        ("/etc/forms/app.ini", "apache2", False),
        ("/etc/forms/app.ini", "tickets", True),
        ("/etc/ssl/openssl.cnf", "apache2", True),  # what every program reads when it starts
    ],
)
def test_a_web_server_is_not_restarted_for_a_file_of_what_stands_behind_it(
    path: str, program: str, *, restarted: bool
) -> None:
    mode = next(one for one in LIBRARY.modes if one.id == "changed-beside")
    change = {
        "path": path, "kind": "content", "looked_at": True, "written": "A=2", "comments": "",
        "then": file(path).model_dump(), "now": file(path, "b" * 64).model_dump(),
    }  # fmt: skip
    victim = unit(f"{program}.service") | {"program": program, "steady": True, "failing": True}
    facts = {"has_reader": False, "victim": victim, "change": change, "timers": [],
             "persons": {"logged_in": [], "notes": []}}  # fmt: skip
    repair = repair_for(mode, "k", "alpha", mode.bind(facts))
    assert repair is not None
    started = [step.action for step in repair.steps[1:]]
    assert started == (["service.restart"] if restarted else [])


async def test_what_a_log_complains_of_stands_out_among_what_changed() -> None:
    facts = broken(file("/etc/gai.conf", "b" * 64), file("/etc/limits.d/all.conf", "b" * 64))
    key = f"file.diff path=/etc/gai.conf sha256={'a' * 64}"
    facts[key] = {"path": "/etc/gai.conf", "diff": "--- a\n+++ b\n+label /srv/gone/first.dat\n"}
    said = "cannot open /srv/gone/first.dat"
    line = {"template": said, "example": said, "count": 4, "identifier": "tickets"}
    facts["unit.logs unit=tickets.service"] = {"source": "files", "lines": [line]}
    judged = await ended_at_last(facts)
    best, *others = (h for h in judged.hypotheses if h.mode == "changed-beside")
    assert best.subject == "/etc/gai.conf"
    assert best.confidence > 3 * others[0].confidence


async def test_a_cause_that_was_put_back_in_vain_is_not_tried_again() -> None:
    facts = broken(file("/etc/gai.conf", "b" * 64))
    tried = ("changed-beside@alpha:/etc/gai.conf",)
    judged = await ended_at_last(facts, refuted=tried)
    assert judged.advice is Advice.HAND_OVER


@pytest.mark.parametrize(
    "said",
    [
        "# CHG-20411 as agreed",
        "SECRET_TOKEN=[redacted:12]",
        "DB_PASS=x",
        "requirepass x",
        "# do not touch: on purpose",
    ],
)
async def test_what_was_meant_or_gives_a_secret_away_is_left_to_a_person(said: str) -> None:
    facts = broken(file("/etc/gai.conf", "b" * 64), said=said)
    key = f"file.diff path=/etc/gai.conf sha256={'a' * 64}"
    facts[key] |= {"comments": [said] if said.startswith("#") else []}
    judged = await ended_at_last(facts)
    assert judged.advice is Advice.HAND_OVER


@pytest.mark.parametrize("said", ["proxy_pass http://shop/;", "fastcgi_pass unix:/run/x;"])
async def test_where_requests_are_passed_to_is_no_secret(said: str) -> None:
    judged = await ended_at_last(broken(file("/etc/gai.conf", "b" * 64), said=said))
    assert judged.advice is Advice.REMEDIATE


async def test_who_may_do_what_is_never_tried_out() -> None:
    facts = broken()
    facts["baseline.manifest"] = manifest_now(*[file("/etc/sudoers.d/deploy", "b" * 64)])
    judged = await ended_at_last(facts)
    assert judged.advice is Advice.HAND_OVER
    assert not any(h.mode == "changed-beside" for h in judged.hypotheses)


async def test_with_many_changes_none_is_found_by_trying() -> None:
    facts = broken(*(file(f"/etc/app.d/{n}.conf", "b" * 64) for n in range(9)))
    judged = await ended_at_last(facts)
    assert judged.advice is Advice.HAND_OVER


async def test_a_unit_that_stops_the_service_whenever_it_runs_leads_to_its_schedule() -> None:
    job: dict[str, Any] = {
        "type": "oneshot", "triggered_by": ["renew.timer"], "active": "activating", "sub": "start",
    }  # fmt: skip
    down: dict[str, Any] = {"result": "success", "conflicts": ["renew.service"]}
    stopped = tickets("inactive", "dead", **down)
    units = [nginx(), stopped, unit("renew.service", **job)]
    facts = facts_of(units, HEALTHY_LISTENERS[:1]) | asked(nginx(), stopped)
    override = "/etc/systemd/system/renew.timer.d/override.conf"
    facts["baseline.manifest"] = manifest_now(*[file(override, "b" * 64)])
    facts[f"config.read path={override}"] = text_of(override, "[Timer]\nOnCalendar=*:*\n")
    judged = await ended_at_last(facts)
    assert [s.split()[0] for s in steps(judged)][:3] == [
        "file.remove", "daemon.reload", "service.restart",
    ]  # fmt: skip
    assert "service.restart unit=renew.timer" in steps(judged)
    assert steps(judged)[-1] == "service.start unit=tickets.service"


async def test_settings_in_a_release_behind_a_link_belong_to_what_runs_there() -> None:
    release = "/opt/tickets/releases/7"
    shape = {"working_directory": "/opt/tickets/current"}
    front, behind = nginx(), tickets(**shape)
    facts = facts_of([front, behind], HEALTHY_LISTENERS) | asked(front, behind)
    facts[ANSWERS] = {"url": "http://127.0.0.1:9100/", "status": 500}
    link_ = file("/opt/tickets/current", None, kind="symlink", target=release)
    added = file(f"{release}/local_settings.py", "b" * 64)
    then = (*cases.FILES, link_)
    facts["baseline.manifest"] = manifest_now(*[link_, added])
    facts[f"config.read path={added.path}"] = text_of(added.path, "HOST = '127.0.0.1'\n")
    given = case(facts, status=502)
    known = given.baselines[0].manifest.model_copy(update={"files": then})
    first = given.baselines[0].model_copy(update={"manifest": known})
    judged = await judge(given.model_copy(update={"baselines": (first,)}))
    assert judged.hypotheses[0].key == f"changed-since-healthy@alpha:{added.path}"
    assert steps(judged)[0].startswith("file.remove")


# --- the network ---------------------------------------------------------------------------------


async def test_larger_packets_than_before_are_made_as_they_were() -> None:
    now = network(route(), LOCAL, links=[link(mtu=9000)])
    then = network(route(), LOCAL, links=[link(mtu=1500)])
    changed = (file("/etc/network/interfaces.d/ens3", "b" * 64),)
    for files in ((), changed):
        given = told(
            red={"ok": False, "error": "timeout"}, then={"network.show": then}, changed=files,
            network__show=now,
        )  # fmt: skip
        found = await ended(given, network__show=now)
        assert "link.set_mtu device=ens3 mtu=1500" in steps(found)
        assert any(s.startswith("file.remove") for s in steps(found)) is bool(files)


async def test_packets_of_another_size_do_not_explain_an_answer_that_comes_at_once() -> None:
    then = network(route(), LOCAL, links=[link(mtu=1500)])
    now = network(route(), LOCAL, links=[link(mtu=1400)])
    found = await ended(
        told(red={"ok": False, "status": 500}, then={"network.show": then}, network__show=now)
    )
    assert not any(h.mode == "link-mtu-changed" and h.confidence > 0.4 for h in found.hypotheses)


async def test_settings_of_the_kernel_that_explain_nothing_by_name_are_tried_together() -> None:
    then = {"net.netfilter.nf_conntrack_tcp_loose": "1", "net.ipv4.tcp_retries2": "15"}
    now = dict.fromkeys(then, "3")
    given = told(
        red={"ok": False, "error": "timeout"}, then={"kernel.settings": {"values": then}},
        kernel__settings={"values": now},
    )  # fmt: skip
    found = await ended(given, kernel__settings={"values": now})
    wanted = [f"kernel.set name={name} value={value}" for name, value in then.items()]
    assert sorted(s for s in steps(found) if s.startswith("kernel.set")) == sorted(wanted)


@pytest.mark.parametrize(
    ("name", "then", "now", "said", "explains"),
    [
        ("net.ipv4.ip_unprivileged_port_start", "80", "1024",
         "PermissionError: [Errno 13] Permission denied", True),
        ("net.ipv4.ip_unprivileged_port_start", "1024", "80",
         "PermissionError: [Errno 13] Permission denied", False),
        ("fs.inotify.max_user_watches", "8192", "8", "inotify_add_watch: No space left on device",
         True),
        ("kernel.threads-max", "30000", "90", "RuntimeError: can't start new thread", True),
        ("kernel.sem", "32000:1024000000:500:32000", "32000:9:500:1",
         "could not create semaphores: No space left on device", True),
        ("vm.max_map_count", "262144", "65530", "relation tickets does not exist", False),
    ],
)  # fmt: skip
async def test_a_setting_of_the_kernel_is_known_by_what_programs_say_of_it(
    name: str, then: str, now: str, said: str, explains: bool
) -> None:
    loops = tickets("activating", "auto-restart", result="exit-code", n_restarts=4)
    facts = facts_of([nginx(), loops], HEALTHY_LISTENERS[:1]) | asked(nginx(), loops)
    line = {"template": said, "example": said, "count": 4, "identifier": "tickets"}
    facts["journal.unit unit=tickets.service"] = {"source": "journal", "lines": [line]}
    facts["baseline.manifest"] = manifest_now()
    given = case(facts, status=502)
    (known,) = given.baselines
    was = evidence({"kernel.settings": {"values": {name: then}}}, start=300)
    known = known.model_copy(update={"evidence": (*known.evidence, *was)})
    first = await judge(given.model_copy(update={"baselines": (known,)}))
    wanted = {call.action for call in first.wanted}
    assert "kernel.settings" in wanted or not explains
    looked = evidence({"kernel.settings": {"values": {name: now}}}, start=400)
    given = given.model_copy(update={"baselines": (known,), "evidence": (*given.evidence, *looked)})
    seen = await judge(given)
    likely = [h for h in seen.hypotheses if h.mode == "kernel-setting-changed"]
    assert (likely[0].confidence > 0.5) is explains, likely[0]


async def test_what_says_how_long_something_is_kept_is_not_tried_out() -> None:
    judged = await ended_at_last(broken(file("/etc/gai.conf", "b" * 64), said="keep_days = 90"))
    assert judged.advice is Advice.HAND_OVER
    assert judged.hypotheses[0].key == "changed-beside@alpha:/etc/gai.conf"


async def test_a_program_that_is_another_is_no_false_alarm() -> None:
    page = file("/var/www/portal/index.php", "b" * 64)
    facts = facts_of([nginx(), tickets()], HEALTHY_LISTENERS, firewall__show={})
    facts["baseline.manifest"] = manifest_now(page)
    judged = await judge(case(facts, status=200))
    assert judged.advice is Advice.HAND_OVER
    assert page.path in judged.statement
