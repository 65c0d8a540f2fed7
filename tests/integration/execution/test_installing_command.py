"""`host enrol --as` and `host revoke --as`: nothing without a yes, nothing that was not proven."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.commands import enrol, installing
from app.domain.host import Host
from app.execution.enrolment import enrolment_files
from app.execution.host_proof import Proof
from app.execution.installation import Installation
from app.settings import Settings
from tests.integration.execution import test_installation
from tests.integration.execution.test_installation import PROGRAMS, Bench, mine

bench = test_installation.bench
Proven = Callable[..., None]


@pytest.fixture
def proven(monkeypatch: pytest.MonkeyPatch) -> Proven:
    """Decides what comes of the agent's own key: there is no such account on this machine."""

    def decide(*, holds: bool, lets_in: bool = False) -> None:
        async def proofs(_settings: Settings, _host: Host) -> tuple[Proof, ...]:
            return (Proof(what="no shell", holds=holds),)

        async def answer(_settings: Settings, _host: Host) -> bool:
            return lets_in

        monkeypatch.setattr(installing, "_proofs", proofs)
        monkeypatch.setattr(installing, "_lets_in", answer)

    decide(holds=True)
    return decide


@pytest.fixture
def run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command as an administrator runs it, on the bench's files and programs."""
    elsewhere = {
        "root": str(bench.root),
        "programs": {name: [str(bench.folder / "bin" / name)] for name in PROGRAMS},
    }
    made = functools.partial(Installation, elsewhere=elsewhere)
    monkeypatch.setattr(installing, "Installation", made)
    monkeypatch.setattr(enrol, "enrolment_files", lambda **given: mine(enrolment_files(**given)))
    host = bench.server.host(username="sre-agent").model_dump(
        mode="json", exclude_defaults=True, exclude={"name"}
    )
    inventory = bench.folder / "inventory.json"
    inventory.write_text(json.dumps({"hosts": {"bench": host}}))
    monkeypatch.setenv("INVENTORY_FILE", str(inventory))
    monkeypatch.setenv("ENABLE_REAL_SSH", "true")

    def command(verb: str, *words: str) -> Result:
        admin = ["--as", bench.server.host().username, "--admin-key", str(bench.server.user_key)]
        key = ["--key", str(bench.folder / "agent.pub")] if verb == "enrol" else []
        return CliRunner().invoke(app, ["host", verb, "bench", *key, *admin, *words])

    return command


def test_what_would_be_done_is_shown_and_nothing_is_done_without_a_yes(
    bench: Bench, run: Callable[..., Result], proven: Proven
) -> None:
    before = bench.tree()
    done = run("enrol")
    assert done.exit_code == 2
    assert "no terminal to ask at" in done.stderr
    for told in ("new      /etc/sudoers.d/sre-agent", "useradd", "visudo -c", "sshd -t",
                 "+    PermitTTY no"):  # fmt: skip
        assert told in done.stdout
    assert bench.tree() == before
    assert bench.calls() == []


def test_with_a_yes_it_is_done_and_what_it_began_with_is_let_go(
    bench: Bench, run: Callable[..., Result], proven: Proven
) -> None:
    done = run("enrol", "--yes")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "bench is enrolled" in done.stdout
    assert (bench.root / "etc/sudoers.d/sre-agent").exists()
    assert not (bench.root / "var/lib/sre-agent-enrolment.json").exists()
    calls = bench.calls()
    assert "Everything is there as it should be." in run("enrol").stdout, "no yes is needed"
    assert bench.calls() == calls


def test_what_the_agents_key_does_not_prove_is_taken_back(
    bench: Bench, run: Callable[..., Result], proven: Proven
) -> None:
    before = bench.tree()
    proven(holds=False)
    done = run("enrol", "--yes")
    assert done.exit_code == 2
    assert "WRONG    no shell" in done.stdout
    assert "everything on the host is as it was" in done.stderr
    assert bench.tree() == before


def test_a_host_that_still_lets_the_key_in_is_not_said_to_be_revoked(
    bench: Bench, run: Callable[..., Result], proven: Proven
) -> None:
    assert run("enrol", "--yes").exit_code == 0
    enrolled = bench.tree()
    proven(holds=True, lets_in=True)
    done = run("revoke", "--yes")
    assert done.exit_code == 2
    assert "still lets the agent's key in" in done.stderr
    assert bench.tree() == enrolled
    proven(holds=True, lets_in=False)
    done = run("revoke", "--yes")
    assert (done.exit_code, done.stderr) == (0, "")
    assert not (bench.root / "home/sre-agent/.ssh/authorized_keys").exists()


def test_without_real_ssh_no_host_is_contacted(
    bench: Bench, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENABLE_REAL_SSH", "false")
    done = run("enrol", "--yes")
    assert done.exit_code == 2
    assert "No host is contacted" in done.stderr
    assert "Accepted publickey" not in Path(bench.server.folder / "log").read_text()
