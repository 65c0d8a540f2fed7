"""Haproxy's servers and lists as they are now, asked of its own admin socket, and two things set
there.

What is set there stands in no file: a reload forgets it, and nobody who reads the configuration
sees it. Only sockets that the configuration names are talked to, in words that stand here.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import socket
from typing import Any

from .answers import Params, answer, text_at
from .places import Places
from .refusal import Failed

FILES = ("/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d/*.cfg")
STATES = ("ready", "drain", "maint")
_SOCKET = re.compile(r"^[ \t]*stats[ \t]+socket[ \t]+(/[^\s,]+)(?:[ \t]+([^\n#]*))?", re.MULTILINE)
_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
_MOST_SERVERS = 400
_MOST_LISTS, _MOST_ENTRIES, _FEW = 20, 5000, 5
_LOADED = re.compile(r"-?\d+ \((?P<path>/[^)\s]+)\)")

# bits of srv_admin_state: what was said here, and what stands in the configuration
_MAINT_BY_HAND, _MAINT_IN_FILE, _DRAIN_BY_HAND = 0x01, 0x04, 0x08
_OPERATIONAL = {"0": "down", "1": "starting", "2": "up", "3": "stopping"}


def haproxy_servers(_: Params, __: Places) -> int:
    """BalancedFacts: every server of every backend, as haproxy uses it now."""
    path = _socket()
    if path is None:
        return answer({"socket": None})
    told = {"servers": _servers(path), "lists": _lists(path), "stopped": _stopped_frontends(path)}
    return answer({"socket": path, **told})


def haproxy_server(params: Params, _: Places) -> int:
    """BalancedServer; `state` is missing where there is none of that name."""
    found = _found(_required_socket(), params)
    gone = {"backend": params["backend"], "server": params["server"], "state": "missing"}
    return answer(found or gone)


def haproxy_set_state(params: Params, _: Places) -> int:
    """Let a server be used, be used by those only who are there, or by nobody."""
    state = str(params["state"])
    if state not in STATES:
        raise Failed(f"{state} is none of {', '.join(STATES)}")
    return _set(params, f"state {state}")


def haproxy_set_weight(params: Params, _: Places) -> int:
    """How much of the work a server gets, beside the others of its backend."""
    return _set(params, f"weight {int(params['weight'])}")


def _set(params: Params, what: str) -> int:
    path = _required_socket()
    if _found(path, params) is None:
        raise Failed(f"haproxy has no server {params['backend']}/{params['server']}")
    said = _ask(path, f"set server {params['backend']}/{params['server']} {what}").strip()
    if said:  # it answers only where it does not do it
        raise Failed(f"haproxy: {said[:200]}")
    return answer(_found(path, params) or {})


def _found(path: str, params: Params) -> dict[str, Any] | None:
    name = (params["backend"], params["server"])
    return next((one for one in _servers(path) if (one["backend"], one["server"]) == name), None)


def _required_socket() -> str:
    path = _socket()
    if path is None:
        raise Failed("haproxy's configuration names no socket of level admin (stats socket)")
    return path


def _socket() -> str | None:
    """The first socket of the configuration through which servers may be set."""
    for pattern in FILES:
        for name in sorted(glob.glob(pattern)):
            with contextlib.suppress(OSError), open(name, encoding="utf-8") as file:
                for path, options in _SOCKET.findall(file.read()):
                    if re.search(r"\blevel[ \t]+admin\b", options):
                        return str(path)
    return None


def _servers(path: str) -> list[dict[str, Any]]:
    """`show servers state`: a version, the names of the columns after "# ", a line a server."""
    lines = _ask(path, "show servers state").splitlines()
    head = next((line for line in lines if line.startswith("# ")), None)
    if head is None:
        raise Failed("haproxy does not tell its servers")
    names = head[2:].split()
    rows = (dict(zip(names, line.split())) for line in lines if line[:1].isdigit())
    return [_told(row) for row in rows if "srv_name" in row][:_MOST_SERVERS]


def _lists(path: str) -> list[dict[str, Any]]:
    """Maps and lists of patterns whose entries are not those of the file they were loaded from."""
    found: list[dict[str, Any]] = []
    for kind in ("map", "acl"):
        for line in _ask(path, f"show {kind}").splitlines():
            loaded = _LOADED.match(line)
            if loaded is None or len(found) == _MOST_LISTS:
                continue
            file = loaded["path"]
            now, in_file = _entries(path, f"show {kind} {file}"), _entries_in_file(file)
            if now is not None and in_file is not None and now != in_file:
                missing, added = sorted(in_file - now)[:_FEW], sorted(now - in_file)[:_FEW]
                found.append({"path": file, "missing": missing, "added": added})
    return found


def _entries(path: str, words: str) -> set[str] | None:
    """What a list has in it now; None where it is too long to be told."""
    lines = _ask(path, words).splitlines()
    if len(lines) > _MOST_ENTRIES:
        return None
    return {" ".join(line.split()[1:]) for line in lines if line.startswith("0x")}


def _entries_in_file(path: str) -> set[str] | None:
    """The same of its file; None where that is not there, or too long."""
    if not os.path.isfile(path):
        return None
    lines = [line.strip() for line in text_at(path, _MOST_BYTES).splitlines()]
    entries = {" ".join(line.split()) for line in lines if line and not line.startswith("#")}
    return entries if len(entries) <= _MOST_ENTRIES else None


def _stopped_frontends(path: str) -> list[str]:
    """Frontends that take nobody in, though they are configured; `show stat` is a CSV."""
    lines = _ask(path, "show stat -1 1 -1").splitlines()
    names = lines[0].removeprefix("# ").split(",") if lines else []
    rows = (dict(zip(names, line.split(","))) for line in lines[1:] if line)
    return [row["pxname"] for row in rows if row.get("status") in ("STOP", "PAUSED")][:_MOST_LISTS]


def _told(row: dict[str, str]) -> dict[str, Any]:
    admin = int(row.get("srv_admin_state", "0"))
    maint, drain = admin & (_MAINT_BY_HAND | _MAINT_IN_FILE), admin & _DRAIN_BY_HAND
    return {
        "backend": row["be_name"],
        "server": row["srv_name"],
        "address": row.get("srv_addr", ""),
        "port": int(row.get("srv_port", "0")),
        "state": "maint" if maint else "drain" if drain else "ready",
        "by_hand": bool(admin & (_MAINT_BY_HAND | _DRAIN_BY_HAND)),
        "health": _OPERATIONAL.get(row.get("srv_op_state", ""), ""),
        "weight": int(row.get("srv_uweight", "1")),
        "weight_configured": int(row.get("srv_iweight", "1")),
    }


def _ask(path: str, words: str) -> str:
    told = b""
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(_SECONDS)
            wire.connect(path)
            wire.sendall(words.encode("ascii") + b"\n")
            while len(told) < _MOST_BYTES and (more := wire.recv(65536)):
                told += more
    except OSError as error:
        raise Failed(f"haproxy does not answer on {path}: {error}") from error
    return told.decode("utf-8", "replace")
