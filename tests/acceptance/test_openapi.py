"""Whatever is sent to whichever address: no server error, and nothing that is not documented."""

from __future__ import annotations

from pathlib import Path

import httpx

from app.commands.server import Server
from app.domain.permission import Role
from tests.acceptance.conftest import Keyed
from tests.acceptance.fuzzing import fuzz

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def test_schemathesis_finds_nothing(keyed: Keyed, tmp_path: Path) -> None:
    token = keyed.tokens[Role.OPERATOR]
    found = fuzz(keyed.url, token, CONFIGURATION, tmp_path, unchecked="filter_too_much,too_slow")
    assert not found, found


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
