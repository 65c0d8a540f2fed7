"""The gate and a container engine: a small one on a real socket, answering as documented."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import docker
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.facts import ContainerFacts, ContainersFacts

ID = "c0ffee" + 58 * "0"


class Engine(BaseHTTPRequestHandler):
    """One container `pages`; the state it is in lies on the server."""

    def do_GET(self) -> None:
        if self.path == "/containers/json?all=1":
            self._say(200, [{"Id": ID}])
        elif self.path == f"/containers/{ID}/json":
            self._say(200, self._told())
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
            "Config": {"Image": "pages:3", "Env": ["TOKEN=s3cret"]},
            "State": {"Status": state["status"], "ExitCode": 137, "Error": ""},
            "NetworkSettings": {"Networks": state.get("networks", {"inner": {}})},
            "HostConfig": {
                "AutoRemove": state.get("removed", False),
                "RestartPolicy": {
                    "Name": state["policy"],
                    "MaximumRetryCount": state.get("retries", 0),
                },
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8090"}]},
            },
        }

    def _say(self, status: int, body: object) -> None:
        said = b"" if body is None else json.dumps(body).encode()
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
