"""What changed since the host was healthy: put back where that is right, left alone where not."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import Host
from app.host.drift import changes
from app.host.facts import Manifest
from app.knowledge.library import Library
from app.reasoning.port import Advice
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    ENV,
    HEALTHY_LISTENERS,
    HOST,
    UNIT_FILE,
    case,
    facts_of,
    file,
    manifest_now,
    nginx,
    tickets,
)
from tests.unit.reasoning.test_builtin import asked, judge, steps

SITE = "/etc/nginx/conf.d/tickets.conf"
DAY_BEFORE = "2025-12-31T00:00:00+00:00"
JUST_NOW = "2025-12-31T23:55:00+00:00"
SINCE = {"active_since": "2025-12-31T12:00:00+00:00"}
ANSWERS = "http.local url=http://127.0.0.1:9100/ host_header=tickets.example"


def serving(*changed: Manifest.File, status: int = 500, **units: dict[str, Any]) -> dict[str, Any]:
    """Both services run; the application answers `status` when it is asked directly."""
    front, behind = nginx(**units.get("front", {})), tickets(**units.get("behind", {}))
    facts = facts_of([front, behind], HEALTHY_LISTENERS) | asked(front, behind)
    facts[ANSWERS] = {"url": "http://127.0.0.1:9100/", "status": status}
    facts["baseline.manifest"] = manifest_now(*changed)
    for one in changed:
        facts[f"file.diff path={one.path} sha256={'a' * 64}"] = {"path": one.path}
    return facts


async def test_a_running_service_gets_its_environment_back() -> None:
    facts = serving(file(ENV, "b" * 64, modified=DAY_BEFORE), behind=SINCE)
    judged = await judge(case(facts, status=502))
    assert steps(judged) == [
        f"file.restore group=root mode=0644 owner=root path={ENV} sha256={'a' * 64}",
        "service.restart unit=tickets.service",
    ]


async def test_a_file_that_somebody_froze_is_frozen_again_afterwards() -> None:
    mark = {"frozen": True}
    changed = file(ENV, "b" * 64, modified=DAY_BEFORE).model_copy(update=mark)
    judged = await judge(case(serving(changed, behind=SINCE), status=502))
    assert steps(judged) == [
        f"file.set_frozen frozen=no path={ENV}",
        f"file.restore group=root mode=0644 owner=root path={ENV} sha256={'a' * 64}",
        f"file.set_frozen frozen=yes path={ENV}",
        "service.restart unit=tickets.service",
    ]


async def test_what_runs_since_before_the_change_is_restarted_and_the_change_is_kept() -> None:
    facts = serving(file(ENV, "b" * 64, modified=JUST_NOW), behind=SINCE)
    judged = await judge(case(facts, status=502))
    assert steps(judged) == ["service.restart unit=tickets.service"]
    assert judged.leader is not None
    assert judged.leader.mode == "runs-on-old-files"


CERTIFICATE = "/etc/nginx/tls/site.pem"


async def test_a_renewed_certificate_is_loaded() -> None:
    """The same content as in the baseline, written again: no drift, and yet not what is served."""
    written = Manifest.File(
        path=CERTIFICATE, kind="file", sha256="d" * 64, owner="root", group="root", mode="0644",
        modified=JUST_NOW,
    )  # fmt: skip
    facts = serving(written, front={**SINCE, "can_reload": True})
    given = case(facts, error="tls: certificate expired")
    (known,) = given.baselines
    manifest = known.manifest.model_copy(update={"files": (*known.manifest.files, written)})
    known = known.model_copy(update={"manifest": manifest})
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    assert steps(judged) == ["service.reload unit=nginx.service"]
    assert judged.leader is not None
    assert CERTIFICATE in judged.leader.text


async def test_a_file_written_in_the_second_of_the_start_was_read() -> None:
    moment = "2025-12-31T12:00:00.700000+00:00"
    facts = serving(file(ENV, "b" * 64, modified=moment), behind=SINCE)
    judged = await judge(case(facts, status=502))
    assert judged.leader is not None
    assert judged.leader.mode == "changed-since-healthy"


async def test_a_proxy_that_can_reload_is_reloaded_and_not_restarted() -> None:
    site = file(SITE, "b" * 64, modified=DAY_BEFORE)
    facts = serving(site, status=200, front={**SINCE, "can_reload": True})
    judged = await judge(case(facts, status=404))
    assert steps(judged) == [
        f"file.restore group=root mode=0644 owner=root path={SITE} sha256={'a' * 64}",
        "service.reload unit=nginx.service",
    ]


async def test_a_service_that_moved_to_another_address_is_restarted() -> None:
    """A reload would not bring it back: it cannot bind what it holds in part already."""
    facts = serving(file(SITE, "b" * 64, modified=DAY_BEFORE), front={**SINCE, "can_reload": True})
    inside = cases.listener(80, "nginx.service") | {"address": "127.0.0.1"}
    facts["sockets.listening"] = {"listeners": [inside, HEALTHY_LISTENERS[1]]}
    judged = await judge(case(facts, error="refused"))
    assert steps(judged)[-1] == "service.restart unit=nginx.service"


async def test_only_the_file_of_names_changed_and_so_it_is_put_back() -> None:
    facts = serving(file("/etc/hosts", "b" * 64, modified=DAY_BEFORE), status=503)
    judged = await judge(case(facts, status=503))
    assert steps(judged)[0].endswith(f"path=/etc/hosts sha256={'a' * 64}")


async def test_a_proxy_that_asks_where_nobody_listens_is_itself_at_fault() -> None:
    facts = serving(file(SITE, "b" * 64, modified=DAY_BEFORE), front={**SINCE, "can_reload": True})
    server = cases.SITE["servers"][0]
    moved = {"url": "http://127.0.0.1:9101", "host": "127.0.0.1", "port": 9101}
    facts["nginx.dump"] = cases.SITE | {"servers": [server | {"upstreams": [moved]}]}
    judged = await judge(case(facts, status=502))
    assert steps(judged) == [
        f"file.restore group=root mode=0644 owner=root path={SITE} sha256={'a' * 64}",
        "service.reload unit=nginx.service",
    ]


async def test_a_folder_that_was_closed_is_opened_and_nothing_is_restarted() -> None:
    closed = Manifest.File(
        path="/srv/pages", kind="directory", owner="root", group="root", mode="0700"
    )
    before = closed.model_copy(update={"mode": "0755"})
    facts = serving(closed, status=200)
    given = case(facts, status=403)
    (known,) = given.baselines
    manifest = known.manifest.model_copy(update={"files": (*known.manifest.files, before)})
    known = known.model_copy(update={"manifest": manifest})
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    assert steps(judged) == ["file.set_mode mode=0755 path=/srv/pages"]


def folder(path: str, **shape: str) -> Manifest.File:
    given = {"owner": "root", "group": "root", "mode": "0755", **shape}
    return Manifest.File(path=path, kind="directory", **given)


async def test_a_folder_that_was_removed_comes_back_with_what_lay_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = "/etc/systemd/system/tickets.service.d"
    facts = serving()
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, folder(where), file(f"{where}/10-x.conf")))
    judged = await judge(case(facts, status=502))
    assert steps(judged) == [
        f"file.restore_folder group=root mode=0755 owner=root path={where}",
        f"file.restore group=root mode=0644 owner=root path={where}/10-x.conf sha256={'a' * 64}",
        "daemon.reload",
        "service.restart unit=tickets.service",
    ]
    assert judged.repair is not None
    assert judged.repair.requires_person is None


@pytest.mark.parametrize(("where", "asks"), [("/var/log", False), ("/var/lib", True)])
async def test_an_empty_folder_where_data_may_have_lain_is_a_persons(
    where: str, asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder(f"{where}/tickets", owner="tickets", mode="0750")
    facts = serving()
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, gone))
    judged = await judge(case(facts, status=502))
    wanted = f"file.restore_folder group=root mode=0750 owner=tickets path={where}/tickets"
    assert steps(judged)[:1] == [wanted]
    assert judged.repair is not None
    assert (judged.repair.requires_person is not None) is asks


@pytest.mark.parametrize("persons", [(), ("ann",)])
async def test_a_folder_that_was_renamed_gets_its_name_back(
    persons: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the program in it: nobody's release, only the name is another."""
    was, now = "/srv/lib/tickets", "/srv/lib/tickets.unused"
    down = tickets(
        "activating", "auto-restart", result="exit-code", n_restarts=4, working_directory=was
    )
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1]) | asked(nginx(), down)
    facts["persons.list"] = {"logged_in": list(persons)}
    facts["baseline.manifest"] = manifest_now(folder(now), file(f"{now}/main.py"))
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, folder(was), file(f"{was}/main.py")))
    judged = await judge(case(facts, status=502))
    assert steps(judged) == [
        f"file.rename path={now} to={was}",
        "service.reset_failed unit=tickets.service",
        "service.restart unit=tickets.service",
    ]
    assert judged.repair is not None
    assert (judged.repair.requires_person is not None) is bool(persons)
    assert judged.leader is not None
    assert now in judged.leader.text
    assert all(not h.subject.startswith(now) for h in judged.hypotheses)


