"""The gate and redis: a small server on a real socket, answering as documented."""

from __future__ import annotations

import json
import socket
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
            role = (
                f"role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:{state['follows']}\r\n"
                f"master_link_status:{state.get('link', 'down')}\r\n"
                if state.get("follows")
                else "role:master\r\n"
            )
            text = (
                f"# Persistence\r\nrdb_last_bgsave_status:{state['saved']}\r\nused_memory:900\r\n"
                f"{role}connected_slaves:2\r\nmin_slaves_good_slaves:1\r\n"
                "errorstat_NOREPLICAS:count=12\r\nerrorstat_OURS:count=3\r\n"
                "errorstat_OOM:count=many\r\n"
            )
            return f"${len(text)}\r\n{text}\r\n".encode()
        if words[0] == "REPLICAOF":
            state["follows"] = None if words[1:] == ["NO", "ONE"] else int(words[2])
            return b"+OK\r\n"
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


@pytest.fixture
def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_one_that_follows_nobody_who_answers_leads_again_and_follows_again(
    server: dict[str, Any], free_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(state=str(tmp_path))
    server["follows"] = free_port
    found = shown(capsys)
    assert (found.role, found.master_port, found.master_answers) == ("slave", free_port, False)
    asked: dict[str, str | int] = {
        "port": server["port"], "host": "127.0.0.1", "master_port": free_port,
    }  # fmt: skip
    with pytest.raises(Failed, match="not the gate that ended"):
        redis.redis_follow(asked, places)
    redis.redis_promote(asked, places)
    assert json.loads(capsys.readouterr().out)["role"] == "master"
    redis.redis_follow(asked, places)
    told = json.loads(capsys.readouterr().out)
    assert told == {"role": "slave", "master": f"127.0.0.1:{free_port}", "answers": "no"}
    with pytest.raises(Failed, match="not the gate that ended"):
        redis.redis_follow(asked, places)


def test_one_whose_master_answers_or_is_another_is_left_alone(
    server: dict[str, Any], free_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(state=str(tmp_path))
    server["follows"] = server["port"]  # it listens
    asked: dict[str, str | int] = {
        "port": server["port"], "host": "127.0.0.1", "master_port": server["port"],
    }  # fmt: skip
    with pytest.raises(Failed, match="answers: which of the two"):
        redis.redis_promote(asked, places)
    assert shown(capsys).master_answers is True
    server["follows"] = free_port
    with pytest.raises(Failed, match="does not follow"):
        redis.redis_promote(asked, places)
    server["link"] = "up"
    redis.redis_following({"port": server["port"]}, places)
    assert json.loads(capsys.readouterr().out)["answers"] == "yes"
    assert server["follows"] == free_port
