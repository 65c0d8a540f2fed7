"""An enrolment put on a host over an administrator's SSH: shown, agreed to, all of it or nothing.

A real sshd, a real program on its other side; another root than the host's, and programs that say
what they were asked. tests/lab/test_enrolment_live.py does the same on a real host.
"""

from __future__ import annotations

import ast
import grp
import os
import pwd
import stat
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.domain.host import Host
from app.errors import ConfigurationError, HostKeyMismatch, HostNotEnrolled
from app.execution.enrolment import (
    GATE_PATH,
    SSHD_PATH,
    SUDOERS_PATH,
    HostFile,
    enrolled_paths,
    enrolment_files,
)
from app.execution.installation import Installation, fitting, shown
from app.execution.installer import program
from app.execution.installer.program import JOURNAL, NEW, OLD
from app.execution.ssh import SshConnections
from tests.integration.execution.sshd import Server, make_key, serving

HOST = Host(name="bench", address="127.0.0.1", services=("nginx",))
KEYS = "/home/sre-agent/.ssh/authorized_keys"

_PROGRAM = """#!/bin/sh
# Says what it was asked, and fails where it is told to.
echo "{name} $*" >> {folder}/calls
failing=$(cat {folder}/failing 2> /dev/null || echo nothing)
case "{name} $*" in $failing) echo refused; exit 1;; esac
{then}
"""
_THEN = {
    "useradd": "echo 'sre-agent:x:990:990::/home/sre-agent:/bin/sh' > {folder}/passwd",
    "userdel": "rm -f {folder}/passwd",
    "getent": "cat {folder}/passwd 2> /dev/null",
}


def mine(files: Iterable[HostFile]) -> tuple[HostFile, ...]:
    """Files as they would be here, where owners are not the tester's to give."""
    owner, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    return tuple(f.model_copy(update={"owner": owner, "group": group}) for f in files)