async def test_the_applications_own_code_is_left_to_its_owners() -> None:
    code = "/srv/app/tickets/main.py"
    facts = serving(file(code, "b" * 64), behind={"working_directory": "/srv/app/tickets"})
    given = case(facts, status=500)
    (known,) = given.baselines
    files = (*known.manifest.files, file(code))
    manifest = known.manifest.model_copy(update={"files": files})
    known = known.model_copy(update={"manifest": manifest})
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    assert judged.advice is Advice.HAND_OVER


@pytest.mark.parametrize(
    ("complains", "goes"), [("{path}", True), ("/srv/app/tickets/main.py", False)]
)
async def test_a_program_that_came_to_a_release_and_breaks_it_is_taken_out_of_the_way(
    complains: str, goes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray, main = file("/srv/app/tickets/queue.py", "b" * 64), file("/srv/app/tickets/main.py")
    loops = tickets(
        "activating", "auto-restart", result="exit-code", n_restarts=4,
        working_directory="/srv/app/tickets",
    )  # fmt: skip
    facts = facts_of([nginx(), loops], HEALTHY_LISTENERS[:1]) | asked(nginx(), loops)
    said = f"ImportError: cannot import name 'Empty' ({complains.format(path=stray.path)})"
    line = {"template": said, "example": said, "count": 4, "identifier": "tickets"}
    facts["journal.unit unit=tickets.service"] = {"source": "journal", "lines": [line]}
    facts["baseline.manifest"] = manifest_now(main, stray)
    facts[f"config.read path={stray.path}"] = {
        "path": stray.path, "text": "print('hello')", "sha256": "b" * 64, "owner": "root",
        "group": "root", "mode": "0644",
    }  # fmt: skip
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, main))
    judged = await judge(case(facts, status=502))
    assert judged.hypotheses[0].subject == stray.path
    assert (judged.advice is Advice.REMEDIATE) is goes
    if goes:
        assert steps(judged)[0] == f"file.remove path={stray.path} sha256={'b' * 64}"


