"""`sre-agent demo`: a host is broken and healed before your eyes, with nothing but this package.

Starts a server of its own on a free port with a fresh SQLite file, posts the example incident,
shows the execution live, and ends with the verdict and the addresses to look at.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.api.v1.ticket_examples import FLAT
from app.commands.incidents import GOOD_OUTCOMES
from app.commands.live import MARK, Live, print_verdict
from app.commands.screen import NO, give_up, out
from app.commands.server import Server, ServerError
from app.domain.value import JsonObject

START_SECONDS = 60
DEMO_SECONDS = 300
STOP_SECONDS = 15


def demo(
    folder: Annotated[
        Path, typer.Option(help="Where it keeps its database and log; emptied first")
    ] = Path("var/demo"),
    stay: Annotated[
        bool | None,
        typer.Option(help="Leave the server up until Ctrl-C; default: where there is a terminal"),
    ] = None,
) -> None:
    """Heal a simulated host: no root, no key, no account. Exit 1: it did not end well."""
    fresh(folder)
    environment = {
        "ENABLE_REAL_SSH": "false",
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder.resolve()}/demo.sqlite",
    }
    with running(environment, folder) as server:
        out.print(f"{MARK}no host is contacted; the server listens at {server.url}")
        _baseline(server, FLAT["target"]["hostname"])
        view = hand_in(server, FLAT, MARK)
        _addresses(server, view, folder)
        if sys.stdin.isatty() if stay is None else stay:
            _wait_for_ctrl_c()
        else:
            out.print(f"{MARK}again      {_serve_again(environment)}")
    if view["outcome"] not in GOOD_OUTCOMES:
        raise typer.Exit(NO)


def _baseline(server: Server, host: str) -> None:
    """Let the agent see the host while it is healthy, as one does after installing it."""
    taken = server.post(f"/api/v1/hosts/{host}/baseline", None)
    out.print(f"{MARK}baseline   {taken['files']} files of {taken['host']}, while it was healthy")


def hand_in(server: Server, incident: JsonObject, mark: str = "") -> JsonObject:
    """Post an incident, show its execution to the end; returns the execution."""
    out.print(f"{mark}incident   {incident['incident_number']}: {incident['short_description']}")
    taken = server.post("/api/v1/incident/trigger-agent", incident)
    out.print(f"{mark}execution  {taken['execution_id']}")
    view = Live(server, taken["execution_id"]).follow(seconds=DEMO_SECONDS)
    print_verdict(view)
    return view


def _addresses(server: Server, view: JsonObject, folder: Path) -> None:
    """Where to look at what was just seen."""
    path = f"{server.url}/api/v1/incident/execution/{view['execution_id']}"
    for label, where in (
        ("look at", path),
        ("", f"{path}/logs"),
        ("", f"{server.url}/docs"),
        ("log", str(folder / "server.log")),
    ):
        out.print(f"{MARK}{label:<10} {where}")


def _serve_again(environment: Mapping[str, str]) -> str:
    return f"DATABASE_URL={environment['DATABASE_URL']} sre-agent serve"


def fresh(folder: Path) -> None:
    """An empty folder; only one that an earlier demo made is emptied."""
    marker = folder / ".made-by-sre-agent-demo"
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        give_up(f"{folder} is not empty and no demo made it.", hint="Name another with --folder.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()


@contextmanager
def running(
    environment: Mapping[str, str], folder: Path, *, end_with: signal.Signals = signal.SIGTERM
) -> Iterator[Server]:
    """A server of our own as a child process, ready; stopped at the end."""
    port = _free_port()
    argv = [sys.executable, "-m", "app.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    log_path = folder / "server.log"
    with log_path.open("wb") as log_file:
        child = subprocess.Popen(
            argv,
            env=os.environ | environment | {"LOG_FORMAT": "console"},
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
        )
    try:
        with Server(f"http://127.0.0.1:{port}") as server:
            _wait_until_ready(server, child, log_path)
            yield server
    finally:
        stop(child, end_with)


def stop(child: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> int:
    """Ask the child to end; make it, where it does not. Returns its exit code."""
    child.send_signal(how)
    try:
        return child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _wait_until_ready(server: Server, child: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    trouble = "it did not answer"
    while time.monotonic() < deadline and child.poll() is None:
        try:
            server.get("/readyz")
        except ServerError as error:
            trouble = str(error)
        else:
            return
        time.sleep(0.1)
    give_up(f"The server did not start: {_last_line(log_path) or trouble}", hint=f"See {log_path}.")


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_ctrl_c() -> None:
    out.print(f"{MARK}The server runs until Ctrl-C.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        out.print("stopping")
