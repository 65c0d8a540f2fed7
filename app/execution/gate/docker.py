"""Containers, asked of the engine's own socket: listed, started, stopped, told when to come back.

No docker client is run: what it does depends on its environment and its contexts. A container is
named by name and whole id, so that another one that took the name since is left alone.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from collections.abc import Iterator
from typing import Any

from . import made
from .answers import Params, answer
from .edits import log_truncate
from .places import Places
from .refusal import Failed
from .window import looked_twice

SOCKETS = ("/run/docker.sock", "/var/run/docker.sock")
_READ_SECONDS = 10.0
_STOP_SECONDS = 20
_MOST = 50
_OK = range(200, 300)
_FRAME = 8  # bytes before each piece of a container's output
_MOST_BYTES = 4 * 1024 * 1024
_ALREADY = 304  # it is started, or stopped, as asked
_KEPT = ("IPAMConfig", "Aliases", "Links", "DriverOpts")  # of how a container is attached


def containers_list(_: Params, __: Places) -> int:
    """ContainersFacts: every container, whether it runs or not."""
    listed = _ask("GET", "/containers/json?all=1")[:_MOST]
    found = [_seen(one["Id"]) for one in listed]
    return answer({"containers": [_facts(one) for one in found if one is not None]})


def containers_usage(_: Params, __: Places) -> int:
    """ContainersUsageFacts: those that run, looked at twice."""
    running = {one["Id"]: one["Names"][0] for one in _ask("GET", "/containers/json")[:_MOST]}
    first, second, seconds = looked_twice(lambda: {ident: _stats(ident) for ident in running})
    return answer(
        {
            "containers": [
                {"name": name.lstrip("/"), **_usage(first[ident], second[ident], seconds)}
                for ident, name in running.items()
                if first[ident] and second[ident]
            ]
        }
    )


def _stats(ident: str) -> dict[str, Any]:
    """The engine's counters of one container; {} where it has ended."""
    try:
        found: dict[str, Any] = _ask("GET", f"/containers/{ident}/stats?stream=false&one-shot=true")
    except Failed as error:
        if "No such container" in str(error):
            return {}
        raise
    return found


def _usage(then: dict[str, Any], now: dict[str, Any], seconds: float) -> dict[str, Any]:
    began, used = (_processor_time(at) for at in (then, now))
    share = None
    if began is not None and used is not None:
        share = round((used - began) / 1e7 / seconds, 1)
    memory = now.get("memory_stats") or {}
    return {
        "processors_percent": share,
        "memory_bytes": memory.get("usage"),
        "memory_limit_bytes": memory.get("limit"),
        "processes": (now.get("pids_stats") or {}).get("current"),
    }


def _processor_time(stats: dict[str, Any]) -> int | None:
    """Nanoseconds of processors' time that a container has used."""
    found = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    return found if isinstance(found, int) else None


def container_show(params: Params, _: Places) -> int:
    """ContainerFacts of one container; `state` is missing where it is gone or is another one."""
    found = _named(params)
    gone = {"name": params["container"], "id": params["id"], "state": "missing"}
    return answer(gone if found is None else _facts(found))


def container_logs(params: Params, _: Places) -> int:
    """The last lines that a container wrote, as they are; of both its streams."""
    name, lines = str(params["container"]), int(params["lines"])
    mixed = not _ask("GET", f"/containers/{name}/json")["Config"].get("Tty")
    asked = f"/containers/{name}/logs?stdout=1&stderr=1&tail={lines}"
    said = _exchange("GET", asked, None)
    text = (_unframed(said) if mixed else said).decode("utf-8", "replace")
    sys.stdout.write("".join(f"{line}\n" for line in text.splitlines()[-lines:]))
    return 0


def _unframed(said: bytes) -> bytes:
    """Without the eight bytes before each piece that say which stream it is of, and how long."""
    pieces, at = [], 0
    while at + _FRAME <= len(said):
        size = int.from_bytes(said[at + 4 : at + _FRAME], "big")
        pieces.append(said[at + _FRAME : at + _FRAME + size])
        at += _FRAME + size
    return b"".join(pieces)


