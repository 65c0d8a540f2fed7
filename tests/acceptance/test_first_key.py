"""A server that reaches real hosts, before and after its first key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx

from app.api.v1.ticket_examples import FLAT
from tests.acceptance.conftest import PROJECT, started

HOOK = "/api/v1/incident/trigger-agent"


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_nothing_real_is_begun_without_a_key_and_the_first_is_made_beside_the_running_server(
    bare_environment: dict[str, str], tmp_path: Path
) -> None:
    key = tmp_path / "agent"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    host = {  # nobody listens there
        "address": "127.0.0.1",
        "port": 9,
        "ssh_key_path": str(key),
        "host_key": " ".join(key.with_suffix(".pub").read_text().split()[:2]),
    }
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(json.dumps({"hosts": {"alpha": host}}))
    environment = bare_environment | {
        "ENABLE_REAL_SSH": "true",
        "INVENTORY_FILE": str(inventory),
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/x.sqlite",
    }
    incident = FLAT | {"target": {"hostname": "alpha"}}
    serve = ["-m", "app.cli", "serve"]
    with (
        started(serve, environment, tmp_path) as (address, _),
        httpx.Client(base_url=address, trust_env=False, timeout=30) as client,
    ):
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        for method, path in (
            ("POST", HOOK),
            ("POST", "/api/v1/hosts/alpha/baseline"),
            ("POST", "/api/v1/pause"),
            ("POST", "/api/v1/resume"),
            ("GET", "/api/v1/incident/executions"),
            ("GET", "/metrics"),
        ):
            refused = client.request(method, path, json=incident if path == HOOK else None)
            assert refused.status_code == 401, path
            assert "sre-agent keys create --role operator" in refused.json()["error"]["hint"]
        told = run(environment, "trigger", "alpha", "down", "--url", address, "--no-follow")
        assert told.returncode == 2
        assert "sre-agent keys create" in told.stderr

        made = run(environment, "keys", "create", "--role", "operator", "--name", "ann")
        assert made.returncode == 0, made.stderr
        (token,) = re.findall(r"sre_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", made.stdout)
        shown = {"Authorization": f"Bearer {token}"}
        assert client.get("/api/v1/incident/executions", headers=shown).json()["executions"] == []
        assert client.post(HOOK, json=incident, headers=shown).status_code == 200
        assert client.post(HOOK, json=incident).status_code == 401
        assert "1 valid: operator" in run(environment, "doctor").stdout
    said = (tmp_path / "server.log").read_text()
    assert "NO KEYS: hosts are real, so nobody is answered who shows nothing" in said
