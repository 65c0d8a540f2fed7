"""The gate and redis: a small server on a real socket, answering as documented."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import redis
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.database_facts import RedisFacts, RedisServer

PLACES = Places()


class Listening(socketserver.ThreadingTCPServer):
    """One server, and what it answers by."""

    state: dict[str, Any]


class Talking(socketserver.StreamRequestHandler):
    """INFO, CONFIG GET and BGSAVE of a server whose state lies on the server."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:size].decode())
            self.wfile.write(self._answer(words))

    def _answer(self, words: list[str]) -> bytes:
        assert isinstance(self.server, Listening)
        state = self.server.state
        if state.get("password"):
            return b"-NOAUTH Authentication required.\r\n"
        if words[0] == "INFO":
            text = (
                f"# Persistence\r\nrdb_last_bgsave_status:{state['saved']}\r\nused_memory:900\r\n"
                "role:master\r\nconnected_slaves:2\r\nmin_slaves_good_slaves:1\r\n"
                "errorstat_NOREPLICAS:count=12\r\nerrorstat_OURS:count=3\r\n"
                "errorstat_OOM:count=many\r\n"
            )
            return f"${len(text)}\r\n{text}\r\n".encode()
        if words[0] == "BGSAVE":
            state["saved"] = state["next"]
            return b"+Background saving started\r\n"
        if words[:2] == ["CONFIG", "SET"]:
            state["set"] = words[2:]
            return b"+OK\r\n"
        known = {"dir": state["dir"], "maxmemory": "1000", "maxclients": "40"}
        value = known.get(words[2], "")
        key = words[2]
        return f"*2\r\n${len(key)}\r\n{key}\r\n${len(value)}\r\n{value}\r\n".encode()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    listening = Listening(("127.0.0.1", 0), Talking)
    listening.daemon_threads = True
    state: dict[str, Any] = {"saved": "err", "next": "ok", "dir": str(tmp_path)}
    listening.state = state
    serving = threading.Thread(target=listening.serve_forever)
    serving.start()
    port = listening.server_address[1]
    found = redis.Server(1, "cache", "cache.service", "127.0.0.1", port)
    monkeypatch.setattr(redis, "_servers", lambda: [found])
    state["port"] = port
    yield state
    listening.shutdown()
    serving.join()
    listening.server_close()


def shown(capsys: pytest.CaptureFixture[str]) -> RedisServer:
    redis.redis_state({}, PLACES)
    return RedisFacts.model_validate(json.loads(capsys.readouterr().out)).servers[0]


def test_its_state_and_its_folder_are_told(
    server: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = shown(capsys)
    assert (found.reachable, found.rdb_last_bgsave_status, found.dir) == (
        True, "err", server["dir"]
    )  # fmt: skip
    assert (found.used_memory, found.maxmemory) == (900, 1000)
    assert found.folder is not None
    assert len(found.folder.mode) == 4


def test_replicas_and_the_servers_own_errors_are_counted(
    server: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = shown(capsys)
    assert (found.role, found.replicas, found.good_replicas) == ("master", 2, 1)
    assert found.refused == {"NOREPLICAS": 12}, "no script's words, nothing that is no number"


def test_one_that_wants_a_password_is_left_at_that(
    server: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    server["password"] = True
    found = shown(capsys)
    assert (found.auth_required, found.rdb_last_bgsave_status) == (True, None)


def test_a_save_is_asked_for_and_its_failure_is_said(server: dict[str, Any]) -> None:
    assert redis.redis_save({"port": server["port"]}, PLACES) == 0
    server["next"] = "err"
    with pytest.raises(Failed, match="still cannot save"):
        redis.redis_save({"port": server["port"]}, PLACES)


def test_a_listed_setting_is_told_and_set(
    server: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(capsys).settings == {"maxclients": 40}
    asked: dict[str, str | int] = {"port": server["port"], "name": "maxclients"}
    redis.redis_setting(asked, PLACES)
    assert json.loads(capsys.readouterr().out) == {"name": "maxclients", "value": 40}
    redis.redis_set(asked | {"value": 900}, PLACES)
    assert server["set"] == ["maxclients", "900"]


@pytest.mark.parametrize("name", ["dir", "requirepass", "maxmemory", "slaveof"])
def test_no_other_setting_is_touched(server: dict[str, Any], name: str) -> None:
    asked: dict[str, str | int] = {"port": server["port"], "name": name, "value": 1}
    for action in (redis.redis_setting, redis.redis_set):
        with pytest.raises(Failed, match="none of the settings"):
            action(asked, PLACES)
    assert "set" not in server
