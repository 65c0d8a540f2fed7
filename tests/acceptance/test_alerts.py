"""`sre-agent alerts` against a running server."""

from __future__ import annotations

import subprocess
import sys

from app.commands.server import Server


def test_nothing_needs_a_person(server: Server, bare_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "alerts", "--recent", "5", "--url", server.url],
        env=bare_environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Nothing needs a person.")


def test_without_a_server_it_says_so(bare_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "alerts", "--url", "http://127.0.0.1:9"],
        env=bare_environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Nobody answers at http://127.0.0.1:9" in done.stderr
