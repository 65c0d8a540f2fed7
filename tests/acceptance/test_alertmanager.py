"""Debian's own Alertmanager notifies a running server."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.api.v1.ticket_examples import FLAT
from app.commands.demo import stop
from app.commands.server import Server

PROGRAM = "/usr/bin/prometheus-alertmanager"
WAIT_SECONDS = 60
HOST = FLAT["target"]["hostname"]

CONFIG = """
route:
  receiver: sre-agent
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: sre-agent
    webhook_configs:
      - url: {url}/api/v1/alertmanager/webhook
"""

pytestmark = pytest.mark.skipif(
    shutil.which(PROGRAM) is None,
    reason="Alertmanager is not installed: apt-get install prometheus-alertmanager",
)


@contextmanager
def alertmanager(url: str, folder: Path) -> Iterator[httpx.Client]:
    """An Alertmanager that notifies the server at `url`; a client of it, once it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = folder / "alertmanager.yml"
    config.write_text(CONFIG.format(url=url), encoding="utf-8")
    with (folder / "alertmanager.log").open("wb") as log:
        child = subprocess.Popen(
            [PROGRAM, f"--config.file={config}", f"--storage.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            wait_for(lambda: ready(client))
            yield client
    finally:
        stop(child)


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").is_success
    except httpx.TransportError:
        return False


def wait_for(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not there():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def tell(client: httpx.Client, instance: str, starts: datetime, ends: datetime) -> None:
    """What Prometheus posts for an alert."""
    alert = {
        "labels": {"alertname": "ShopDown", "instance": instance, "severity": "critical"},
        "annotations": {"summary": "The shop answers 502"},
        "startsAt": starts.isoformat(),
        "endsAt": ends.isoformat(),
    }
    assert client.post("/api/v2/alerts", json=[alert]).is_success


def notifications(client: httpx.Client, kind: str) -> int:
    """A counter of Alertmanager's own; newer ones split it by further labels."""
    lines = rf'^alertmanager_{kind}_total{{[^}}]*integration="webhook"[^}}]*}} (\d+)$'
    return sum(map(int, re.findall(lines, client.get("/metrics").text, re.MULTILINE)))


def test_an_alert_fires_ends_and_fires_again(server: Server, tmp_path: Path) -> None:
    def executions() -> list[str]:
        page = server.get("/api/v1/incident/executions", host=HOST, limit=500)
        numbers = [line["incident_number"] for line in page["executions"]]
        return [number for number in numbers if number.startswith("AM-")]

    began = datetime.now(UTC)
    hour = timedelta(hours=1)
    with alertmanager(server.url, tmp_path) as client:
        tell(client, f"{HOST}:9100", began, began + hour)
        wait_for(lambda: len(executions()) == 1)
        tell(client, f"{HOST}:9100", began, datetime.now(UTC))
        wait_for(lambda: notifications(client, "notifications") == 2)
        assert len(executions()) == 1
        again = datetime.now(UTC) + timedelta(seconds=1)
        tell(client, f"{HOST}:9100", again, again + hour)
        wait_for(lambda: len(executions()) == 2)
        assert len({number.rpartition("-")[0] for number in executions()}) == 1
        assert notifications(client, "notifications_failed") == 0


def test_an_unknown_host_counts_as_a_failed_notification(server: Server, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    with alertmanager(server.url, tmp_path) as client:
        tell(client, "203.0.113.9:9100", began, began + timedelta(hours=1))
        wait_for(lambda: notifications(client, "notifications_failed") == 1)
    assert "422" in (tmp_path / "alertmanager.log").read_text(encoding="utf-8")