async def test_of_what_changed_hands_together_the_folder_is_put_right_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = "/srv/app/tickets"
    were = [folder(place, owner="tickets"), file(f"{place}/a.py"), file(f"{place}/b.py")]
    now = [folder(place, mode="0700"), *(one.model_copy(update={"uid": 0}) for one in were[1:])]
    were[1:] = [one.model_copy(update={"owner": "tickets", "uid": 901}) for one in were[1:]]
    down = tickets("failed", "failed", result="exit-code", working_directory=place)
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1]) | asked(nginx(), down)
    facts["baseline.manifest"] = manifest_now(*now)
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, *were))
    judged = await judge(case(facts, status=502))
    subjects = [h.subject for h in judged.hypotheses if h.mode == "changed-since-healthy"]
    assert subjects == [place]
    tried = (f"changed-since-healthy@alpha:{place}",)
    again = await judge(case(facts, status=502, refuted=tried))
    others = [h for h in again.hypotheses if h.subject.startswith(f"{place}/")]
    assert len(others) == 2
    assert all(h.confidence < 0.1 for h in others), [(h.subject, h.confidence) for h in others]


async def test_two_changes_are_tried_one_by_one() -> None:
    changed = (file(ENV, "b" * 64), file(UNIT_FILE, "c" * 64))
    judged = await judge(case(serving(*changed), status=502))
    assert judged.leader is not None
    assert judged.leader.confidence < 0.75
    first = judged.leader.subject
    again = await judge(case(serving(*changed), status=502, refuted=(judged.leader.key,)))
    assert again.leader is not None
    assert {first, again.leader.subject} == {ENV, UNIT_FILE}
    assert (judged.advice, again.advice) == (Advice.REMEDIATE, Advice.REMEDIATE)