@dataclass
class Bench:
    """A host's files under another root, and its programs."""

    folder: Path
    server: Server

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def files(self, **more: object) -> tuple[HostFile, ...]:
        key = (self.folder / "agent.pub").read_text()
        return mine(enrolment_files(host=HOST.model_copy(update=more), public_key=key))

    def calls(self) -> list[str]:
        """Programs that were run, in order, without questions."""
        text = (self.folder / "calls").read_text() if (self.folder / "calls").exists() else ""
        asked = [line.replace(str(self.root), "") for line in text.splitlines()]
        return [line for line in asked if not line.startswith(("getent", "systemctl is-active"))]

    def fail(self, pattern: str) -> None:
        """Have a program fail whose call matches a pattern of the shell's `case`."""
        (self.folder / "failing").write_text(pattern)

    def tree(self) -> dict[str, tuple[str, int, bytes]]:
        """Everything under the root: kind, mode, content."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            state = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
            kind = stat.filemode(state.st_mode)[0]
            found[str(path.relative_to(self.root))] = (kind, state.st_mode & 0o7777, content)
        return found

    @asynccontextmanager
    async def at_work(self, **more: object) -> AsyncIterator[Installation]:
        host = self.server.host().model_copy(update=more)
        elsewhere = {
            "root": str(self.root),
            "account": "sre-agent",
            "programs": {name: [str(self.folder / "bin" / name)] for name in PROGRAMS},
        }
        connections = SshConnections({"bench": host})
        try:
            yield Installation(
                connections,
                host.model_copy(update={"username": "sre-agent"}),
                host.username,
                admin_key=self.server.user_key,
                elsewhere=elsewhere,
            )
        finally:
            await connections.close()


PROGRAMS = ("visudo", "sshd", "systemctl", "useradd", "userdel", "getent", "pkill")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for folder in ("etc/sudoers.d", "etc/ssh/sshd_config.d", "home", "usr/local", "var/lib"):
        (tmp_path / "root" / folder).mkdir(parents=True)
    config = tmp_path / "root/etc/ssh/sshd_config"
    config.write_text("Include /etc/ssh/sshd_config.d/*.conf\n")
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        stand_in = tmp_path / "bin" / name
        then = _THEN.get(name, "").format(folder=tmp_path)
        stand_in.write_text(_PROGRAM.format(name=name, folder=tmp_path, then=then))
        stand_in.chmod(0o755)
    make_key(tmp_path / "agent")
    with serving(tmp_path / "sshd") as server:
        yield Bench(tmp_path, server)


async def test_everything_is_there_as_it_should_be_and_was_checked_before_it_was_live(
    bench: Bench,
) -> None:
    files = bench.files()
    async with bench.at_work() as installation:
        seen = await installation.look([file.path for file in files])
        assert bench.calls() == [], "looking runs nothing"
        await installation.install(files, seen, groups=["ssh-users", "adm"])
        await installation.keep()
        again = await installation.look([file.path for file in files])
    assert [file.path for file in files if again.differs(file)] == []
    assert not again.unfinished
    assert again.account == {"uid": 990, "home": "/home/sre-agent", "shell": "/bin/sh"}
    assert bench.calls() == [
        "useradd --create-home --shell /bin/sh --groups ssh-users,adm sre-agent",
        f"sshd -t -f {SSHD_PATH}{NEW}",
        f"visudo -c -f {SUDOERS_PATH}{NEW}",
        "visudo -c",
        "sshd -t",
        "systemctl reload ssh.service",
    ]
    assert not [path for path in bench.tree() if path.endswith((NEW, OLD))]
    assert not (bench.root / JOURNAL.lstrip("/")).exists()


async def test_what_would_change_is_shown_and_what_is_the_same_is_said_to_be(bench: Bench) -> None:
    files = bench.files()
    rules = bench.root / SUDOERS_PATH.lstrip("/")
    rules.write_text("sre-agent ALL=(ALL) NOPASSWD: ALL\n")
    rules.chmod(0o440)
    async with bench.at_work() as installation:
        seen = await installation.look([file.path for file in files])
        told = {file.path: "\n".join(shown(file, seen)) for file in files}
        assert told[GATE_PATH].startswith("new ")
        assert "-sre-agent ALL=(ALL) NOPASSWD: ALL" in told[SUDOERS_PATH]
        assert f'+sre-agent ALL=(root) NOPASSWD: {GATE_PATH} ""' in told[SUDOERS_PATH]
        assert "+    PermitTTY no" in told[SSHD_PATH]
        await installation.install(files, seen)
        seen = await installation.look([file.path for file in files])
        assert all(next(iter(shown(file, seen))).startswith("same ") for file in files)


@pytest.mark.parametrize(
    "failing",
    ["useradd*", "visudo?-c?-f*", "sshd?-t?-f*", "visudo?-c", "sshd?-t", "systemctl?reload*"],
)
async def test_where_a_check_fails_everything_is_as_it_was(bench: Bench, failing: str) -> None:
    files = bench.files()
    old_rules = bench.root / SUDOERS_PATH.lstrip("/")
    old_rules.write_text("# older\n")
    old_rules.chmod(0o400)
    before = bench.tree()
    bench.fail(failing)
    async with bench.at_work() as installation:
        seen = await installation.look([file.path for file in files])
        with pytest.raises(HostNotEnrolled, match="refused"):
            await installation.install(files, seen)
    assert bench.tree() == before
    assert not (bench.folder / "passwd").exists()


async def test_nothing_is_done_where_something_else_stands_there_than_was_shown(
    bench: Bench,
) -> None:
    files = bench.files()
    async with bench.at_work() as installation:
        seen = await installation.look([file.path for file in files])
        (bench.root / SUDOERS_PATH.lstrip("/")).write_text("# of a colleague\n")
        before = bench.tree()
        with pytest.raises(HostNotEnrolled, match="another one than was shown"):
            await installation.install(files, seen)
    assert bench.tree() == before
    assert bench.calls() == []


async def test_what_was_not_proven_is_taken_back_and_what_was_there_comes_back(
    bench: Bench,
) -> None:
    before, files = bench.tree(), bench.files()
    async with bench.at_work() as installation:
        await installation.install(files, await installation.look([f.path for f in files]))
        assert bench.tree() != before
        await installation.undo()
    assert bench.tree() == before
    assert bench.calls()[-2:] == ["userdel --remove sre-agent", "systemctl reload ssh.service"]


async def test_a_run_that_was_cut_off_is_told_and_taken_back_before_another(bench: Bench) -> None:
    before, files = bench.tree(), bench.files()
    paths = [file.path for file in files]
    async with bench.at_work() as installation:
        await installation.install(files, await installation.look(paths))
    async with bench.at_work() as installation:  # neither kept nor undone: whoever did it is gone
        seen = await installation.look(paths)
        assert seen.unfinished
        with pytest.raises(HostNotEnrolled, match="cut off"):
            await installation.install(files, seen)
        await installation.undo()
        assert bench.tree() == before
        assert not (await installation.look(paths)).unfinished


@pytest.mark.parametrize("place", ["home/sre-agent", "home/sre-agent/.ssh"])
async def test_no_link_of_the_accounts_leads_elsewhere(bench: Bench, place: str) -> None:
    elsewhere = bench.folder / "elsewhere"
    elsewhere.mkdir()
    link = bench.root / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    before, files = bench.tree(), bench.files()
    async with bench.at_work() as installation:
        seen = await installation.look([file.path for file in files])
        assert seen.files[KEYS]["kind"] == "other"
        with pytest.raises(HostNotEnrolled):
            await installation.install(files, seen)
    assert list(elsewhere.iterdir()) == []
    assert bench.tree() == before


async def test_what_is_taken_away_is_the_key_first_and_all_of_it_in_the_end(bench: Bench) -> None:
    before, files = bench.tree(), bench.files()
    async with bench.at_work() as installation:
        await installation.install(files, await installation.look([f.path for f in files]))
        await installation.keep()
        (bench.root / "var/lib/sre-agent/receipts").mkdir(parents=True)
        paths = enrolled_paths(HOST)
        await installation.remove(paths, await installation.look(paths))
        assert not (bench.root / KEYS.lstrip("/")).exists()
        assert (bench.folder / "passwd").exists(), "the account is still there to come back to"
        await installation.keep(removed=True)
    assert bench.calls()[-2:] == ["pkill -KILL -u sre-agent", "userdel --remove sre-agent"]
    folders = {path for path, (kind, _, _) in bench.tree().items() if kind == "d"}
    left = {path for path in bench.tree() if path not in before and path not in folders}
    assert left == set()


async def test_what_cannot_be_taken_away_stays_whole(bench: Bench) -> None:
    files = bench.files()
    async with bench.at_work() as installation:
        await installation.install(files, await installation.look([f.path for f in files]))
        await installation.keep()
        before = bench.tree()
        bench.fail("sshd?-t")
        paths = enrolled_paths(HOST)
        with pytest.raises(HostNotEnrolled, match="refused"):
            await installation.remove(paths, await installation.look(paths))
    assert bench.tree() == before


async def test_an_sshd_that_reads_no_folder_gets_no_file_in_it(bench: Bench) -> None:
    (bench.root / "etc/ssh/sshd_config").write_text("# Include /etc/ssh/sshd_config.d/*.conf\n")
    files = bench.files()
    async with bench.at_work() as installation:
        seen = await installation.look([file.path for file in files])
        files = fitting(files, seen)
        await installation.install(files, seen)
    assert not (bench.root / SSHD_PATH.lstrip("/")).exists()
    assert not [call for call in bench.calls() if call.startswith(("sshd", "systemctl"))]


async def test_another_host_than_the_pinned_one_is_told_nothing(bench: Bench) -> None:
    make_key(bench.folder / "other")
    other = " ".join((bench.folder / "other.pub").read_text().split()[:2])
    async with bench.at_work(host_key=other) as installation:
        with pytest.raises(HostKeyMismatch):
            await installation.look([GATE_PATH])
    assert not (bench.folder / "calls").exists()


def test_the_agents_own_account_is_no_administrator() -> None:
    with pytest.raises(ConfigurationError, match="own account"):
        Installation(SshConnections({}), HOST, "sre-agent")


async def test_an_account_that_may_not_become_root_is_told_so(bench: Bench) -> None:
    keys = bench.server.folder / "authorized_keys"
    keys.write_text(f'command="echo no" {keys.read_text().split(" ", 1)[1]}')
    async with bench.at_work() as installation:
        with pytest.raises(HostNotEnrolled, match="did not run what was sent"):
            await installation.look([GATE_PATH])


def test_the_program_needs_nothing_but_an_old_python() -> None:
    tree = ast.parse(Path(program.__file__).read_text(), feature_version=(3, 9))
    wanted = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert wanted - sys.stdlib_module_names == set()
