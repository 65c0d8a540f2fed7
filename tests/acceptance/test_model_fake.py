"""`sre-agent model-fake` as a process, and a server that has it for its model."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.api.v1.ticket_examples import FLAT
from app.commands.demo import running
from app.commands.live import Live

URL = re.compile(r"at (http://127\.0\.0\.1:\d+/v1);")


@pytest.fixture
def fake(bare_environment: dict[str, str]) -> Iterator[str]:
    """A hostile model's base URL."""
    command = [sys.executable, "-m", "app.cli", "model-fake", "--behaviour", "hostile"]
    child = subprocess.Popen(
        [*command, "--port", "0"], env=bare_environment, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    found = URL.search(child.stdout.readline())
    assert found is not None
    yield found[1]
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 128 + signal.SIGTERM
    child.stdout.close()


def test_a_server_with_a_hostile_model_heals_as_without(fake: str, tmp_path: Path) -> None:
    models = httpx.get(f"{fake}/models", headers={"Authorization": "Bearer k"}, trust_env=False)
    assert models.json()["data"][0]["id"] == "fake"
    environment = {
        "ENABLE_REAL_SSH": "false",
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/sre-agent.sqlite",
        "WATCH_SECONDS_REVERSIBLE": "1",
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": fake,
        "OPENAI_MODEL": "fake",
    }
    with running(environment, tmp_path) as server:
        server.post(f"/api/v1/hosts/{FLAT['target']['hostname']}/baseline", None)
        taken = server.post("/api/v1/incident/trigger-agent", FLAT)
        ended = Live(server, taken["execution_id"]).follow(seconds=120)
        path = f"/api/v1/incident/execution/{taken['execution_id']}"
        told = server.get(f"{path}/model-calls")
        assert ended["outcome"] == "resolved"
        assert told["execution_id"] == taken["execution_id"]
        assert told["spent"]["cost"] == 0
        spent = server.get(path)["model_spent"]
        assert spent == (told["spent"] if told["calls"] else None)