async def test_two_changes_of_which_one_carries_a_reason_are_a_persons() -> None:
    changed = (file(ENV, "b" * 64), file(UNIT_FILE, "c" * 64))
    facts = serving(*changed)
    for path in (ENV, UNIT_FILE):
        comments = ["# CHG0099 new pool size"]
        facts[f"file.diff path={path} sha256={'a' * 64}"] = {"path": path, "comments": comments}
    judged = await judge(case(facts, status=502))
    assert judged.advice is Advice.HAND_OVER


async def test_what_the_host_depends_on_is_looked_at_when_a_service_fails_for_no_reason() -> None:
    store = Host(name="beta", address="192.0.2.8", services=("ledgerdb",))
    front = HOST.model_copy(update={"depends_on": ("beta",)})
    given = case(serving(status=503), status=503)
    given = given.model_copy(update={"host": front, "hosts": (front, store)})
    judged = await judge(given)
    assert judged.advice is Advice.DIAGNOSE
    assert {c.action for c in judged.wanted if c.host == "beta"} >= {"units.show", "persons.list"}


@pytest.mark.parametrize("relation", ["/etc/ledgerdb/access.conf", "/var/lib/ledgerdb"])
async def test_a_change_behind_a_host_that_suffers_is_put_back(relation: str) -> None:
    """The proxy and the application hold; the database's host has a changed file or folder."""
    store = Host(name="beta", address="192.0.2.8", services=("ledgerdb",))
    front = HOST.model_copy(update={"depends_on": ("beta",)})
    shape: dict[str, Any] = {"owner": "ledger", "group": "ledger", "mode": "0700"}
    kind = "directory" if relation.startswith("/var") else "file"
    then = Manifest.File(
        path=relation, kind=kind, sha256=None if kind == "directory" else "a" * 64, **shape
    )
    now = then.model_copy(update={"owner": "root"} if kind == "directory" else {"sha256": "b" * 64})
    behind = cases.unit("ledgerdb.service", can_reload=True)
    given = case(serving(status=503), status=503)
    more = cases.evidence(
        {
            "units.show": {"units": [behind]},
            "unit.show unit=ledgerdb.service": behind,
            "journal.unit unit=ledgerdb.service": {"source": "x", "lines": []},
            "sockets.listening": {"listeners": []},
            "filesystems.list": {"filesystems": []},
            "persons.list": {},
            f"file.diff path={relation} sha256={'a' * 64}": {"path": relation},
            f"folder.list path={relation}": {"path": relation, "count": 0},
            "baseline.manifest": Manifest(host="beta", taken_at=JUST_NOW, files=(now,)).model_dump(
                mode="json"
            ),
        },
        start=500,
    )
    moved = tuple(one.model_copy(update={"host": "beta"}) for one in more)
    baseline = cases.baseline().model_copy(
        update={
            "host": "beta",
            "manifest": Manifest(host="beta", taken_at=DAY_BEFORE, files=(then,)),
            "evidence": (),
            "probes": (),
        }
    )
    given = given.model_copy(
        update={
            "host": front,
            "hosts": (front, store),
            "evidence": (*given.evidence, *moved),
            "baselines": (*given.baselines, baseline),
        }
    )
    judged = await judge(given)
    assert judged.repair is not None, (judged.statement, judged.hypotheses, judged.wanted)
    assert judged.repair.steps[0].host == "beta"
    assert judged.repair.steps[0].params["path"] == relation


DATA = "/srv/heap/tickets"
COMPLAINT = f'FATAL: data directory "{DATA}" has invalid permissions'


