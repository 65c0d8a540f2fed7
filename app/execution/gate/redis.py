"""Redis and Valkey, asked in their own protocol over the socket that they listen on.

A server that wants a password is left at that: the answer says so, no password is looked for.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from typing import Any, NamedTuple

from . import made
from .answers import (
    Params,
    answer,
    command_of,
    group_name,
    mode_text,
    process_ids,
    read_program,
    unit_of,
    user_name,
)
from .network import listening
from .places import Places
from .refusal import Failed

PROGRAMS = ("redis-server", "valkey-server", "redis-check-rdb")
_SECONDS = 3.0
_LARGEST = 1024 * 1024
_SAVE_SECONDS = 30.0
_MOST = 8
_SHARE_OF_HOST = 0.5
_SETTINGS = ("dir", "maxmemory", "maxmemory-policy", "stop-writes-on-bgsave-error", "maxclients")
"""All that is ever read of the configuration: passwords stand in other keys."""

SETTABLE = (
    "maxclients", "timeout", "tcp-keepalive", "min-replicas-to-write", "min-replicas-max-lag",
    "proto-max-bulk-len", "repl-timeout", "repl-backlog-size", "lua-time-limit",
    "maxmemory-samples",
)  # fmt: skip
"""Numbers that a running server takes up, and that let nobody in."""

WORDS = (
    "maxmemory-policy", "stop-writes-on-bgsave-error", "notify-keyspace-events", "appendfsync",
    "replica-read-only", "replica-serve-stale-data", "lazyfree-lazy-eviction",
)  # fmt: skip
"""The same, with words for values; "none" where there is none."""

_NONE = "none"

_NUMBERS = (
    "used_memory",
    "total_system_memory",
    "connected_clients",
    "rejected_connections",
    "evicted_keys",
)
_WORDS = ("role", "rdb_last_bgsave_status", "aof_last_write_status", "master_link_status",
          "master_host")  # fmt: skip
_REPLICAS = {"connected_slaves": "replicas", "min_slaves_good_slaves": "good_replicas"}
_ERRORS = ("NOREPLICAS", "MISCONF", "OOM", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "NOAUTH",
           "WRONGPASS", "NOPERM", "LOADING", "BUSY")  # fmt: skip
"""Errors that a server itself gives: scripts may give others, with anybody's words in them."""

_COUNT = re.compile(r"count=([0-9]{1,18})")


class Server(NamedTuple):
    """One running server, by one address of its port."""

    pid: int
    account: str
    unit: str | None
    address: str
    port: int


class Wrong(Exception):
    """The server answered with an error: its own words."""


def redis_state(_: Params, __: Places) -> int:
    """RedisFacts: every server that listens on a port of this host."""
    return answer({"servers": [_told(server) for server in _servers()]})


def redis_save(params: Params, _: Places) -> int:
    """Let a server write its snapshot now, in the background as always, and wait for its end."""
    server = _at_port(int(params["port"]))
    with _connected(server) as talk:
        before = _number(talk, "rdb_last_save_time")
        said = _said(talk, "BGSAVE")
        until = time.monotonic() + _SAVE_SECONDS
        while _number(talk, "rdb_bgsave_in_progress") and time.monotonic() < until:
            time.sleep(0.1)  # the server has no event for it
        told = _info(talk)
    saved = int(told.get("rdb_last_save_time", 0)) >= before
    if told.get("rdb_last_bgsave_status") != "ok" or not saved:
        raise Failed(f"the server on port {server.port} still cannot save: see its log")
    return answer({"port": server.port, "said": said, "status": "ok"})


def redis_memory(params: Params, _: Places) -> int:
    """RedisMemoryFacts."""
    server = _at_port(int(params["port"]))
    with _connected(server) as talk:
        limit = _setting(talk, "maxmemory")
        policy = _setting(talk, "maxmemory-policy")
    return answer({"port": server.port, "maxmemory": int(limit or 0), "policy": policy or ""})


def redis_setting(params: Params, _: Places) -> int:
    """RedisSettingFacts."""
    server, name = _at_port(int(params["port"])), _settable(params)
    with _connected(server) as talk:
        value = _setting(talk, name)
    if value is None or not value.isdigit():
        raise Failed(f"the server on port {server.port} does not tell {name}")
    return answer({"name": name, "value": int(value)})


def redis_set(params: Params, _: Places) -> int:
    """Set one listed setting of a running server; its file stays as it is."""
    server, name = _at_port(int(params["port"])), _settable(params)
    with _connected(server) as talk:
        _say(talk, "CONFIG", "SET", name, str(int(params["value"])))
    return answer({"name": name, "value": int(params["value"])})


def redis_word(params: Params, _: Places) -> int:
    """RedisWordFacts: a setting that is a word, as it is now."""
    server, name = _at_port(int(params["port"])), _settable(params, WORDS)
    with _connected(server) as talk:
        value = _setting(talk, name)
    if value is None:
        raise Failed(f"the server on port {server.port} does not tell {name}")
    return answer({"name": name, "value": value or _NONE})