def container_start(params: Params, _: Places) -> int:
    return _do(params, "start")


def container_stop(params: Params, _: Places) -> int:
    if _required(params)["HostConfig"].get("AutoRemove"):
        raise Failed(f"{params['container']} would be gone with its end, not only stopped")
    return _do(params, f"stop?t={_STOP_SECONDS}")


def container_restart(params: Params, _: Places) -> int:
    return _do(params, f"restart?t={_STOP_SECONDS}")


def container_pause(params: Params, _: Places) -> int:
    return _do(params, "pause")


def container_unpause(params: Params, _: Places) -> int:
    return _do(params, "unpause")


def container_truncate_log(params: Params, places: Places) -> int:
    """Empty what a container has said so far, where the engine keeps it in a file; it goes on."""
    one = _required(params)
    ident, path = str(one["Id"]), str(one.get("LogPath") or "")
    kept = (one["HostConfig"].get("LogConfig") or {}).get("Type")
    if kept != "json-file" or not path.endswith(f"/containers/{ident}/{ident}-json.log"):
        raise Failed(f"what {params['container']} says is not kept in a file of its own")
    return log_truncate({"path": path}, places)


def container_set_restart_policy(params: Params, places: Places) -> int:
    """Say whether the engine brings it back by itself; as often as before, where it did so."""
    now = _required(params)["HostConfig"].get("RestartPolicy") or {}
    noted = f"restart policy of container {params['id']}"
    before = json.loads(made.noted(noted, places) or "{}")
    retries = before.get("MaximumRetryCount", 0) if before.get("Name") == params["policy"] else 0
    made.note(noted, places, json.dumps(now))
    policy = {"Name": params["policy"], "MaximumRetryCount": retries}
    return _do(params, "update", {"RestartPolicy": policy})


def container_network(params: Params, _: Places) -> int:
    """ContainerNetworkFacts: whether it is attached to a network that is still there."""
    found = _named(params)
    if found is None or not _is_network(str(params["network"])):
        return answer({"attached": "missing"})
    attached = params["network"] in _networks(found)
    return answer({"attached": "yes" if attached else "no"})


def container_connect_network(params: Params, places: Places) -> int:
    """Attach it; where this gate took it off, by the addresses and names that it had there."""
    found, kept = _required(params), made.noted(_end_of(params), places)
    body = {"Container": found["Id"]} | ({"EndpointConfig": json.loads(kept)} if kept else {})
    said = _ask("POST", f"/networks/{params['network']}/connect", body)
    made.forget(_end_of(params), places)
    return answer({"container": params["container"], "said": said})


def container_disconnect_network(params: Params, places: Places) -> int:
    """Take it off; what it was called there and which address it had asked for are kept."""
    found = _required(params)
    end = ((found.get("NetworkSettings") or {}).get("Networks") or {}).get(params["network"]) or {}
    kept = {name: end[name] for name in _KEPT if end.get(name)}
    made.note(_end_of(params), places, json.dumps(kept))
    said = _ask("POST", f"/networks/{params['network']}/disconnect", {"Container": found["Id"]})
    return answer({"container": params["container"], "said": said})


def _end_of(params: Params) -> str:
    return f"network {params['network']} of container {params['id']}"


def _networks(one: dict[str, Any]) -> list[str]:
    return sorted((one.get("NetworkSettings") or {}).get("Networks") or {})


def _is_network(name: str) -> bool:
    try:
        return bool(_ask("GET", f"/networks/{name}")["Name"] == name)
    except Failed as error:
        if "not found" in str(error).lower():
            return False
        raise


def _do(params: Params, what: str, body: dict[str, Any] | None = None) -> int:
    _required(params)
    said = _ask("POST", f"/containers/{params['id']}/{what}", body)
    return answer({"container": params["container"], "said": said})


def _required(params: Params) -> dict[str, Any]:
    found = _named(params)
    if found is None:
        raise Failed(f"there is no container {params['container']} of that id any more")
    return found


