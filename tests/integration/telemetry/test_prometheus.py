"""A real Prometheus scrapes the text, answers the dashboard's queries, and takes the rules."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from app.telemetry.metrics import CONTENT_TYPE, exposition
from tests.unit.telemetry.test_dashboard import expressions
from tests.unit.telemetry.test_metrics import ABOUT, FIGURES

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None,
    reason="no Prometheus here; `apt-get install prometheus` gives one",
)


class _Scraped(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = exposition(FIGURES, ABOUT, 0.01)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_about: object) -> None:
        """Nothing is said on standard error."""


@pytest.fixture(scope="module")
def target() -> Iterator[int]:
    """A port where the metrics are."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Scraped)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def prometheus(target: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped twice."""
    folder = tmp_path_factory.mktemp("prometheus")
    scrape = {"job_name": "sre-agent", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
    configuration = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [
                str(PROMETHEUS),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for_scrapes(url, child)
        yield url
    finally:
        child.terminate()
        child.wait(30)


def _wait_for_scrapes(url: str, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert child.poll() is None, "prometheus ended by itself"
        try:
            if _asked(url, "count_over_time(sre_agent_database_up[5m]) >= 2"):
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.2)  # it tells by being asked alone
    raise TimeoutError(url)


def _asked(url: str, query: str) -> list[Any]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False)
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return []  # it listens and is starting, and says so in plain text
    told = answer.json()
    assert told["status"] == "success", told
    found: list[Any] = told["data"]["result"]
    return found


def filled_in(expression: str) -> str:
    """An expression as Grafana sends it with everything chosen."""
    return expression.replace("$simulated", ".*").replace("$job", ".*")


ABSENT_AT_FIRST = re.compile(r"_process_(http_requests|ssh_connections)_total|> 0$|increase|rate")
"""What needs a change between two scrapes, or a request, to have an answer."""


def test_the_scrape_was_taken_whole(prometheus: str) -> None:
    (up,) = _asked(prometheus, 'up{job="sre-agent"}')
    assert up["value"][1] == "1"
    (running,) = _asked(prometheus, 'sre_agent_executions{status="running",simulated="false"}')
    assert running["value"][1] == "3"


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_query_of_the_dashboard_is_answered(prometheus: str, expression: str) -> None:
    answer = httpx.get(
        f"{prometheus}/api/v1/query", params={"query": filled_in(expression)}, trust_env=False
    ).json()
    assert answer["status"] == "success", answer
    if not ABSENT_AT_FIRST.search(expression):
        assert answer["data"]["result"], expression


def test_promtool_accepts_the_manuals_rules(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "howto" / "monitoring.md").read_text(encoding="utf-8")
    (rules,) = re.findall(r"```yaml\n(groups:.*?)```", page, re.DOTALL)
    file = tmp_path / "rules.yml"
    file.write_text(rules)
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 rules found" in done.stdout
