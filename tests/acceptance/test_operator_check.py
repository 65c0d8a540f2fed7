"""test_sre_agent.py: passes on a healthy server, and says clearly what is wrong otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.commands.server import Server
from tests.acceptance.conftest import PROJECT, uvicorn_server


def check(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "test_sre_agent.py", "--url", url, "--timeout", "120"],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_a_healthy_server_passes(server: Server) -> None:
    done = check(server.url)
    assert done.returncode == 0, done.stdout
    assert "0 failed" in done.stdout


def test_a_server_that_is_down() -> None:
    done = check("http://127.0.0.1:9")
    assert done.returncode == 2
    assert "Nobody answers at http://127.0.0.1:9" in done.stdout
    assert "python start_server.py" in done.stdout


def test_a_database_that_is_not_migrated(tmp_path: Path, bare_environment: dict[str, str]) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/empty.sqlite"
    with uvicorn_server(bare_environment | {"DATABASE_URL": url}, tmp_path) as address:
        done = check(address)
    assert done.returncode == 1
    assert "The database has no tables yet" in done.stdout
    assert "alembic upgrade head" in done.stdout


@contextmanager
def answering(answers: dict[str, object]) -> Iterator[str]:
    """A server that answers these bodies by path, and `{}` elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path, {})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, "/healthz has no 'status'"),
        ({"/healthz": {"status": "ok", "version": 1}}, "'version' is 1, expected str"),
        ({"/healthz": ["ok"]}, "answered list, expected an object"),
    ],
)
def test_a_wrong_shape(answers: dict[str, object], said: str) -> None:
    with answering(answers) as address:
        done = check(address)
    assert done.returncode == 1
    assert said in done.stdout