def _named(params: Params) -> dict[str, Any] | None:
    found = _seen(str(params["id"]))
    same = found is not None and found["Name"].lstrip("/") == params["container"]
    return found if same else None


def _seen(ident: str) -> dict[str, Any] | None:
    """One container as the engine tells it; None where it is gone."""
    try:
        found: dict[str, Any] = _ask("GET", f"/containers/{ident}/json")
    except Failed as error:
        if "No such container" in str(error):
            return None
        raise
    return found


def _facts(one: dict[str, Any]) -> dict[str, Any]:
    """What is told of a container: no command, no environment, no labels; they carry secrets."""
    state = one["State"]
    policy = one["HostConfig"].get("RestartPolicy") or {}
    return {
        "name": one["Name"].lstrip("/"),
        "id": one["Id"],
        "image": one["Config"].get("Image", ""),
        "state": state.get("Status", ""),
        "exit_code": state.get("ExitCode"),
        "oom_killed": bool(state.get("OOMKilled")),
        "error": state.get("Error", "")[:300],
        "health": (state.get("Health") or {}).get("Status"),
        "restart_policy": policy.get("Name") or "no",
        "restarts": one.get("RestartCount", 0),
        "started_at": state.get("StartedAt"),
        "finished_at": state.get("FinishedAt"),
        "ports": _ports(one["HostConfig"].get("PortBindings") or {}),
        "networks": _networks(one),
        "stale_files": list(_stale_files(one)),
    }


def _stale_files(one: dict[str, Any]) -> Iterator[str]:
    """Files of the host that a running container has in its place, and that are others by now.

    What is mounted is the file, not its name: one that was written beside it and renamed is seen by
    the host alone, until the container is started again.
    """
    pid = one["State"].get("Pid")
    if not pid or not one["State"].get("Running"):
        return
    for mount in one.get("Mounts") or ():
        if mount.get("Type") != "bind":
            continue
        try:
            here = os.stat(mount["Source"])
            there = os.stat(f"/proc/{pid}/root{mount['Destination']}")
        except OSError:
            continue  # gone, or beyond a link of the container's own
        files = stat.S_ISREG(here.st_mode) and stat.S_ISREG(there.st_mode)
        if files and not os.path.samestat(here, there):
            yield str(mount["Source"])


def _ports(bindings: dict[str, Any]) -> list[dict[str, Any]]:
    """What it publishes when it runs, also while it does not."""
    found = []
    for inside, places in bindings.items():
        port, _, protocol = inside.partition("/")
        for place in places or ():
            if str(place.get("HostPort", "")).isdigit():
                found.append(
                    {
                        "port": int(place["HostPort"]),
                        "address": place.get("HostIp") or "0.0.0.0",  # noqa: S104 - docker's word
                        "inside": int(port),
                        "protocol": protocol,
                    }
                )
    return found


def _ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The engine's answer to one request, which is JSON or nothing."""
    said = _exchange(method, path, body).decode("utf-8", "replace")
    return json.loads(said) if said.strip() else {}


def _exchange(method: str, path: str, body: dict[str, Any] | None) -> bytes:
    """What the engine says to one request; Failed, with its own words, where it will not."""
    import http.client  # only where it is needed: it costs every start of the gate 20 ms

    connection = http.client.HTTPConnection("docker", timeout=_READ_SECONDS + _STOP_SECONDS)
    try:
        connection.sock = _connected()
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        given = connection.getresponse()
        said = given.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"the docker engine does not answer: {error}") from error
    finally:
        connection.close()
    if given.status not in _OK and given.status != _ALREADY:
        raise Failed(f"docker: {_complaint(said) or given.status}")
    return said


def _connected() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_READ_SECONDS + _STOP_SECONDS)
    for number, path in enumerate(SOCKETS, start=1):
        try:
            connection.connect(path)
        except OSError:
            if number == len(SOCKETS):
                connection.close()
                raise
        else:
            break
    return connection


def _complaint(said: bytes) -> str:
    try:
        return str(json.loads(said)["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return ""