@pytest.mark.parametrize(("said", "named"), [(COMPLAINT, True), (f"{COMPLAINT[:-30]}-old", False)])
async def test_what_the_log_complains_of_by_its_path_is_put_back(
    said: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = cases.FILES
    healthy = file(DATA, None, kind="directory", mode="0700", owner="tickets")
    monkeypatch.setattr(cases, "FILES", (*kept, healthy))
    down = tickets("failed", "failed", result="protocol")
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1]) | asked(nginx(), down)
    line = {"template": said, "example": said, "count": 1}
    facts["unit.logs unit=tickets.service"] = {"source": "tickets.service", "lines": [line]}
    opened = healthy.model_copy(update={"mode": "0755"})
    facts["baseline.manifest"] = manifest_now(opened)
    judged = await judge(case(facts, status=502))
    assert judged.repair is not None
    assert f"file.set_mode mode=0700 path={DATA}" in steps(judged)
    explained = judged.repair.cause.startswith("changed-since-healthy@")
    assert explained is named  # else it is tried at last, because nothing else has changed


async def test_a_site_that_was_switched_on_since_is_switched_off_again() -> None:
    added = file("/etc/nginx/conf.d/zz.conf", None, kind="symlink", target="/opt/zz.conf")
    facts = serving(added, status=200)
    judged = await judge(case(facts, status=500))
    assert "file.remove_link path=/etc/nginx/conf.d/zz.conf target=/opt/zz.conf" in steps(judged)


@pytest.mark.parametrize(
    ("line", "action"),
    [("listen.mode = 0600", "service.restart"), ("pm.max_children = 1", "service.reload")],
)
async def test_a_service_that_keeps_its_sockets_when_it_reloads_is_started_anew(
    monkeypatch: pytest.MonkeyPatch, line: str, action: str
) -> None:
    pool = "/etc/tickets/pool.conf"
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, file(pool)))
    changed = file(pool, "b" * 64, modified=DAY_BEFORE)
    facts = serving(changed, behind={"can_reload": True})
    facts[f"file.diff path={pool} sha256={'a' * 64}"] = {
        "path": pool, "sha256_then": "a" * 64, "sha256_now": "b" * 64,
        "diff": f"--- then\n+++ now\n@@ -1,2 +1,2 @@\n [pool]\n+{line}\n",
    }  # fmt: skip
    judged = await judge(case(facts, status=500))
    assert steps(judged)[-1] == f"{action} unit=tickets.service"


async def test_what_a_reload_did_not_heal_is_put_back_with_a_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = "/etc/tickets/pool.conf"
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, file(pool)))
    changed = file(pool, "b" * 64, modified=DAY_BEFORE)
    facts = serving(changed, behind={"can_reload": True})
    first = await judge(case(facts, status=500))
    assert steps(first)[-1] == "service.reload unit=tickets.service"
    assert first.leader is not None
    then = await judge(case(facts, status=500, refuted=(first.leader.key,)))
    assert steps(then)[-1] == "service.restart unit=tickets.service"


async def test_a_service_that_ran_while_healthy_and_is_gone_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = cases.unit("pool7.service")
    before = cases.baseline()
    healthy = facts_of([nginx(), tickets(), pool], HEALTHY_LISTENERS)
    ran = ("nginx.service", "tickets.service", "pool7.service", "done-once.service")
    manifest = before.manifest.model_copy(update={"active_units": ran})
    kept = before.model_copy(update={"manifest": manifest, "evidence": cases.evidence(healthy)})
    monkeypatch.setattr(cases, "baseline", lambda: kept)
    off = cases.unit("pool7.service", "inactive", "dead")
    facts = facts_of([nginx(), tickets(), off], HEALTHY_LISTENERS)
    facts |= asked(nginx(), tickets(), off)
    facts[ANSWERS] = {"url": "http://127.0.0.1:9100/", "status": 503}
    facts["baseline.manifest"] = manifest_now() | {"active_units": list(ran[:2])}
    judged = await judge(case(facts, status=503))
    assert steps(judged) == ["service.start unit=pool7.service"]


@pytest.mark.parametrize(
    ("path", "private"),
    [
        ("/etc/ssl/site/key.pem", True),
        ("/etc/nginx/tls/www.key", True),
        ("/srv/app/api-key", True),
        ("/etc/app/private_key.pem", True),
        ("/opt/app/store.jks", True),
        ("/etc/ssl/site/fullchain.pem", False),
        ("/etc/default/keyboard", False),
        ("/etc/app/monkey.conf", False),
    ],
)
def test_a_private_key_goes_back_only_if_a_person_agrees(path: str, *, private: bool) -> None:
    (mode,) = [m for m in Library.load().modes if m.id == "changed-since-healthy"]
    (remedy,) = [r for r in mode.remedies if "private key" in r.title]
    assert remedy.condition is not None
    assert remedy.condition.holds({"change": {"path": path, "kind": "content"}}) is private
    assert remedy.person


