"""`sre-agent servicenow-fake` as one starts it by hand."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.commands.demo import stop
from tests.acceptance.conftest import PROJECT


@contextmanager
def started(
    environment: dict[str, str], folder: Path, port: int = 0
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """The command's process and what it said at the start, by the first word."""
    child = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "servicenow-fake", "--port", str(port),
         "--folder", str(folder), "--seed", "docs"],
        cwd=PROJECT,
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    with child.stdout:
        said: dict[str, str] = {}
        while "api key" not in said:
            line = child.stdout.readline().decode()
            assert line, "the fake ended by itself"
            said[line[:9].strip()] = line[9:].strip()
        try:
            yield child, said
        finally:
            if child.poll() is None:
                stop(child)


def test_it_says_how_to_reach_it_and_stops_when_told(
    bare_environment: dict[str, str], tmp_path: Path
) -> None:
    with started(bare_environment, tmp_path) as (child, said):
        trust = ssl.create_default_context(cafile=said["ca file"])
        with httpx.Client(
            base_url=said["url"],
            verify=trust,
            auth=(said["user"], said["password"]),
            trust_env=False,
        ) as client:
            made = client.post("/api/now/table/incident", json={"short_description": "x"})
            assert made.json()["result"]["number"] == "INC0010001"
            assert "INC0010001  x" in client.get("/fake/tickets/INC0010001").text
        assert stop(child) == 0
    assert stat.S_IMODE((tmp_path / "server.pem").stat().st_mode) == 0o600
    first = (tmp_path / "ca.pem").read_bytes()
    with started(bare_environment, tmp_path):
        assert (tmp_path / "ca.pem").read_bytes() == first


def test_a_taken_port(bare_environment: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", "servicenow-fake", "--port", str(port),
             "--folder", str(tmp_path)],
            cwd=PROJECT,
            env=bare_environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
