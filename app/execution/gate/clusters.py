"""The PostgreSQL servers that run here, and how each is asked: psql, as the server's own account.

Servers are found by their processes, not by names of packages: the postmaster stands in its data
folder, and `postmaster.pid` there says where it listens and whether it is up.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, NamedTuple

from .answers import command_of, process_ids, text_at, unit_of, user_name
from .child import ENVIRONMENT
from .refusal import Failed

MOST = 6
_RECOVERING = re.compile(r"startup (?:process )?recovering (?P<segment>[0-9A-F]{8,24})")
_LOCK_SECONDS = 2  # where others would queue behind a statement that waits for a lock
_SAFE_NAMES = "-c search_path=pg_catalog"
"""Without it, who may make functions in a database could have them run by its administrator."""

_OPTIONS = (
    f"{_SAFE_NAMES} -c statement_timeout=4000 -c lock_timeout=1000"
    " -c idle_in_transaction_session_timeout=10000"
    " -c default_transaction_read_only=on -c client_min_messages=error"
)


class Cluster(NamedTuple):
    """One running server."""

    pid: int
    uid: int
    gid: int
    account: str
    unit: str | None
    data: str
    port: int
    socket: str  # the folder of its socket; "" where it has none
    status: str  # starting | ready | standby | stopping
    psql: str


def clusters() -> list[Cluster]:
    """Every running server, by port. Only where the program is root's: nobody's look-alike."""
    found = (
        _cluster(pid) for pid in process_ids() if command_of(pid) in ("postgres", "postmaster")
    )
    return sorted((c for c in found if c is not None), key=lambda c: c.port)[:MOST]


def at_port(port: int) -> Cluster:
    """The server of a port; Failed where there is none."""
    for cluster in clusters():
        if cluster.port == port:
            return cluster
    raise Failed(f"no PostgreSQL server of this host has the port {port}")


def recovering(cluster: Cluster) -> str | None:
    """The WAL segment that a server replays at this moment; None where it replays none."""
    for pid in process_ids():
        if _parent(pid) == cluster.pid:
            found = _RECOVERING.search(text_at(f"/proc/{pid}/cmdline", 300).replace("\0", " "))
            if found:
                return found["segment"]
    return None


def ask(cluster: Cluster, statement: str, database: str = "postgres") -> Any:
    """The JSON that one statement answers with, or None where it answers with nothing.

    Raises Failed with the server's own words. A statement carries no value but numbers of ours
    and names that were proven plain.
    """
    said = ""
    for role in dict.fromkeys((cluster.account, "postgres")):
        code, out, said = _psql(cluster, role, database, statement)
        if code == 0:
            text = out.strip()
            return json.loads(text) if text else None
        if f'role "{role}" does not exist' not in said:
            break
    raise Failed(f"PostgreSQL on port {cluster.port}: {_words(said)}")


def change(
    cluster: Cluster,
    statement: str,
    seconds: int,
    database: str = "postgres",
    *,
    patient: bool = False,
) -> None:
    """Run one statement that changes something, with so long for it. Raises Failed.

    The caller vouches for every name in it; psql reads it as it stands. `patient`: it waits for
    others to end, and nobody waits for it meanwhile; anything else gives up its place in the queue.
    """
    lock_seconds = seconds if patient else _LOCK_SECONDS
    allowed = (
        f"{_SAFE_NAMES} -c statement_timeout={1000 * seconds} -c lock_timeout={1000 * lock_seconds}"
    )
    said = ""
    for role in dict.fromkeys((cluster.account, "postgres")):
        code, _out, said = _psql(cluster, role, database, statement, allowed, seconds + 5)
        if code == 0:
            return
        if f'role "{role}" does not exist' not in said:
            break
    raise Failed(f"PostgreSQL on port {cluster.port}: {_words(said)}")


def _cluster(pid: str) -> Cluster | None:
    try:
        data = os.readlink(f"/proc/{pid}/cwd")
        program = os.stat(f"/proc/{pid}/exe")
        owner = os.stat(f"/proc/{pid}")
        binary = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None
    lines = text_at(f"{data}/postmaster.pid", 4096).splitlines()
    if program.st_uid != 0 or len(lines) < 5 or lines[0].strip() != pid:
        return None  # a session of a server, or no server
    return Cluster(
        pid=int(pid),
        uid=owner.st_uid,
        gid=owner.st_gid,
        account=user_name(owner.st_uid),
        unit=unit_of(pid),
        data=data,
        port=int(lines[3]),
        socket=lines[4].split(",")[0].strip(),
        status=lines[7].strip() if len(lines) > 7 else "starting",
        psql=_psql_beside(binary),
    )


def _psql_beside(binary: str) -> str:
    """The client of the server's own version, else the host's."""
    own = os.path.join(os.path.dirname(binary), "psql")
    return own if os.path.exists(own) else "/usr/bin/psql"


def _psql(
    cluster: Cluster,
    role: str,
    database: str,
    statement: str,
    options: str = _OPTIONS,
    seconds: float = 8,
) -> tuple[int, str, str]:
    import subprocess  # only where it is needed: it costs every start of the gate 10 ms

    argv = [cluster.psql, "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-U", role,
            "-h", cluster.socket or "127.0.0.1", "-p", str(cluster.port), "-d", database,
            "-c", statement]  # fmt: skip
    environment = {**ENVIRONMENT, "PGCONNECT_TIMEOUT": "3", "PGAPPNAME": "sre-agent",
                   "PGOPTIONS": options, "PGCLIENTENCODING": "UTF8"}  # fmt: skip
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": cluster.uid, "group": cluster.gid, "extra_groups": []}
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, env=environment, cwd="/",
            timeout=seconds, check=False, **account,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, "", str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode()


def _parent(pid: str) -> int:
    found = re.match(r"\d+ \(.*\) \S (\d+)", text_at(f"/proc/{pid}/stat", 1024), re.DOTALL)
    return int(found[1]) if found else 0


def _words(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[0][:300] if lines else "psql said nothing"
