"""The service as processes of the command line, over simulated hosts, for demonstrations and
measurements that need more than one of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from app.commands.demo import stop
from app.commands.server import Server, ServerError
from app.execution.recording import SHIPPED

RECORDED = "web-prod-01.company.com"
BEFORE_FIRST = IPv4Address("10.0.1.99")
READY_SECONDS = 120.0
_AGAIN_SECONDS = 0.2


def host_names(hosts: int) -> list[str]:
    """As many names as wanted, the shipped recording's own first."""
    return [f"web-prod-{number:02}.company.com" for number in range(1, hosts + 1)]


def write_estate(folder: Path, names: list[str], recorded: int | None = None) -> None:
    """An inventory, the shipped recording for each host, and a policy that lets all be healed.

    `recorded`: only for so many of them; the others answer nothing.
    """
    recording = (SHIPPED / f"{RECORDED}.json").read_text(encoding="utf-8")
    (folder / "recordings").mkdir()
    lines = ["hosts:"]
    for number, name in enumerate(names, start=1):
        if recorded is None or number <= recorded:
            path = folder / "recordings" / f"{name}.json"
            path.write_text(recording.replace(RECORDED, name), encoding="utf-8")
        address = BEFORE_FIRST + number
        lines.append(f"  {name}: {{ip: {address}, services: [nginx, apache2, docker]}}")
    (folder / "inventory.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "policy.yaml").write_text(
        "budgets: {changes_per_hour: 100000}\nfleet: {same_change_hosts: 100000}\n",
        encoding="utf-8",
    )


def environment(folder: Path, url: str, **more: str) -> dict[str, str]:
    """Of every process: the estate of a folder, a database, and further settings."""
    return (
        os.environ
        | {
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
        | more
    )


@contextmanager
def serving(given: dict[str, str], folder: Path, *options: str) -> Iterator[int]:
    """A server with these options of `sre-agent serve`; yields its port. Not waited for."""
    port = free_port()
    with process(given, folder, "serve", "--port", str(port), *options):
        yield port


@contextmanager
def working(given: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker, not waited for."""
    with process(given, folder, "worker") as worker:
        yield worker


@contextmanager
def process(
    given: dict[str, str], folder: Path, *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A command that goes on until it is stopped at the end; what it says is `COMMAND.log`."""
    with (folder / f"{command[0]}.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *command],
            env=given,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield child
    finally:
        stop(child, signal.SIGTERM)


def done(given: dict[str, str], folder: Path, *command: str) -> str:
    """What a command prints that must succeed."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *command],
        env=given,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def until_ready(server: Server) -> None:
    """Wait until it serves. Raises ServerError where it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            server.get("/readyz")
        except ServerError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