def redis_set_word(params: Params, _: Places) -> int:
    """Set one listed setting of a running server to a word; its file stays as it is."""
    server, name = _at_port(int(params["port"])), _settable(params, WORDS)
    given = str(params["value"])
    with _connected(server) as talk:
        _say(talk, "CONFIG", "SET", name, "" if given == _NONE else given)
    return answer({"name": name, "value": given})


def redis_following(params: Params, _: Places) -> int:
    """RedisFollowingFacts: whom a server follows, and whether that one answers."""
    with _connected(_at_port(int(params["port"]))) as talk:
        return answer(_following(_info(talk)))


def redis_promote(params: Params, places: Places) -> int:
    """Let a server be its own master again, where the one that it follows answers nobody here."""
    server = _at_port(int(params["port"]))
    with _connected(server) as talk:
        told = _following(_info(talk))
        if told["role"] != "slave" or told["master"] != f"{params['host']}:{params['master_port']}":
            raise Failed(f"it does not follow {params['host']}:{params['master_port']}")
        if told["answers"] != "no":
            raise Failed(f"{told['master']} answers: which of the two leads is for people to say")
        made.note(f"redis {server.port} followed", places, told["master"])
        _say(talk, "REPLICAOF", "NO", "ONE")
        return answer(_following(_info(talk)))


def redis_follow(params: Params, places: Places) -> int:
    """Let a server follow again whom it followed until the gate made it its own master."""
    server, master = _at_port(int(params["port"])), f"{params['host']}:{params['master_port']}"
    if made.noted(f"redis {server.port} followed", places) != master:
        raise Failed(f"it was not the gate that ended that it followed {master}")
    with _connected(server) as talk:
        _say(talk, "REPLICAOF", str(params["host"]), str(params["master_port"]))
        made.forget(f"redis {server.port} followed", places)
        return answer(_following(_info(talk)))


def _following(told: dict[str, str]) -> dict[str, Any]:
    """`answers`: yes, no, or "" of a server that follows nobody."""
    role = told.get("role", "")
    if role != "slave":
        return {"role": role, "master": "", "answers": ""}
    host, port = told.get("master_host", ""), int(told.get("master_port", "0"))
    up = told.get("master_link_status") == "up" or told.get("master_sync_in_progress") == "1"
    answers = "yes" if up or _is_met(host, port) else "no"
    return {"role": role, "master": f"{host}:{port}", "answers": answers}


def _is_met(host: str, port: int) -> bool:
    """Whether anything at all takes a connection there: what listens may be a master that is only
    not willing."""
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except OSError:
        return False
    return True


def redis_set_maxmemory(params: Params, places: Places) -> int:
    """Let a full server that throws nothing away use more memory, or as much as before again."""
    server, wanted = _at_port(int(params["port"])), int(params["bytes"])
    with _connected(server) as talk:
        before, whole = int(_setting(talk, "maxmemory") or 0), _number(talk, "total_system_memory")
        back = made.noted(f"redis {server.port}", places) == str(wanted)
        if not back and not (0 < before < wanted <= whole * _SHARE_OF_HOST):
            raise Failed(f"{wanted} bytes are not between {before}, as now, and half of {whole}")
        if _setting(talk, "maxmemory-policy") != "noeviction":
            raise Failed("the server throws entries away by itself; it is left alone")
        made.note(f"redis {server.port}", places, str(before))
        _say(talk, "CONFIG", "SET", "maxmemory", str(wanted))
    return answer({"port": server.port, "maxmemory": wanted, "before": before})


def _say(talk: Talk, *words: str) -> None:
    try:
        talk.say(*words)
    except Wrong as error:
        raise Failed(f"redis: {str(error)[:200]}") from None


def _settable(params: Params, listed: tuple[str, ...] = SETTABLE) -> str:
    name = str(params["name"])
    if name not in listed:
        raise Failed(f"{name} is none of the settings that are set here")
    return name


def _servers() -> list[Server]:
    """By the process's name and the ports that it holds; of several addresses a near one."""
    pids = {int(pid) for pid in process_ids() if command_of(pid) in PROGRAMS}
    if not pids:
        return []
    code, listed, error = read_program(["/usr/bin/ss", "-H", "-l", "-t", "-n", "-p"])
    if code != 0:
        raise Failed(f"ss: {error.strip() or code}")
    found: dict[int, Server] = {}
    for entry in listening("\n".join(f"tcp {line}" for line in listed.splitlines())):
        pid, port = entry["pid"], entry["port"]
        if isinstance(pid, int) and isinstance(port, int) and pid in pids:
            known = found.get(port)
            address = _reachable(str(entry["address"]))
            if known is None or address == "127.0.0.1":
                found[port] = Server(pid, _account(pid), unit_of(pid), address, port)
    return [found[port] for port in sorted(found)[:_MOST]]


