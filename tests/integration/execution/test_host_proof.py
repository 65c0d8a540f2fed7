"""With the agent's own key on a real sshd: what else than asking the gate is possible there?"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.execution.catalog import Catalog
from app.execution.enrolment import HostFile
from app.execution.host_proof import differences, examples, prove, state_calls
from app.execution.hosts import SshHosts
from app.execution.targets import Inventory
from tests.integration.execution.gate_bench import Bench
from tests.integration.execution.sshd import Server, serving

CATALOG = Catalog.load()
PROJECT = Path(__file__).parents[3]
ME = pwd.getpwuid(os.geteuid()).pw_name
MY_GROUP = grp.getgrgid(os.getegid()).gr_name


@pytest.fixture
def server(bench: Bench, tmp_path: Path) -> Iterator[Server]:
    """An enrolled host: its key can do nothing but call the bench's gate."""
    command = shlex.join(bench.command()).replace('"', '\\"')
    with serving(tmp_path / "sshd", command=command) as running:
        yield running


@asynccontextmanager
async def reaching(server: Server) -> AsyncIterator[SshHosts]:
    hosts = SshHosts(Inventory([server.host()], source="test"), CATALOG)
    try:
        yield hosts
    finally:
        await hosts.close()


async def test_an_enrolled_host_lets_the_key_do_nothing_else(server: Server) -> None:
    async with reaching(server) as hosts:
        proofs = await prove(hosts, server.host(), CATALOG)
    assert [proof.what for proof in proofs if not proof.holds] == []
    assert len([proof for proof in proofs if proof.what.startswith("no ")]) == 8


@pytest.mark.parametrize(
    ("options", "open_ways"),
    [
        ("restrict", {"a command of one's own", "a shell"}),
        ("no-pty,no-agent-forwarding", {"a way into the host's network (-L)",
                                        "a port on the host that leads back (-R)"}),
        ("restrict,pty", {"a terminal"}),
    ],
)  # fmt: skip
async def test_a_key_that_may_do_more_is_found_out(
    tmp_path: Path, options: str, open_ways: set[str]
) -> None:
    with serving(tmp_path / "sshd") as server:
        keys = server.folder / "authorized_keys"
        keys.write_text(f"{options} {keys.read_text().split(' ', 1)[1]}")
        async with reaching(server) as hosts:
            made = await hosts.attempts(server.host())
    assert open_ways <= {attempt.what for attempt in made if not attempt.held}


async def test_a_gate_that_takes_what_it_must_not_is_found_out(
    bench: Bench, server: Server
) -> None:
    bench.config["actions"]["file.state"]["params"]["path"] = {"kind": "path", "beneath": ["/"]}
    bench.write_config()
    async with reaching(server) as hosts:
        proofs = await prove(hosts, server.host(), CATALOG)
    wrong = [proof.what for proof in proofs if not proof.holds]
    assert "file.state path=/proc/kcore on bench is refused" in wrong


async def test_asking_what_would_run_runs_nothing(
    bench: Bench, server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "site.conf"
    path.write_text("x")
    bench.allow_paths("file.set_mode", tmp_path)
    path.chmod(0o600)
    known = [one.call for one in examples(CATALOG, server.host())]
    (change,) = [c for c in known if c.action == "file.set_mode"][:1]
    call = change.model_copy(update={"params": {"path": str(path), "mode": "0644"}})
    async with reaching(server) as hosts:
        assert await hosts.would_run(server.host(), [call]) == ("",)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not (bench.state / "receipts").exists()


async def test_files_of_the_enrolment_that_differ_are_named(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    files = []
    for name in ("same", "edited", "opened", "given", "gone"):
        path = folder / name
        path.write_text(name)
        path.chmod(0o440)
        content = b"as it should be" if name == "edited" else name.encode()
        shape = {"path": str(path), "content": content, "mode": 0o440}
        who = {"owner": "nobody" if name == "given" else ME, "group": MY_GROUP}
        files.append(HostFile.model_validate(shape | who))
    (folder / "opened").chmod(0o666)
    (folder / "gone").unlink()
    async with reaching(server) as hosts:
        seen = await hosts.observe(server.host(), state_calls(files, server.host()))
    found = {Path(proof.what).name: proof for proof in differences(files, seen)}
    assert [name for name, proof in found.items() if proof.holds] == ["same"]
    assert "content" in found["edited"].said
    assert "0666" in found["opened"].said
    assert f"owner is {ME}" in found["given"].said
    assert "missing" in found["gone"].said
    assert hashlib.sha256(b"same").hexdigest() not in str(found)  # nothing of contents is told


def commanded(server: Server, tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`sre-agent host ...` as a process of its own, over an inventory with this one host."""
    host = server.host().model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    inventory = tmp_path / "inventory.json"  # JSON is YAML
    inventory.write_text(json.dumps({"hosts": {"bench": host}}))
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "host", *words],
        env={
            "PATH": os.environ["PATH"],
            "INVENTORY_FILE": str(inventory),
            "ENABLE_REAL_SSH": "true",
            "COLUMNS": "200",
        },
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_says_what_holds_and_what_not(
    bench: Bench, server: Server, tmp_path: Path
) -> None:
    done = commanded(server, tmp_path, "verify", "bench")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok") >= 10
    keys = server.folder / "authorized_keys"
    keys.write_text(keys.read_text().replace("restrict,", "restrict,pty,"))
    done = commanded(server, tmp_path, "verify", "bench")
    assert done.returncode == 1
    assert "WRONG no a terminal" in done.stdout
    del bench.config["actions"]["service.start"]
    bench.write_config()
    assert "service.start" in commanded(server, tmp_path, "verify", "bench").stdout


def test_what_takes_all_of_it_away_is_printed_and_nothing_is_contacted(
    server: Server, tmp_path: Path
) -> None:
    server.process.terminate()
    server.process.wait()
    done = commanded(server, tmp_path, "revoke", "bench")
    assert done.returncode == 0, done.stderr
    for what in ("sudoers.d/sre-agent", "authorized_keys", "userdel", "/var/lib/sre-agent"):
        assert what in done.stdout
