"""`sre-agent trigger`: an incident from the command line, by way of the running server."""

from __future__ import annotations

import re

from typer.testing import CliRunner

from app.api.v1.ticket_examples import FLAT
from app.cli import app
from app.commands.server import Server, ServerError

HOST = FLAT["target"]["hostname"]


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


def test_it_follows_to_the_end(server: Server) -> None:
    done = CliRunner().invoke(
        app, ["trigger", HOST, "Shop answers 502", "--number", "CLI-2", "--follow",
              "--url", server.url],
    )  # fmt: skip
    # no healthy version of this host is on record: it goes to a person, and the exit code says so
    assert done.exit_code == 1, done.output
    assert done.output.startswith("CLI-2: execution ")
    assert "SIMULATED ESCALATED" in done.output


def test_an_unknown_host_is_told(server: Server) -> None:
    done = CliRunner().invoke(app, ["trigger", "nowhere", "x", "--url", server.url])
    assert isinstance(done.exception, ServerError)
    assert "target-unknown" in str(done.exception)
