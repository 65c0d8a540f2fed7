"""`make demo-cluster`: two servers and three workers on a PostgreSQL of their own, and a storm.

Twelve simulated hosts break at once and are healed; one worker is killed amid it. Needs Debian's
`postgresql`; nothing of the machine's own clusters is touched. Exit code 1: it did not end well.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from app.commands.server import Server
from app.domain.value import JsonObject
from tests import postgres
from tests.processes import (
    done,
    environment,
    host_names,
    serving,
    until_ready,
    working,
    write_estate,
)

HOSTS = 12
SERVERS, WORKERS = 2, 3
NAMES = host_names(HOSTS)
SECONDS = 600.0
_ENDED = ("completed", "failed", "cancelled")


def main() -> int:
    if postgres.server_binaries() is None:
        sys.stdout.write(f"{postgres.LEFT_OUT}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="sre-agent-cluster-") as made, ExitStack() as stack:
        folder = Path(made)
        write_estate(folder, NAMES)
        url = stack.enter_context(postgres.cluster())
        given = environment(folder, url)
        done(given, folder, "db", "migrate")
        ports = [stack.enter_context(serving(given, folder, "--no-worker")) for _ in range(SERVERS)]
        workers = [stack.enter_context(working(given, folder)) for _ in range(WORKERS)]
        servers = [stack.enter_context(Server(f"http://127.0.0.1:{port}")) for port in ports]
        for server in servers:
            until_ready(server)
        outcomes = _storm(servers, workers)
        sys.stdout.write(done(given, folder, "workers", "--all"))
        done(given, folder, "audit", "verify")
        sys.stdout.write("the audit is whole\n")
    return 0 if outcomes == {"resolved": HOSTS} else 1


def _storm(servers: list[Server], workers: list[subprocess.Popen[bytes]]) -> Counter[str]:
    """Everything breaks; each incident is told to both servers. How they ended."""
    for host in NAMES:
        servers[0].post(f"/api/v1/hosts/{host}/baseline", None, seconds=60)
    sys.stdout.write(f"{HOSTS} hosts break at once; two servers hear of each\n")
    ids = {_tell(server, n, host) for n, host in enumerate(NAMES, 1) for server in servers}
    assert len(ids) == HOSTS, "an incident that is told twice is worked on once"
    began, killed, shown = time.monotonic(), False, -1
    while time.monotonic() - began < SECONDS:
        views = [servers[1].get(f"/api/v1/incident/execution/{one}") for one in sorted(ids)]
        ended = [view for view in views if view["status"] in _ENDED]
        if len(ended) != shown:
            shown = len(ended)
            sys.stdout.write(f"{time.monotonic() - began:5.0f} s  {_line(views)}\n")
        if len(ended) == HOSTS:
            return Counter(view["outcome"] for view in ended)
        if ended and not killed:
            workers[0].kill()
            killed = True
            sys.stdout.write(f"{time.monotonic() - began:5.0f} s  one worker is killed\n")
        time.sleep(0.5)  # nothing tells another process when an execution ends
    return Counter()


def _tell(server: Server, number: int, host: str) -> int:
    body = {
        "incident_number": f"INC{number:07}",
        "short_description": "Web server down - 500 errors",
        "priority": str(1 + number % 5),
        "target": {"hostname": host, "service": "nginx"},
    }
    execution_id: int = server.post("/api/v1/incident/trigger-agent", body)["execution_id"]
    return execution_id


def _line(views: list[JsonObject]) -> str:
    counts = Counter(view["outcome"] or view["status"] for view in views)
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
