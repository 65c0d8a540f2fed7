"""Starting and stopping the server, and what it says when it cannot."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.commands.demo import stop
from tests.acceptance.conftest import PROJECT, started, uvicorn_server


def start(environment: dict[str, str], *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "start_server.py", *more],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_taken_port(bare_environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = start(bare_environment, "--port", str(port))
    assert done.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}: address already in use." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"AUTONOMY_LEVEL": "L9"}, "A setting is wrong. AUTONOMY_LEVEL"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL has the scheme 'mysql'"),
        ({"SERVICENOW_USERNAME": "x"}, "needs exactly one of"),
        ({"INVENTORY_FILE": "/no/such/file.yaml"}, "/no/such/file.yaml"),
        ({"POLICY_FILE": "/no/such/policy.yaml"}, "/no/such/policy.yaml"),
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:9/x"}, "cannot be migrated"),
    ],
)
def test_a_wrong_setting_is_told_in_a_sentence(
    bare_environment: dict[str, str], tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    usual = {"DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/x.sqlite"}
    done = start(bare_environment | usual | settings, "--port", "0")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_uvicorn_too_tells_it_in_a_sentence(bare_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "app.main:app", "--port", "0"],
        cwd=PROJECT,
        env=bare_environment | {"LOG_LEVEL": "LOUD"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "The service cannot start: A setting is wrong. LOG_LEVEL" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_its_mode_and_stops_when_told(
    bare_environment: dict[str, str], tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/x.sqlite"
    with uvicorn_server(bare_environment | {"DATABASE_URL": url}, tmp_path) as address:
        assert address
    said = (tmp_path / "server.log").read_text()
    assert "SIMULATED: no host is contacted" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_told(
    bare_environment: dict[str, str], tmp_path: Path, how: signal.Signals
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/x.sqlite"
    environment = bare_environment | {"DATABASE_URL": url}
    with started(["-m", "app.cli", "serve"], environment, tmp_path) as (address, child):
        assert httpx.get(f"{address}/readyz", trust_env=False).status_code == 200
        assert stop(child, how) == 0
    said = (tmp_path / "server.log").read_text()
    assert "stopped" in said
    assert "Traceback" not in said
