"""`make demo-cluster`: two servers and three workers on a PostgreSQL of their own, and a storm.

Twelve simulated hosts break at once and are healed; one worker is killed amid it. Needs Debian's
`postgresql`; nothing of the machine's own clusters is touched. Exit code 1: it did not end well.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.commands.demo import stop
from app.commands.server import Server, ServerError
from app.domain.value import JsonObject
from app.execution.recording import SHIPPED
from tests import postgres

HOSTS = 12
SERVERS, WORKERS = 2, 3
RECORDED = "web-prod-01.company.com"
SECONDS = 600.0
_ENDED = ("completed", "failed", "cancelled")


def main() -> int:
    if postgres.server_binaries() is None:
        sys.stdout.write(f"{postgres.LEFT_OUT}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="sre-agent-cluster-") as made, ExitStack() as stack:
        folder = Path(made)
        _write_estate(folder)
        url = stack.enter_context(postgres.cluster())
        environment = _environment(folder, url)
        _run(environment, folder, "db", "migrate")
        ports = [stack.enter_context(_serving(environment, folder)) for _ in range(SERVERS)]
        workers = [stack.enter_context(_working(environment, folder)) for _ in range(WORKERS)]
        servers = [stack.enter_context(Server(f"http://127.0.0.1:{port}")) for port in ports]
        for server in servers:
            _until_ready(server)
        outcomes = _storm(servers, workers)
        sys.stdout.write(_run(environment, folder, "workers", "--all"))
        _run(environment, folder, "audit", "verify")
        sys.stdout.write("the audit is whole\n")
    return 0 if outcomes == {"resolved": HOSTS} else 1


def _names() -> list[str]:
    return [f"web-prod-{number:02}.company.com" for number in range(1, HOSTS + 1)]


def _write_estate(folder: Path) -> None:
    """The shipped recording for each host, and a policy that lets all of them be healed."""
    recording = (SHIPPED / f"{RECORDED}.json").read_text(encoding="utf-8")
    (folder / "recordings").mkdir()
    lines = ["hosts:"]
    for number, name in enumerate(_names(), start=1):
        path = folder / "recordings" / f"{name}.json"
        path.write_text(recording.replace(RECORDED, name), encoding="utf-8")
        lines.append(f"  {name}: {{ip: 10.0.1.{99 + number}, services: [nginx, apache2, docker]}}")
    (folder / "inventory.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "policy.yaml").write_text(
        "budgets: {changes_per_hour: 10000}\nfleet: {same_change_hosts: 10000}\n", encoding="utf-8"
    )


def _environment(folder: Path, url: str) -> dict[str, str]:
    return os.environ | {
        "ENABLE_REAL_SSH": "false",
        "DATABASE_URL": url,
        "INVENTORY_FILE": str(folder / "inventory.yaml"),
        "POLICY_FILE": str(folder / "policy.yaml"),
        "RECORDINGS_DIR": str(folder / "recordings"),
        "WATCH_SECONDS_REVERSIBLE": "1",
        "WATCH_SECONDS_DISRUPTIVE": "1",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }


@contextmanager
def _serving(environment: dict[str, str], folder: Path) -> Iterator[int]:
    port = _free_port()
    with _process(environment, folder, "serve", "--no-worker", "--port", str(port)):
        yield port


@contextmanager
def _working(environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with _process(environment, folder, "worker") as worker:
        yield worker


@contextmanager
def _process(
    environment: dict[str, str], folder: Path, *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{command[0]}.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *command],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield child
    finally:
        stop(child, signal.SIGTERM)


def _storm(servers: list[Server], workers: list[subprocess.Popen[bytes]]) -> Counter[str]:
    """Everything breaks; each incident is told to both servers. How they ended."""
    for host in _names():
        servers[0].post(f"/api/v1/hosts/{host}/baseline", None, seconds=60)
    sys.stdout.write(f"{HOSTS} hosts break at once; two servers hear of each\n")
    ids = {_tell(server, n, host) for n, host in enumerate(_names(), 1) for server in servers}
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


def _until_ready(server: Server) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            server.get("/readyz")
        except ServerError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _run(environment: dict[str, str], folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *command],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
