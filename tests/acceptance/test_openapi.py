"""Whatever is sent to whichever address: no server error, and nothing that is not documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from app.commands.server import Server

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SECONDS = 300


def test_schemathesis_finds_nothing(server: Server, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(CONFIGURATION),
        "run",
        f"{server.url}/openapi.json",
        "--suppress-health-check=filter_too_much,too_slow",
        "--warnings=off",
        "--no-color",
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_every_route_documents_examples_and_errors(server: Server) -> None:
    document = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            errors = {status for status in operation["responses"] if status >= "400"}
            assert {"500", "503"} <= errors, where
            if method == "post" and "requestBody" in operation:
                assert {"400", "413", "415", "422"} <= errors, where
