"""What a log says was denied to a service: given back where it lies in the service's own folder."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.denials import nobody_known
from app.host.facts import Manifest
from app.host.view import HostView
from app.reasoning.port import Assessment
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    HOST,
    baseline,
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

PATH = "/var/log/tickets/today.log"
KEEPER = "/etc/logrotate.d/tickets"
LINES = (
    f"PermissionError: [Errno 13] Permission denied: '{PATH}'",
    f"cannot open {PATH}: Permission denied",
    f'open() "{PATH}" failed (13: Permission denied)',
)


def component(path: str, owner: str, **more: Any) -> dict[str, Any]:
    shape = {"path": path, "kind": "directory", "owner": owner, "group": "adm", "mode": "0750"}
    return shape | {"readable": True, "writable": True, "searchable": True} | more


async def judged_of(
    line: str = LINES[0],
    *,
    folder: str = "clerk",
    owner: str = "root",
    writable: bool = False,
    keeper: bool = False,
) -> Assessment:
    own = tickets(user="clerk")
    facts = facts_of([nginx(), own], HEALTHY_LISTENERS)
    facts |= asked(nginx(), own, log={"tickets.service": [line]})
    page = "http.local host_header=tickets.example url=http://127.0.0.1:9100/"
    facts[page] = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts[f"path.access path={PATH} user=clerk"] = {
        "path": PATH, "user": "clerk", "exists": True, "writable": writable,
        "components": [
            component("/var/log", "root", writable=False),
            component("/var/log/tickets", folder),
            component(PATH, owner, kind="file", mode="0640", writable=writable),
        ],
    }  # fmt: skip
    now = (file(KEEPER, "b" * 64),) if keeper else ()
    facts["baseline.manifest"] = manifest_now(*now)
    facts[f"file.diff path={KEEPER} sha256={'a' * 64}"] = {"path": KEEPER, "comments": []}
    given = case(facts, status=500)
    known = baseline()
    files: tuple[Manifest.File, ...] = (*known.manifest.files, *((file(KEEPER),) if keeper else ()))
    manifest = known.manifest.model_copy(update={"files": files})
    then = known.model_copy(update={"manifest": manifest})
    return await judge(given.model_copy(update={"baselines": (then,)}))


SOCKET = "/run/tickets/app.sock"
CONNECT = (
    f"connect() to unix:{SOCKET} failed (13: Permission denied) while connecting to upstream, "
    f'upstream: "http://unix:{SOCKET}:/", host: "tickets.example"'
)
FCGI = (
    "[proxy:error] (13)Permission denied: AH02454: FCGI: attempt to connect to Unix domain socket "
    f"{SOCKET} (tickets.example) failed"
)


async def judged_at_a_socket(line: str, **of_socket: Any) -> Assessment:
    """The web server's workers ask the service at a socket that only root may use now."""
    front, own = nginx(user="www"), tickets(user="clerk")
    facts = facts_of([front, own], HEALTHY_LISTENERS)
    facts |= asked(front, own, log={"nginx.service": [line]})
    facts[f"path.access path={SOCKET} user=www"] = {
        "path": SOCKET, "user": "www", "exists": True,
        "components": [
            component("/run", "root", writable=False),
            component("/run/tickets", "clerk", writable=False),
            component(SOCKET, "root", kind="socket", mode="0600", writable=False) | of_socket,
        ],
    }  # fmt: skip
    facts[f"socket.state path={SOCKET}"] = {
        "path": SOCKET, "kind": "socket", "listening": True, "unit": "tickets.service",
    }  # fmt: skip
    facts["baseline.manifest"] = manifest_now()
    return await judge(case(facts, status=502).model_copy(update={"baselines": (baseline(),)}))


@pytest.mark.parametrize("line", [CONNECT, FCGI])
async def test_a_socket_that_was_closed_is_made_anew_by_who_listens(line: str) -> None:
    judged = await judged_at_a_socket(line)
    assert steps(judged) == ["service.restart unit=tickets.service"], judged.statement
    assert SOCKET in judged.statement


@pytest.mark.parametrize(("line", "wanted"), [(FCGI, True), ("started", False)])
def test_whom_a_server_that_root_started_works_as_is_asked(line: str, *, wanted: bool) -> None:
    front = unit("front.service")
    facts = facts_of([front], []) | asked(front, log={"front.service": [line]})
    assert nobody_known(HostView(HOST, evidence(facts)), ["front.service"]) is wanted
    worker = {"pid": 7, "ppid": 6, "user": "www", "state": "S", "seconds": 9, "rss_bytes": 1,
              "command": "front", "unit": "front.service"}  # fmt: skip
    facts["processes.list"] = {"processes": [worker]}
    assert nobody_known(HostView(HOST, evidence(facts)), ["front.service"]) is False


async def test_a_socket_that_is_open_again_is_no_cause() -> None:
    judged = await judged_at_a_socket(CONNECT, writable=True)
    assert SOCKET not in judged.statement


GIVE = f"file.set_owner group=adm owner=clerk path={PATH}"


@pytest.mark.parametrize("line", LINES)
async def test_a_file_of_another_in_its_own_folder_is_given_back(line: str) -> None:
    judged = await judged_of(line)
    assert steps(judged) == [GIVE], judged.statement
    assert PATH in judged.statement


async def test_who_makes_it_so_again_and_again_is_put_back_too() -> None:
    judged = await judged_of(keeper=True)
    assert [s.partition(" ")[0] for s in steps(judged)] == ["file.restore", "file.set_owner"]
    assert KEEPER in judged.statement


