"""Real hosts by a real OpenSSH: pinned keys, one batch, deadlines, receipts over broken lines."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.domain.action import ActionCall
from app.domain.host import Host
from app.errors import HostKeyMismatch, HostNotEnrolled, HostUnreachable, LoginRefused
from app.execution import ssh
from app.execution.catalog import Catalog
from app.execution.hosts import SshHosts
from app.execution.ports import ReceiptState
from app.execution.targets import Inventory
from app.secrets.configured import secrets_of
from app.secrets.secrets import Secrets
from app.settings import Settings
from tests.integration.execution.gate_bench import Bench, running_with
from tests.integration.execution.sshd import Server, key_agent, make_key, serving

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def server(bench: Bench, tmp_path: Path) -> Iterator[Server]:
    """An enrolled host: its key can do nothing but call the bench's gate."""
    command = shlex.join(bench.command()).replace('"', '\\"')
    with serving(tmp_path / "sshd", command=command) as running:
        yield running


@pytest.fixture
def plain_server(tmp_path: Path) -> Iterator[Server]:
    """A host without a gate."""
    with serving(tmp_path / "sshd") as running:
        yield running


@asynccontextmanager
async def reaching(
    host: Host,
    *others: Host,
    known_hosts_file: Path | None = None,
    secrets: Secrets | None = None,
) -> AsyncIterator[SshHosts]:
    inventory = Inventory([host, *others], source="test")
    hosts = SshHosts(inventory, Catalog.load(), known_hosts_file=known_hosts_file, secrets=secrets)
    try:
        yield hosts
    finally:
        await hosts.close()


def call(action: str, **params: str | int) -> ActionCall:
    return ActionCall(action=action, host="bench", params=params)


async def test_a_batch_comes_back_in_order_over_one_connection(server: Server) -> None:
    asked = [
        call("host.identity"),
        call("file.state", path="/etc/hosts"),
        call("processes.list"),
        call("service.restart", unit="shop.service"),
        call("unit.show", unit="--all"),
        call("filesystems.list"),
    ]
    async with reaching(server.host()) as hosts:
        found = await hosts.observe(server.host(), asked)
        await hosts.observe(server.host(), asked[:1])
    assert [observation.call for observation in found] == asked
    assert [observation.ok for observation in found] == [True, True, True, False, False, True]
    assert found[0].facts["hostname"] == os.uname().nodename
    assert not found[0].simulated
    assert (found[3].error or "").startswith("refused")
    assert (found[4].error or "").startswith("refused")
    assert (server.folder / "log").read_text().count("Accepted publickey") == 1