KILLED = "tickets.service: Main process exited, code=killed, status=9/KILL"


LIMIT = "/etc/systemd/system/sums.service.d/limit.conf"


@pytest.mark.parametrize(
    ("said", "healed_by"),
    [(KILLED, "service.restart unit=sums.service"), ("SyntaxError: invalid syntax", None)],
)
@pytest.mark.parametrize("gone", [(file(LIMIT),), (folder(LIMIT[:-11]), file(LIMIT))])
async def test_a_neighbour_that_lost_its_limit_gets_it_back_where_a_service_starves(
    said: str, healed_by: str | None, gone: tuple[Manifest.File, ...]
) -> None:
    loops = tickets("activating", "auto-restart", result="signal", n_restarts=4)
    sums = cases.unit("sums.service")
    facts = facts_of([nginx(), loops, sums], HEALTHY_LISTENERS[:1], persons__list={})
    facts |= asked(nginx(), loops, log={loops["name"]: [said]}) | asked(sums)
    facts["baseline.manifest"] = manifest_now()
    given = case(facts, status=502)
    (known,) = given.baselines
    files = (*known.manifest.files, *gone)
    known = known.model_copy(
        update={"manifest": known.manifest.model_copy(update={"files": files})}
    )
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    if healed_by is None:
        assert judged.repair is None
    else:
        assert steps(judged)[0].startswith("file.restore")
        assert steps(judged)[-1] == healed_by
        assert "tickets.service" in judged.statement
        assert gone[0].path in judged.statement


async def test_what_heals_only_together_is_put_back_together() -> None:
    """Each change was put back alone, did not heal and was undone: now all of it."""
    changed = (file(ENV, "b" * 64, modified=DAY_BEFORE), file(UNIT_FILE, "c" * 64))
    facts = serving(*changed, behind=SINCE)
    tried = tuple(f"changed-since-healthy@alpha:{one.path}" for one in changed)
    judged = await judge(case(facts, status=502, refuted=tried))
    assert judged.leader is not None
    assert judged.leader.mode == "changed-together"
    assert [s.split()[0] for s in steps(judged)] == [
        "file.restore", "file.restore", "daemon.reload", "service.restart"
    ]  # fmt: skip


CURRENT, OLD, NEW = "/srv/app/tickets/live", "/srv/app/tickets/r1", "/srv/app/tickets/r2"