def _reachable(address: str) -> str:
    """Where a socket that is bound so can be met from this host."""
    return {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104


def _account(pid: int) -> str:
    try:
        return user_name(os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        return ""


def _at_port(port: int) -> Server:
    for server in _servers():
        if server.port == port:
            return server
    raise Failed(f"no redis server of this host has the port {port}")


def _told(server: Server) -> dict[str, Any]:
    facts: dict[str, Any] = {"port": server.port, "account": server.account, "unit": server.unit}
    try:
        with _connected(server) as talk:
            told = _info(talk)
            facts |= {name: told[name] for name in _WORDS if name in told}
            facts |= {name: int(told[name]) for name in _NUMBERS if told.get(name, "").isdigit()}
            facts |= {n: int(told[w]) for w, n in _REPLICAS.items() if told.get(w, "").isdigit()}
            following = _following(told)
            if following["role"] == "slave":
                facts["master_port"] = int(told.get("master_port", "0"))
                facts["master_answers"] = following["answers"] == "yes"
            facts["refused"] = _refused(told)
            facts |= {name.replace("-", "_"): _setting(talk, name) for name in _SETTINGS}
            told = {name: _setting(talk, name) or "" for name in SETTABLE}
            facts["settings"] = {name: int(v) for name, v in told.items() if v.isdigit()}
            words = {name: _setting(talk, name) for name in WORDS}
            facts["words"] = {name: v or _NONE for name, v in words.items() if v is not None}
    except Wrong as error:
        wants = str(error).startswith(("NOAUTH", "NOPERM"))
        return {**facts, "reachable": wants, "auth_required": wants, "error": str(error)[:200]}
    except OSError as error:
        return {**facts, "reachable": False, "error": str(error)[:200]}
    for number in ("maxmemory", "maxclients"):
        facts[number] = int(facts[number]) if str(facts[number]).isdigit() else None
    return {**facts, "reachable": True, "folder": _folder(facts.get("dir"))}


def _refused(told: dict[str, str]) -> dict[str, int]:
    """How many commands a server has refused since its start, by the error that it gave."""
    found = ((name, _COUNT.search(told.get(f"errorstat_{name}", ""))) for name in _ERRORS)
    return {name: int(count[1]) for name, count in found if count is not None}


def _folder(path: object) -> dict[str, str] | None:
    """Whose the folder of the snapshot is."""
    if not isinstance(path, str) or not path.startswith("/"):
        return None
    with contextlib.suppress(OSError):
        state = os.stat(path)
        return {
            "owner": user_name(state.st_uid),
            "group": group_name(state.st_gid),
            "mode": mode_text(state.st_mode),
        }
    return None


# --- the protocol --------------------------------------------------------------------------------


class Talk:
    """One connection: a command, an answer."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._connection.close()

    def say(self, *words: str) -> Any:
        """The answer to a command: text, a number, None, or a list of these; Wrong for an error."""
        parts = [f"*{len(words)}\r\n"] + [f"${len(word)}\r\n{word}\r\n" for word in words]
        self._connection.sendall("".join(parts).encode("ascii"))
        return self._answer()

    def _answer(self) -> Any:
        line = self._reader.readline(4096).decode("utf-8", "replace").rstrip("\r\n")
        kind, rest = line[:1], line[1:]
        if kind == "+":
            return rest
        if kind == "-":
            raise Wrong(rest)
        if kind == ":":
            return int(rest)
        if kind == "$":
            return self._text(int(rest))
        if kind == "*":
            return [self._answer() for _ in range(min(int(rest), 64))]
        raise OSError("no redis server answers there")

    def _text(self, size: int) -> str | None:
        if size < 0:
            return None
        if size > _LARGEST:
            raise OSError(f"an answer of {size} bytes")
        return self._reader.read(size + 2)[:size].decode("utf-8", "replace")


def _connected(server: Server) -> Talk:
    return Talk(socket.create_connection((server.address, server.port), _SECONDS))


def _info(talk: Talk) -> dict[str, str]:
    lines = str(talk.say("INFO")).splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name: value.strip() for name, _, value in pairs}


def _number(talk: Talk, name: str) -> int:
    return int(_info(talk).get(name, "0"))


def _setting(talk: Talk, name: str) -> str | None:
    """One setting; None where the server does not let us ask."""
    try:
        found = talk.say("CONFIG", "GET", name)
    except Wrong:
        return None
    return str(found[1]) if isinstance(found, list) and len(found) == 2 else None


def _said(talk: Talk, command: str) -> str:
    try:
        return str(talk.say(command))
    except Wrong as error:
        if "already in progress" in str(error):
            return str(error)
        raise Failed(f"redis: {str(error)[:200]}") from None
