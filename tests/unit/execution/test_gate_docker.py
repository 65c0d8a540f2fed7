"""The gate and a container engine: a small one on a real socket, answering as documented."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import docker, window
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.facts import ContainerFacts, ContainersFacts, ContainersUsageFacts

ID = "c0ffee" + 58 * "0"


class Engine(BaseHTTPRequestHandler):
    """One container `pages`; the state it is in lies on the server."""

    def do_GET(self) -> None:
        if self.path == "/containers/json?all=1":
            self._say(200, [{"Id": ID}])
        elif self.path == "/containers/json":
            self._say(200, [{"Id": ID, "Names": ["/pages"]}])
        elif self.path in (f"/containers/{ID}/json", "/containers/pages/json"):
            self._say(200, self._told())
        elif self.path == "/containers/pages/logs?stdout=1&stderr=1&tail=2":
            self._send(200, self.server.state["logs"])  # type: ignore[attr-defined]
        elif self.path == f"/containers/{ID}/stats?stream=false&one-shot=true":
            self._say(200, self.server.state["stats"].pop(0))  # type: ignore[attr-defined]
        elif self.path == "/networks/inner":
            self._say(200, {"Name": "inner"})
        elif self.path.startswith("/networks/"):
            self._say(404, {"message": "network outer not found"})
        else:
            self._say(404, {"message": "No such container: x"})

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else {}
        state = self.server.state  # type: ignore[attr-defined]
        what = self.path.rsplit("/", 1)[-1].partition("?")[0]
        if self.path.startswith("/networks/inner/"):
            assert body["Container"] == ID
            end = body.get("EndpointConfig", {})
            state["networks"] = {"inner": end} if what == "connect" else {}
            self._say(200, None)
        elif what == "start" and state["taken"]:
            self._say(500, {"message": "driver failed: port is already allocated"})
        elif what == "start" and state["status"] == "running":
            self._say(304, None)
        elif what == "start":
            state["status"] = "running"
            self._say(204, None)
        elif what in ("pause", "unpause"):
            state["status"] = {"pause": "paused", "unpause": "running"}[what]
            self._say(204, None)
        else:
            state["policy"] = body["RestartPolicy"]["Name"]
            state["retries"] = body["RestartPolicy"]["MaximumRetryCount"]
            self._say(200, {"Warnings": None})

    def _told(self) -> dict[str, Any]:
        state = self.server.state  # type: ignore[attr-defined]
        return {
            "Id": ID,
            "Name": "/pages",
            "RestartCount": 0,
            "Config": {
                "Image": "pages:3",
                "Env": ["TOKEN=s3cret"],
                "Tty": state.get("tty", False),
            },
            "State": {
                "Status": state["status"],
                "ExitCode": 137,
                "Error": "",
                "Running": state["status"] == "running",
                "Pid": os.getpid(),
            },
            "Mounts": [
                {"Type": "bind", "Source": here, "Destination": there}
                for here, there in state.get("mounts", ())
            ],
            "NetworkSettings": {"Networks": state.get("networks", {"inner": {}})},
            "LogPath": state.get("log", ""),
            "HostConfig": {
                "LogConfig": {"Type": state.get("kept", "json-file")},
                "AutoRemove": state.get("removed", False),
                "RestartPolicy": {
                    "Name": state["policy"],
                    "MaximumRetryCount": state.get("retries", 0),
                },
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8090"}]},
            },
        }

    def _say(self, status: int, body: object) -> None:
        self._send(status, b"" if body is None else json.dumps(body).encode())

    def _send(self, status: int, said: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    path = tmp_path / "engine.sock"
    server = socketserver.ThreadingUnixStreamServer(str(path), Engine)
    state: dict[str, Any] = {"status": "exited", "policy": "always", "taken": False}
    server.state = state  # type: ignore[attr-defined]
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    monkeypatch.setattr(docker, "SOCKETS", (str(tmp_path / "absent.sock"), str(path)))
    yield state
    server.shutdown()
    serving.join()
    server.server_close()


PLACES = Places()
NAMED: dict[str, str | int] = {"container": "pages", "id": ID}


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(("status", "told"), [("running", True), ("exited", False)])
def test_a_file_that_was_replaced_on_the_host_is_told(
    status: str,
    engine: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    told: bool,
) -> None:
    """The test's own process stands for the container's: it has what lies at the other path."""
    for name in ("old", "new", "same", "folder/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    new, old, same = (str(tmp_path / name) for name in ("new", "old", "same"))
    folders = (str(tmp_path), str(tmp_path / "folder"))
    engine |= {"status": status, "mounts": [(new, old), (same, same), folders, (new, "/absent")]}
    docker.containers_list({}, PLACES)
    (found,) = ContainersFacts.model_validate(shown(capsys)).containers
    assert found.stale_files == ((new,) if told else ())


def test_what_it_publishes_is_told_while_it_is_down_and_no_secret_is(
    engine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    docker.containers_list({}, PLACES)
    told = shown(capsys)
    assert "s3cret" not in json.dumps(told)
    (found,) = ContainersFacts.model_validate(told).containers
    assert (found.name, found.state, found.exit_code) == ("pages", "exited", 137)
    assert [(p.port, p.inside) for p in found.ports] == [(8090, 80)]


def test_it_is_started_and_starting_it_again_is_no_error(engine: dict[str, Any]) -> None:
    assert docker.container_start(NAMED, PLACES) == 0
    assert engine["status"] == "running"
    assert docker.container_start(NAMED, PLACES) == 0


def test_it_waits_as_it_is_and_goes_on(engine: dict[str, Any]) -> None:
    docker.container_start(NAMED, PLACES)
    assert docker.container_pause(NAMED, PLACES) == 0
    assert engine["status"] == "paused"
    assert docker.container_unpause(NAMED, PLACES) == 0
    assert engine["status"] == "running"


@pytest.fixture
def said(engine: dict[str, Any], tmp_path: Path) -> Path:
    """The file that the engine keeps what it has said in."""
    log = tmp_path.resolve() / "containers" / ID / f"{ID}-json.log"
    log.parent.mkdir(parents=True)
    log.write_text("a line\n")
    engine["log"] = str(log)
    return log


def test_what_it_has_said_is_emptied(said: Path) -> None:
    assert docker.container_truncate_log(NAMED, PLACES) == 0
    assert said.read_text() == ""


@pytest.mark.parametrize(
    "other",
    [{"kept": "journald"}, {"log": "/var/log/app.log"}, {"log": "/etc/containers/x-json.log"}],
)
def test_no_other_file_is_emptied(
    engine: dict[str, Any], said: Path, other: dict[str, str]
) -> None:
    engine.update(other)
    with pytest.raises(Failed, match="not kept in a file of its own"):
        docker.container_truncate_log(NAMED, PLACES)
    assert said.read_text() == "a line\n"


def test_another_one_that_took_the_name_is_left_alone(
    engine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Failed, match="of that id"):
        docker.container_start({"container": "pages", "id": 64 * "1"}, PLACES)
    docker.container_show({"container": "other", "id": ID}, PLACES)
    assert ContainerFacts.model_validate(shown(capsys)).state == "missing"
    assert engine["status"] == "exited"


def test_the_engines_own_words_are_told_where_it_refuses(engine: dict[str, Any]) -> None:
    engine["taken"] = True
    with pytest.raises(Failed, match="port is already allocated"):
        docker.container_start(NAMED, PLACES)


def test_the_restart_policy_is_set_and_set_back_with_its_count(
    engine: dict[str, Any], tmp_path: Path
) -> None:
    places = Places(state=str(tmp_path / "state"))
    engine |= {"policy": "on-failure", "retries": 5}
    for policy, retries in (("unless-stopped", 0), ("on-failure", 5)):
        docker.container_set_restart_policy({**NAMED, "policy": policy}, places)
        assert (engine["policy"], engine["retries"]) == (policy, retries)


def test_one_that_would_be_gone_with_its_end_is_not_stopped(engine: dict[str, Any]) -> None:
    engine |= {"status": "running", "removed": True}
    with pytest.raises(Failed, match="would be gone"):
        docker.container_stop(NAMED, PLACES)
    assert engine["status"] == "running"


def test_an_engine_that_is_away_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "SOCKETS", (str(tmp_path / "none.sock"),))
    with pytest.raises(Failed, match="does not answer"):
        docker.containers_list({}, PLACES)


def test_a_container_is_taken_off_a_network_and_attached_again_as_it_was(
    engine: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(state=str(tmp_path / "state"))
    asked: dict[str, str | int] = {"container": "pages", "id": ID, "network": "inner"}
    end = {"Aliases": ["shop"], "IPAMConfig": {"IPv4Address": "172.20.0.7"}}
    engine["networks"] = {"inner": {**end, "EndpointID": "e1"}}

    def attached(**more: str | int) -> str:
        docker.container_network(asked | more, places)
        return str(json.loads(capsys.readouterr().out)["attached"])

    assert attached() == "yes"
    docker.container_disconnect_network(asked, places)
    capsys.readouterr()
    assert attached() == "no"
    docker.container_connect_network(asked, places)
    capsys.readouterr()
    assert attached() == "yes"
    assert engine["networks"] == {"inner": end}
    assert attached(network="outer") == "missing"
    with pytest.raises(Failed, match="no container other"):
        docker.container_connect_network(asked | {"container": "other"}, places)


@pytest.mark.parametrize("tty", [False, True])
def test_the_last_lines_of_both_streams(
    engine: dict[str, Any], capsys: pytest.CaptureFixture[str], tty: bool
) -> None:
    pieces = [(1, b"started\n"), (2, b"failed: "), (2, b"no route\n")]
    framed = b"".join(bytes([of, 0, 0, 0]) + len(p).to_bytes(4, "big") + p for of, p in pieces)
    engine |= {"tty": tty, "logs": b"".join(p for _, p in pieces) if tty else framed}
    assert docker.container_logs({"container": "pages", "lines": 2}, PLACES) == 0
    assert capsys.readouterr().out == "started\nfailed: no route\n"


def test_a_container_that_is_not_there_has_no_lines(engine: dict[str, Any]) -> None:
    with pytest.raises(Failed, match="No such container"):
        docker.container_logs({"container": "absent", "lines": 2}, PLACES)


def test_what_running_containers_use(
    engine: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "SECONDS", 0.0)
    seen = {"memory_stats": {"usage": 4096, "limit": 8192}, "pids_stats": {"current": 3}}
    engine["stats"] = [
        seen | {"cpu_stats": {"cpu_usage": {"total_usage": used}}} for used in (0, 10**9)
    ]
    docker.containers_usage({}, PLACES)
    (one,) = ContainersUsageFacts.model_validate(shown(capsys)).containers
    assert (one.name, one.memory_bytes, one.memory_limit_bytes, one.processes) == (
        "pages", 4096, 8192, 3,
    )  # fmt: skip
    assert one.processors_percent is not None
    assert one.processors_percent > 0


def test_a_container_without_counters_is_told_without_them(
    engine: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "SECONDS", 0.0)
    engine["stats"] = [{"cpu_stats": {}}, {"cpu_stats": {}}]
    docker.containers_usage({}, PLACES)
    (one,) = ContainersUsageFacts.model_validate(shown(capsys)).containers
    assert one.processors_percent is None
