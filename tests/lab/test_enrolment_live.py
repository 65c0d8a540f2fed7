"""A real host is revoked and enrolled by its administrator over SSH, with the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.lab import leftovers, requirements
from app.lab.inventory import write_inventory
from app.lab.machine import Machine
from app.lab.network import inside
from app.lab.places import PROJECT
from app.lab.running import Estate, new_run_id, start
from tests.integration.execution.sshd import make_key

HOST = "web01"
FILES = (
    "/usr/local/libexec/sre-agent-gate", "/etc/sre-agent/gate.json", "/etc/sudoers.d/sre-agent",
    "/etc/ssh/sshd_config.d/10-sre-agent.conf", "/home/sre-agent/.ssh/authorized_keys",
)  # fmt: skip
_LOOK = (
    "for file in " + " ".join(FILES) + "; do "
    "stat -c '%n %U:%G %a' $file 2> /dev/null && sha256sum < $file; done; "
    "getent passwd sre-agent; ls -A /etc/sudoers.d /etc/ssh/sshd_config.d; true"
)


@dataclass
class Site:
    """One host that is up, its administrator, and the command as they run it."""

    estate: Estate
    inventory: Path
    admin_key: Path

    @property
    def machine(self) -> Machine:
        return self.estate.machines[HOST]

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        admin = ["--as", "ann", "--admin-key", str(self.admin_key)]
        with inside(self.estate.namespace):
            return subprocess.run(
                [sys.executable, "-m", "app.cli", "host", *words, *admin],
                env={
                    "PATH": os.environ["PATH"], "COLUMNS": "200", "ENABLE_REAL_SSH": "true",
                    "INVENTORY_FILE": str(self.inventory),
                },
                cwd=PROJECT,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )  # fmt: skip

    def enrol(self, *more: str) -> subprocess.CompletedProcess[str]:
        public = str(self.estate.key.with_suffix(".pub"))
        return self.command("enrol", HOST, "--key", public, *more)

    def look(self) -> str:
        return self.machine.script(_LOOK).stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    requirements.ensure()
    run_id = new_run_id()
    with leftovers.held(run_id), ExitStack() as parts:
        estate = start((HOST,), run_id)
        parts.callback(estate.throw_away)
        key = tmp_path_factory.mktemp("ann") / "key"
        public = make_key(key)
        made = estate.machines[HOST].script(
            "useradd --create-home --shell /bin/bash --groups ssh-users ann\n"
            "echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann\n"
            "chmod 440 /etc/sudoers.d/ann\n"
            f"install -d -m 700 -o ann -g ann /home/ann/.ssh\n"
            f"echo '{public}' > /home/ann/.ssh/authorized_keys\n"
            "chown ann:ann /home/ann/.ssh/authorized_keys"
        )
        assert made.returncode == 0, made.stderr
        yield Site(estate, write_inventory(estate), key)


def test_a_host_is_revoked_enrolled_and_left_as_it_was_where_it_fails(site: Site) -> None:
    """One story: each part begins with what the one before has left."""
    enrolled = site.look()
    assert all(path in enrolled for path in FILES)

    asked = site.command("revoke", HOST)
    assert asked.returncode == 2
    assert "no terminal to ask at" in asked.stderr
    assert site.look() == enrolled

    gone = site.command("revoke", HOST, "--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    left = site.look()
    assert not [path for path in FILES if path in left]
    assert "sre-agent" not in left
    assert site.machine.script("test -e /var/lib/sre-agent -o -e /etc/sre-agent").returncode == 1

    again = site.enrol()
    assert (again.returncode, site.look()) == (2, left), again.stderr
    assert "new      /usr/local/libexec/sre-agent-gate" in again.stdout
    assert "+    ForceCommand sudo -n /usr/local/libexec/sre-agent-gate" in again.stdout

    site.machine.script("echo 'no such rule' > /etc/sudoers.d/broken")
    refused = site.enrol("--yes")
    assert refused.returncode == 2, refused.stdout
    assert "visudo" in refused.stderr
    site.machine.script("rm /etc/sudoers.d/broken")
    assert site.look() == left, "nothing of it is left"

    unproven = site.enrol("--yes")  # sshd there lets in members of one group only
    assert unproven.returncode == 2, unproven.stdout
    assert "WRONG    the agent's key logs in" in unproven.stdout
    assert "everything on the host is as it was" in unproven.stderr
    assert site.look() == left

    back = site.enrol("--yes", "--group", "ssh-users")
    assert back.returncode == 0, back.stdout + back.stderr
    assert f"{HOST} is enrolled" in back.stdout
    owned = [line for line in enrolled.splitlines() if " root:root " in line]
    assert [line for line in site.look().splitlines() if " root:root " in line] == owned

    same = site.enrol()
    assert same.returncode == 0, same.stdout + same.stderr
    assert "Everything is there as it should be." in same.stdout


def test_sshd_on_the_host_applies_the_block(site: Site) -> None:
    told = site.machine.script("sshd -T -C user=sre-agent,host=x,addr=10.0.0.9").stdout
    assert "forcecommand sudo -n /usr/local/libexec/sre-agent-gate" in told
    assert "disableforwarding yes" in told
    assert (
        "forcecommand none"
        in site.machine.script("sshd -T -C user=ann,host=x,addr=10.0.0.9").stdout
    )