@pytest.mark.parametrize(
    ("pruned", "said"), [(False, ""), (True, ""), (False, "KeyError: 'total' in Traceback")]
)
async def test_a_release_goes_back_only_where_that_may_help(
    pruned: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came with the new release is the same change; whoever owns it decides."""
    link = file(CURRENT, None, kind="symlink", target=OLD)
    kept = cases.FILES
    now = (folder(NEW), file(f"{NEW}/main.py"), link.model_copy(update={"target": NEW}))
    behind = {"working_directory": "/srv/app/tickets"}
    facts = serving(*now, *(() if pruned else (folder(OLD),)), behind=behind)
    line = {"template": said, "example": said, "count": 1}
    logged = {"source": "tickets", "lines": [line] if said else []}
    facts["unit.logs unit=tickets.service"] = logged
    monkeypatch.setattr(cases, "FILES", (*kept, link, folder(OLD)))
    judged = await judge(case(facts, status=500))
    assert judged.leader is not None
    assert f"{CURRENT} -> {NEW}" in judged.leader.text
    if pruned or said:
        assert judged.advice is Advice.HAND_OVER
        wanted = f"{OLD}, is not there any more" if pruned else "fails by itself"
        assert wanted in judged.statement
    else:
        assert steps(judged)[0] == f"file.restore_link path={CURRENT} target={OLD}"
        assert judged.repair is not None
        assert judged.repair.requires_person


async def test_a_site_that_was_switched_on_is_switched_off_by_its_link() -> None:
    """The file that it points to came with it: one change, and no rival of itself."""
    made = "/etc/nginx/sites-available/stray"
    link = file("/etc/nginx/sites-enabled/stray", None, kind="symlink", target=made)
    facts = serving(file(made, "b" * 64), link, status=200)
    judged = await judge(case(facts, status=403))
    subjects = [h.subject for h in judged.hypotheses if h.mode == "changed-since-healthy"]
    assert subjects == [link.path]


async def test_a_link_to_nowhere_points_back_without_anybody_being_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No release runs at all: there is nothing of its owners' to decide."""
    link = file(CURRENT, None, kind="symlink", target=OLD)
    kept, gone = cases.FILES, link.model_copy(update={"target": NEW})
    facts = serving(gone, folder(OLD), behind={"working_directory": "/srv/app/tickets"})
    facts["unit.logs unit=tickets.service"] = {"source": "tickets", "lines": []}
    monkeypatch.setattr(cases, "FILES", (*kept, link, folder(OLD)))
    judged = await judge(case(facts, status=502))
    assert steps(judged)[0] == f"file.restore_link path={CURRENT} target={OLD}"
    assert judged.repair is not None
    assert judged.repair.requires_person is None


LIMITING = "/etc/systemd/system/tickets.service.d/shares.conf"


async def test_a_limit_that_a_service_was_given_explains_that_it_is_late() -> None:
    facts = serving(file(LIMITING, "e" * 64))
    facts[f"config.read path={LIMITING}"] = {
        "path": LIMITING, "text": "[Service]\nCPUQuota=2%\n", "sha256": "e" * 64,
        "owner": "root", "group": "root", "mode": "0644",
    }  # fmt: skip
    late = case(facts, error="timeout")
    other = late.probes[0].model_copy(
        update={
            "probe": late.probes[0].probe.model_copy(update={"name": "quick", "path": "/quick"}),
            "ok": True, "status": 200, "error": None,
        }
    )  # fmt: skip
    judged = await judge(late.model_copy(update={"probes": (*late.probes, other)}))
    assert "file.remove" in str(steps(judged)), judged.statement
    assert judged.leader is not None
    assert any("CPUQuota" in one.statement for one in judged.leader.supports)


async def test_an_access_list_that_shuts_the_service_out_is_taken_away_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = file("/srv/pages/tickets", None, kind="directory", mode="0755", acl="none")
    monkeypatch.setattr(cases, "FILES", (*cases.FILES, pages))
    shut = pages.model_copy(update={"acl": "0200000001000700ffffffff:"})
    judged = await judge(case(serving(shut), status=403))
    assert steps(judged)[0] == "file.set_acl acl=none path=/srv/pages/tickets"
    assert "access list (ACL)" in judged.statement


def test_a_baseline_that_knows_no_access_lists_is_not_compared_by_them() -> None:
    then = file("/srv/pages/tickets", None, kind="directory")
    now = then.model_copy(update={"acl": "none"})
    shown = [Manifest(host="alpha", taken_at="", files=(one,)) for one in (then, now)]
    assert changes(*shown) == ()


async def test_what_a_link_led_to_is_put_back_where_a_log_names_the_link() -> None:
    """Nothing says that the service reads what is gone, but for the name of the link to it."""
    target, beside, active = (f"/etc/plans/{name}" for name in ("a/one.json", "a/two.json", "now"))
    link = file(active, None, kind="symlink", target="a/one.json")
    loops = tickets("activating", "auto-restart", result="exit-code", n_restarts=4)
    said = f"FileNotFoundError: [Errno 2] No such file or directory: '{active}'"
    facts = facts_of([nginx(), loops], HEALTHY_LISTENERS[:1], persons__list={})
    facts |= asked(nginx(), loops, log={loops["name"]: [said]})
    facts["baseline.manifest"] = manifest_now(link)
    given = case(facts, status=502)
    (known,) = given.baselines
    files = (*known.manifest.files, link, file(target), file(beside))
    known = known.model_copy(
        update={"manifest": known.manifest.model_copy(update={"files": files})}
    )
    judged = await judge(given.model_copy(update={"baselines": (known,)}))
    assert judged.repair is not None, judged.statement
    assert judged.repair.steps[0].action == "file.restore"
    assert judged.repair.steps[0].params["path"] == target
    assert judged.repair.cause == f"changed-since-healthy@alpha:{target}"