@pytest.mark.parametrize(
    "more",
    [{"folder": "root"}, {"writable": True}, {"line": f"cannot open {PATH}: No such file"}],
)
async def test_what_is_not_its_own_or_not_denied_stays(more: dict[str, Any]) -> None:
    judged = await judged_of(**more)
    assert judged.repair is None or GIVE not in steps(judged)


SHARED = "/srv/handover/slips"
SLIP = f"{SHARED}/slip-7.txt"
BEFORE, LATELY, NOW_ISO = (
    "2025-12-01T00:00:00+00:00", "2025-12-31T22:00:00+00:00", "2026-01-01T00:00:00+00:00"
)  # fmt: skip


def slip(name: str, group: str = "scanner", *, at: str = LATELY, mode: str = "0640") -> Any:
    shape = {"name": name, "kind": "file", "owner": "scanner", "group": group, "bytes": 4}
    return shape | {"mode": mode, "modified": at}


async def judged_of_folder(
    now: dict[str, Any], entries: list[dict[str, Any]], then_mode: str = "2770"
) -> Assessment:
    """A folder that two services share, and a reader that is refused what lies in it."""
    own = tickets(user="clerk")
    facts = facts_of([nginx(), own], HEALTHY_LISTENERS)
    facts |= asked(nginx(), own, log={"tickets.service": [f"Permission denied: '{SLIP}'"]})
    page = "http.local host_header=tickets.example url=http://127.0.0.1:9100/"
    facts[page] = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts[f"path.access path={SLIP} user=clerk"] = {
        "path": SLIP, "user": "clerk", "exists": True, "readable": False, "writable": False,
        "components": [
            component(SHARED, "root", group="slips"),
            component(SLIP, "scanner", kind="file", mode="0640", group="scanner", readable=False,
                      writable=False),
        ],
    }  # fmt: skip
    facts[f"folder.list path={SHARED}"] = {
        "path": SHARED, "count": len(entries), "entries": entries,
    }  # fmt: skip
    shape = {"kind": "directory", "owner": "root", "group": "slips", "mode": then_mode}
    facts["baseline.manifest"] = manifest_now(file(SHARED, None, **shape | now))
    given = case(facts, status=500)
    known = baseline()
    files = (*known.manifest.files, file(SHARED, None, **shape))
    manifest = known.manifest.model_copy(update={"files": files})
    then = known.model_copy(update={"manifest": manifest, "taken_at": "2025-12-15T00:00:00+00:00"})
    return await judge(given.model_copy(update={"baselines": (then,)}))


SET = f"file.set_mode mode=2770 path={SHARED}"
OLD = slip("slip-1.txt", "slips", at=BEFORE)


async def test_a_folder_that_lost_its_setgid_bit_gets_it_back_and_so_do_files_made_since() -> None:
    closed = slip("private.txt", mode="0600")
    judged = await judged_of_folder({"mode": "0770"}, [slip("slip-7.txt"), closed, OLD])
    assert steps(judged) == [SET, f"file.set_owner group=slips owner=scanner path={SLIP}"]
    assert judged.leader is not None
    assert "setgid" in judged.leader.text


async def test_where_files_come_all_the_time_only_the_folder_is_put_right() -> None:
    times = (NOW_ISO, "2025-12-31T23:59:56+00:00", "2025-12-31T23:59:52+00:00")
    judged = await judged_of_folder({"mode": "0770"}, [slip(f"s{t}", at=t) for t in times])
    assert steps(judged) == [SET]


async def test_a_folder_of_another_group_gets_its_group_back() -> None:
    judged = await judged_of_folder({"group": "clerks"}, [slip("slip-7.txt", "clerks"), OLD])
    assert steps(judged) == [
        f"file.set_owner group=slips owner=root path={SHARED}",
        f"file.set_owner group=slips owner=scanner path={SLIP}",
    ]


async def test_many_files_are_not_given_away() -> None:
    judged = await judged_of_folder({"mode": "0770"}, [slip(f"s{n}") for n in range(30)])
    assert steps(judged) == [SET]


async def test_a_folder_that_never_gave_its_group_leaves_files_as_they_are() -> None:
    judged = await judged_of_folder({"mode": "0700"}, [slip("slip-7.txt")], then_mode="0770")
    assert steps(judged) == [f"file.set_mode mode=0770 path={SHARED}"]


async def test_a_folder_on_the_way_that_was_closed_is_opened_as_it_was() -> None:
    """It is nobody's of the service, and another mode than while the host was healthy."""
    own = tickets(user="clerk")
    closed, path = "/var/lib/tickets", "/var/lib/tickets/in/7.bin"
    facts = facts_of([nginx(), own], HEALTHY_LISTENERS)
    facts |= asked(nginx(), own, log={"tickets.service": [f"open() {path}: Permission denied"]})
    page = "http.local host_header=tickets.example url=http://127.0.0.1:9100/"
    facts[page] = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts[f"path.access path={path} user=clerk"] = {
        "path": path, "user": "clerk", "exists": False, "writable": None, "blocked_at": closed,
        "components": [
            component("/var/lib", "root", writable=False),
            component(closed, "root", mode="0700", searchable=False, writable=False),
        ],
    }  # fmt: skip
    facts["baseline.manifest"] = manifest_now(file(closed, None, kind="directory", mode="0700"))
    given = case(facts, status=500)
    known = baseline()
    files = (*known.manifest.files, file(closed, None, kind="directory", mode="0755"))
    manifest = known.manifest.model_copy(update={"files": files})
    then = known.model_copy(update={"manifest": manifest})
    judged = await judge(given.model_copy(update={"baselines": (then,)}))
    assert steps(judged) == [f"file.set_mode mode=0755 path={closed}"], judged.statement
