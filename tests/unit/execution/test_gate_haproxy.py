"""The gate and haproxy's admin socket: a small one on a real socket, answering as documented."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import haproxy
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.facts import BalancedFacts, BalancedServer

COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_port"
)
ADMIN = {"ready": 0, "maint": 1, "drain": 8}


class Balancer(socketserver.StreamRequestHandler):
    """Two servers of one backend; what was set of the first lies on the server."""

    def handle(self) -> None:
        state: dict[str, Any] = self.server.state  # type: ignore[attr-defined]
        words = self.rfile.readline().decode().split()
        if words == ["show", "servers", "state"]:
            first = f"3 pages 1 one 192.0.2.1 2 {state['admin']} {state['weight']} 100 80"
            second = "3 pages 2 two 192.0.2.2 0 4 100 100 80"
            self.wfile.write(f"1\n# {COLUMNS}\n{first}\n{second}\n\n".encode())
        elif words[:3] == ["set", "server", "pages/one"] and words[3] == "state":
            state["admin"] = ADMIN[words[4]]
            self.wfile.write(b"\n")
        elif words[:3] == ["set", "server", "pages/one"]:
            state["weight"] = int(words[4])
            self.wfile.write(b"\n")
        elif words == ["show", "map"]:
            said = f"# id (file) description\n-1 ({state['map']}) pattern loaded from file\n"
            self.wfile.write(said.encode())
        elif words == ["show", "map", state["map"]]:
            lines = [f"0x55d0 {key} {value}\n" for key, value in state["entries"].items()]
            self.wfile.write("".join(lines).encode())
        elif words == ["show", "acl"]:
            self.wfile.write(b"# id (file) description\n0 (acl 'path_beg') pattern, line 7\n")
        elif words[:2] == ["show", "stat"]:
            rows = f"front,FRONTEND,0,{state['front']}\nstats,FRONTEND,0,OPEN\n"
            self.wfile.write(f"# pxname,svname,qcur,status\n{rows}".encode())
        else:
            self.wfile.write(b"No such server.\n")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    state: dict[str, Any]


@pytest.fixture
def balancer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    config = tmp_path / "haproxy.cfg"
    path = tmp_path / "admin.sock"
    config.write_text(
        "global\n\t# stats socket /run/old.sock level admin\n"
        f"\tstats socket {tmp_path}/watch.sock mode 660 level operator\n"
        f"\tstats socket {path} mode 600 level admin\n"
    )
    monkeypatch.setattr(haproxy, "FILES", (str(tmp_path / "none/*.cfg"), str(config)))
    with Server(str(path), Balancer) as server:
        hosts = tmp_path / "hosts.map"
        hosts.write_text("# who answers for whom\na.example  one\n\nb.example two\n")
        entries = {"a.example": "one", "b.example": "two"}
        server.state = {"admin": 0, "weight": 100, "front": "OPEN", "entries": entries}
        server.state["map"] = str(hosts)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(str(tmp_path / "state"), str(tmp_path / "gate.json"))


ONE = {"backend": "pages", "server": "one"}


def said(capfd: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capfd.readouterr().out)


def test_every_server_is_told_as_it_is_used(
    balancer: Server, places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    balancer.state["admin"] = ADMIN["drain"]
    haproxy.haproxy_servers({}, places)
    told = BalancedFacts.model_validate(said(capfd))
    one, two = told.servers
    assert (one.state, one.by_hand, one.health, one.port) == ("drain", True, "up", 80)
    assert (two.state, two.by_hand, two.health) == ("maint", False, "down")  # as the file has it


def test_lists_that_were_changed_while_it_runs_are_told_and_frontends_that_were_stopped(
    balancer: Server, places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    haproxy.haproxy_servers({}, places)
    assert BalancedFacts.model_validate(said(capfd)).strayed == ""
    balancer.state["entries"] = {"a.example": "three"}
    balancer.state["front"] = "STOP"
    haproxy.haproxy_servers({}, places)
    told = BalancedFacts.model_validate(said(capfd))
    (strayed,) = told.lists
    assert strayed.path == balancer.state["map"]
    assert strayed.missing == ("a.example one", "b.example two")
    assert strayed.added == ("a.example three",)
    assert told.stopped == ("front",)
    assert "not used: a.example one, b.example two" in told.strayed


@pytest.mark.parametrize("state", ["drain", "maint"])
def test_a_server_is_taken_out_and_put_back(
    balancer: Server, places: Places, capfd: pytest.CaptureFixture[str], state: str
) -> None:
    for wanted in (state, "ready"):
        haproxy.haproxy_set_state({**ONE, "state": wanted}, places)
        assert BalancedServer.model_validate(said(capfd)).state == wanted


def test_its_share_is_set(
    balancer: Server, places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    haproxy.haproxy_set_weight({**ONE, "weight": 0}, places)
    told = BalancedServer.model_validate(said(capfd))
    assert (told.weight, told.weight_configured) == (0, 100)


def test_a_server_that_is_not_there_is_missing_and_never_set(
    balancer: Server, places: Places, capfd: pytest.CaptureFixture[str]
) -> None:
    other: dict[str, str | int] = {"backend": "pages", "server": "nine"}
    haproxy.haproxy_server(other, places)
    assert said(capfd)["state"] == "missing"
    with pytest.raises(Failed, match="no server pages/nine"):
        haproxy.haproxy_set_state({**other, "state": "ready"}, places)


def test_without_a_socket_nothing_is_known_and_nothing_set(
    places: Places,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(haproxy, "FILES", (str(tmp_path / "none.cfg"),))
    haproxy.haproxy_servers({}, places)
    assert said(capfd) == {"socket": None}
    with pytest.raises(Failed, match="names no socket"):
        haproxy.haproxy_set_state({**ONE, "state": "ready"}, places)


def test_one_that_does_not_answer_is_said(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "haproxy.cfg"
    config.write_text(f"global\n stats socket {tmp_path}/gone.sock level admin\n")
    monkeypatch.setattr(haproxy, "FILES", (str(config),))
    with pytest.raises(Failed, match="does not answer"):
        haproxy.haproxy_servers({}, places)
