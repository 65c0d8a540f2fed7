"""`sre-agent trigger`: an incident from the command line, by way of the running server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from app.api.v1.ticket_examples import FLAT
from app.cli import app
from app.commands.demo import running
from app.commands.server import Server, ServerError

HOST = FLAT["target"]["hostname"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this file's own, which knows how the host looks while it is healthy."""
    folder = tmp_path_factory.mktemp("trigger")
    environment = {
        "ENABLE_REAL_SSH": "false",
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/sre-agent.sqlite",
        "LOG_LEVEL": "WARNING",
    }
    with running(environment, folder) as started:
        started.post(f"/api/v1/hosts/{HOST}/baseline", {})
        yield started


def test_it_follows_to_the_end(server: Server) -> None:
    done = CliRunner().invoke(
        app, ["trigger", HOST, "Shop answers 502", "--number", "CLI-2", "--follow",
              "--url", server.url],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.output.startswith("CLI-2: execution ")
    assert "SIMULATED RESOLVED" in done.output


def test_it_hands_in_an_incident_and_says_its_number(server: Server) -> None:
    done = CliRunner().invoke(
        app,
        ["trigger", HOST, "Shop answers 502", "--number", "CLI-1", "--service", "nginx",
         "--priority", "2", "--no-follow", "--url", server.url],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = re.fullmatch(r"CLI-1: execution (\d+)\n", done.output)
    assert found, done.output
    view = server.get(f"/api/v1/incident/execution/{found[1]}")
    assert (view["host"], view["priority"]) == (HOST, "2")
    assert view["short_description"] == "Shop answers 502"
    assert view["claimed_service"] == "nginx"


def test_an_unknown_host_is_told(server: Server) -> None:
    done = CliRunner().invoke(app, ["trigger", "nowhere", "x", "--url", server.url])
    assert isinstance(done.exception, ServerError)
    assert "target-unknown" in str(done.exception)