async def test_a_changed_host_key_ends_it_before_anything_is_sent(
    server: Server, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other_key")
    host = server.host(host_key=other)
    async with reaching(host) as hosts:
        (found,) = await hosts.observe(host, [call("host.identity")])
        with pytest.raises(HostKeyMismatch) as raised:
            await hosts.enrolled(host)
    assert not found.ok
    for fingerprint in (ssh.fingerprint_of(other), ssh.fingerprint_of(server.host_key)):
        assert fingerprint in str(raised.value)
        assert fingerprint in (found.error or "")
    assert "Accepted publickey" not in (server.folder / "log").read_text()


async def test_a_host_without_a_pinned_key_is_not_reached(server: Server) -> None:
    host = server.host(host_key=None)
    async with reaching(host) as hosts:
        with pytest.raises(HostKeyMismatch, match="none is ever accepted unseen"):
            await hosts.enrolled(host)


async def test_pins_may_stand_in_a_known_hosts_file(server: Server, tmp_path: Path) -> None:
    host = server.host(host_key=None)
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
    async with reaching(host, known_hosts_file=known) as hosts:
        await hosts.enrolled(host)
    known.write_text(f"[127.0.0.1]:{server.port} {make_key(tmp_path / 'other_key')}\n")
    async with reaching(host, known_hosts_file=known) as hosts:
        with pytest.raises(HostKeyMismatch):
            await hosts.enrolled(host)


async def test_a_key_that_the_host_does_not_know(server: Server, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger")
    host = server.host(ssh_key_path=str(tmp_path / "stranger"))
    async with reaching(host) as hosts:
        with pytest.raises(LoginRefused, match="did not accept"):
            await hosts.enrolled(host)


async def test_an_rsa_key_works_too(bench: Bench, server: Server, tmp_path: Path) -> None:
    public = make_key(tmp_path / "rsa_key", "rsa")
    forced = (server.folder / "authorized_keys").read_text().split(" ssh-ed25519 ")[0]
    (server.folder / "authorized_keys").write_text(f"{forced} {public}\n")
    host = server.host(ssh_key_path=str(tmp_path / "rsa_key"))
    async with reaching(host) as hosts:
        await hosts.enrolled(host)


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="openssh-client is not installed")
async def test_a_key_that_only_an_agent_holds(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with key_agent(tmp_path / "agent.sock", server.user_key) as address:
        server.user_key.unlink()
        monkeypatch.setenv("SSH_AUTH_SOCK", address)
        host = server.host(ssh_key_path=None)
        async with reaching(host) as hosts:
            await hosts.enrolled(host)


async def test_an_agent_is_not_asked_where_a_key_file_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(tmp_path / "stranger")
    with key_agent(tmp_path / "agent.sock", server.user_key) as address:
        monkeypatch.setenv("SSH_AUTH_SOCK", address)
        host = server.host(ssh_key_path=str(tmp_path / "stranger"))
        async with reaching(host) as hosts:
            with pytest.raises(LoginRefused):
                await hosts.enrolled(host)


async def test_a_key_by_reference_that_is_rotated_needs_no_restart(
    server: Server, tmp_path: Path
) -> None:
    held = tmp_path / "held-key"
    held.write_bytes(server.user_key.read_bytes())
    held.chmod(0o600)
    server.user_key.unlink()
    host = server.host(ssh_key_path=None, ssh_key=f"file:{held}")
    async with reaching(host, secrets=secrets_of(Settings(_env_file=None))) as hosts:
        await hosts.enrolled(host)
        await hosts.close()
        public = make_key(tmp_path / "newer-key")
        forced = (server.folder / "authorized_keys").read_text().split(" ssh-ed25519 ")[0]
        (server.folder / "authorized_keys").write_text(f"{forced} {public}\n")
        with pytest.raises(LoginRefused):
            await hosts.enrolled(host)
        held.write_bytes((tmp_path / "newer-key").read_bytes())
        await hosts.enrolled(host)


async def test_a_key_by_reference_that_cannot_be_had(server: Server, tmp_path: Path) -> None:
    secrets = secrets_of(Settings(_env_file=None))
    host = server.host(ssh_key_path=None, ssh_key=f"file:{tmp_path}/none")
    async with reaching(host, secrets=secrets) as hosts:
        with pytest.raises(
            HostUnreachable, match=r"key of bench could not be had: .* no such file"
        ):
            await hosts.enrolled(host)
    (tmp_path / "none").write_text("some-text-that-is-no-key")
    (tmp_path / "none").chmod(0o600)
    async with reaching(host, secrets=secrets) as hosts:
        with pytest.raises(HostUnreachable, match="no private key") as raised:
            await hosts.enrolled(host)
    assert "some-text" not in str(raised.value)


async def test_nobody_listens_there(server: Server) -> None:
    host = server.host(port=1)
    async with reaching(host) as hosts:
        (found,) = await hosts.observe(host, [call("host.identity")])
        receipt = await hosts.change(
            host, call("service.restart", unit="shop.service"), intent_id="i-1", fence=1
        )
    assert (found.error or "").startswith("host-unreachable")
    assert receipt.state is ReceiptState.UNREACHABLE


async def test_through_a_jump_host(bench: Bench, server: Server, tmp_path: Path) -> None:
    with serving(tmp_path / "jump", extra="AllowTcpForwarding yes") as jump:
        keys = (jump.folder / "authorized_keys").read_text()
        only = f'permitopen="localhost:{server.port}"'  # the line that docs/howto/ssh-keys.md gives
        nothing = 'command="/usr/sbin/nologin"'
        (jump.folder / "authorized_keys").write_text(
            keys.replace("restrict", f"restrict,port-forwarding,{only},{nothing}")
        )
        first = jump.host(name="jump", address="127.0.0.2")
        first = first.model_copy(update={"address": "127.0.0.1"})
        behind = server.host(jump="jump", address="localhost")
        async with reaching(behind, first) as hosts:
            await hosts.enrolled(behind)
        assert "Accepted publickey" in (jump.folder / "log").read_text()


async def test_a_catalog_that_differs_says_what_to_run(bench: Bench, server: Server) -> None:
    bench.config["digest"] = "0" * 64
    bench.write_config()
    async with reaching(server.host()) as hosts:
        (found,) = await hosts.observe(server.host(), [call("host.identity")])
        with pytest.raises(HostNotEnrolled, match="sre-agent enrol bench"):
            await hosts.enrolled(server.host())
    assert (found.error or "").startswith("host-not-enrolled")


async def test_a_host_without_the_gate_says_so(tmp_path: Path) -> None:
    forced = "sh -c 'echo sudo: /usr/local/libexec/sre-agent-gate: command not found >&2; exit 1'"
    with serving(tmp_path / "sshd", command=forced) as bare:
        async with reaching(bare.host()) as hosts:
            with pytest.raises(HostNotEnrolled, match="command not found"):
                await hosts.enrolled(bare.host())


async def test_the_deadline_ends_what_runs_on_the_host(
    bench: Bench, server: Server, until: Until
) -> None:
    bench.config["actions"]["host.identity"] = {
        **bench.config["actions"]["host.identity"], "argv": ["/bin/sleep", "71.81"], "timeout": 60,
    }  # fmt: skip
    del bench.config["actions"]["host.identity"]["builtin"]
    bench.write_config()
    begun = time.monotonic()
    async with reaching(server.host()) as hosts:
        slow, quick = await hosts.observe(
            server.host(),
            [call("host.identity"), call("file.state", path="/etc/hosts")],
            deadline_seconds=2.0,
        )
    assert time.monotonic() - begun < 8
    assert (slow.error or "").startswith("timeout")
    assert slow.exit_code is None
    assert quick.ok, "what was answered before the deadline is kept"
    until(lambda: not running_with("71.81"))


async def test_a_frozen_host_is_noticed_and_reached_again_when_it_thaws(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "KEEPALIVE_SECONDS", 0.3)
    monkeypatch.setattr(ssh, "KEEPALIVE_MISSES", 2)
    async with reaching(server.host()) as hosts:
        await hosts.enrolled(server.host())
        sessions = _descendants(server.process.pid)
        for pid in sessions:
            os.kill(pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            (found,) = await hosts.observe(
                server.host(), [call("host.identity")], deadline_seconds=20
            )
            assert time.monotonic() - begun < 8
            assert found.ok, "a new connection takes the place of the frozen one"
        finally:
            for pid in sessions:
                os.kill(pid, signal.SIGCONT)


async def test_a_change_goes_on_when_the_line_breaks(
    bench: Bench, server: Server, tmp_path: Path, until: Until
) -> None:
    ran = tmp_path / "ran"
    entry = bench.config["actions"]["service.restart"]
    entry["argv"] = ["/bin/sh", "-c", f"echo run >> {ran}; sleep 2; echo done"]
    bench.write_config()
    restart = call("service.restart", unit="shop.service")
    async with reaching(server.host()) as hosts:
        task = asyncio.create_task(hosts.change(server.host(), restart, intent_id="i-1", fence=1))
        await asyncio.to_thread(until, ran.exists)
        for pid in _descendants(server.process.pid):
            os.kill(pid, signal.SIGKILL)  # the whole session, gate included
        cut = await task
    assert cut.state is ReceiptState.UNREACHABLE
    async with reaching(server.host()) as hosts:
        first = await hosts.receipt(server.host(), "i-1")
        assert first.state is ReceiptState.RUNNING
        again = await hosts.change(server.host(), restart, intent_id="i-1", fence=1)
        assert again.repeated
        await asyncio.to_thread(until, lambda: bench.receipt("i-1")["state"] == "ended")
        ended = await hosts.receipt(server.host(), "i-1")
    assert (ended.state, ended.exit_code, ended.output) == (ReceiptState.ENDED, 0, "done\n")
    assert ran.read_text() == "run\n"


async def test_secrets_do_not_leave_the_layer(bench: Bench, server: Server) -> None:
    entry = bench.config["actions"]["service.restart"]
    entry["argv"] = ["/bin/echo", "failed: postgres://shop:hunter22@db01/shop"]
    bench.write_config()
    async with reaching(server.host()) as hosts:
        receipt = await hosts.change(
            server.host(), call("service.restart", unit="shop.service"), intent_id="i-1", fence=1
        )
    assert "hunter22" not in receipt.output
    assert "[redacted:" in receipt.output


async def test_without_a_gate_plain_reads_work_and_the_rest_says_what_it_needs(
    plain_server: Server,
) -> None:
    host = plain_server.host(gate=False)
    asked = [
        call("name.resolve", name="localhost"),
        call("units.show", pattern="*.service"),
        call("host.identity"),
        call("name.resolve", name="no-such-name.invalid"),
    ]
    async with reaching(host) as hosts:
        resolved, starred, builtin, unknown = await hosts.observe(host, asked)
        receipt = await hosts.receipt(host, "i-1")
    assert resolved.ok, resolved
    assert resolved.facts["addresses"]
    assert "needs the gate" in (starred.error or "")
    assert "needs the gate" in (builtin.error or "")
    assert unknown.facts.get("ok") is False or not unknown.ok
    assert receipt.state is ReceiptState.LOST


async def test_output_is_cut_and_an_unknown_status_is_never_success(
    plain_server: Server, until: Until
) -> None:
    host = plain_server.host(gate=False)
    connections = ssh.SshConnections({"bench": host})
    try:
        endless = await connections.run(host, "yes", seconds=10, max_bytes=4096)
        late = await connections.run(
            host, "echo x; timeout 2 sleep 72.82", seconds=1, max_bytes=4096
        )
        good = await connections.run(host, r"printf 'a\377b'", seconds=10, max_bytes=4096)
    finally:
        await connections.close()
    assert (endless.exit_status, endless.truncated, len(endless.stdout)) == (None, True, 4096)
    assert (late.exit_status, late.timed_out, late.stdout) == (None, True, b"x\n")
    assert (good.exit_status, good.stdout) == (0, b"a\xffb")
    # sshd passes signals on only where it separates privileges, so not to this test's own root:
    # the remote `timeout`, which every plain command is wrapped in, ends it
    until(lambda: not running_with("72.82"))


async def test_unreachable_is_an_error_of_its_own(server: Server) -> None:
    host = server.host(port=1)
    async with reaching(host) as hosts:
        with pytest.raises(HostUnreachable, match="could not be reached"):
            await hosts.enrolled(host)


def _descendants(pid: int) -> list[int]:
    """Processes below one, not itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [int(child) for child in children]
    return found + [one for child in found for one in _descendants(child)]
