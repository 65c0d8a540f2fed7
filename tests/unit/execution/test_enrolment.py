"""The files that enrol a host: owned by root, closed, and accepted by the tools that read them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from app.domain.host import Host
from app.errors import ConfigurationError
from app.execution.catalog import Catalog
from app.execution.enrolment import (
    GATE_CONFIG_PATH,
    GATE_PATH,
    SSHD_PATH,
    HostFile,
    enrolled_paths,
    enrolment_files,
    gate_digest,
    sudoers,
)
from tests.integration.execution.sshd import make_privilege_separation

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDFZip1wOrp+Yz+QXgw3AIxJ3HSPmP0WSvl0QF5PQdxi me@home"
CATALOG = Catalog.load()
HOST = Host(name="web01", address="10.0.0.1", services=("nginx", "postgresql@15-main"))
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin")
VISUDO = shutil.which("visudo", path="/usr/sbin:/usr/bin")


def files(host: Host = HOST, from_addresses: tuple[str, ...] = ()) -> dict[str, HostFile]:
    found = enrolment_files(host=host, public_key=KEY, from_addresses=from_addresses)
    return {file.path: file for file in found}


def test_everything_is_roots_and_writable_by_nobody_else() -> None:
    found = files()
    assert set(found) == {
        GATE_PATH, GATE_CONFIG_PATH, "/etc/sudoers.d/sre-agent", SSHD_PATH,
        "/home/sre-agent/.ssh/authorized_keys",
    }  # fmt: skip
    for file in found.values():
        assert (file.owner, file.group) == ("root", "root")
        assert file.mode & 0o022 == 0
    assert found["/etc/sudoers.d/sre-agent"].mode == 0o440
    assert found[GATE_PATH].mode == 0o755


def test_the_key_can_do_nothing_but_call_the_gate() -> None:
    line = files()["/home/sre-agent/.ssh/authorized_keys"].content.decode()
    assert line == f'restrict,command="sudo -n {GATE_PATH}" {" ".join(KEY.split()[:2])} sre-agent\n'
    narrowed = files(from_addresses=("10.0.0.5", "10.1.0.0/16"))
    keys = narrowed["/home/sre-agent/.ssh/authorized_keys"].content.decode()
    assert keys.startswith('restrict,from="10.0.0.5,10.1.0.0/16",command=')


@pytest.mark.parametrize(
    "key",
    ["", "x", "ssh-dss AAAA", f'command="id" {KEY}', f"{KEY}\n{KEY}", "-----BEGIN OPENSSH PRIVATE"],
)
def test_what_is_no_public_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError):
        enrolment_files(host=HOST, public_key=key)


@pytest.mark.parametrize("address", ['10.0.0.1"', "a b", "x,y", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        enrolment_files(host=HOST, public_key=KEY, from_addresses=(address,))


@pytest.mark.parametrize("account", ["", "ALL", "a b", "root ALL", "../x"])
def test_an_account_is_a_name_and_nothing_else(account: str) -> None:
    host = HOST.model_copy(update={"username": account})
    with pytest.raises(ConfigurationError):
        enrolment_files(host=host, public_key=KEY)


def test_the_gate_gets_the_catalog_with_its_types_and_the_hosts_units() -> None:
    config = json.loads(files()[GATE_CONFIG_PATH].content)
    assert config["digest"] == gate_digest(CATALOG)
    assert config["services"] == ["nginx", "postgresql@15-main"]
    assert set(config["actions"]) == set(CATALOG.actions)
    assert config["actions"]["journal.unit"]["params"]["lines"] == {
        "kind": "int", "min": 1, "max": 1000,
    }  # fmt: skip


def test_sudo_allows_the_gate_without_arguments_and_nothing_else() -> None:
    rules = [line for line in sudoers(HOST, CATALOG).splitlines() if "NOPASSWD" in line]
    assert rules == [f'sre-agent ALL=(root) NOPASSWD: {GATE_PATH} ""']


def test_what_is_put_there_is_what_is_taken_away() -> None:
    assert set(enrolled_paths(HOST)) == set(files())


@pytest.mark.parametrize("gate", [True, False])
def test_sshd_confines_the_account_whatever_its_keys_say(gate: bool, tmp_path: Path) -> None:
    block = files(HOST.model_copy(update={"gate": gate}))[SSHD_PATH].content.decode()
    assert (f"ForceCommand sudo -n {GATE_PATH}\n" in block) is gate
    if SSHD is None:
        pytest.skip("there is no sshd to ask: apt-get install openssh-server")
    make_privilege_separation()
    key, config = tmp_path / "key", tmp_path / "sshd_config"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    config.write_text(f"HostKey {key}\n{block}")
    for user, confined in (("sre-agent", True), ("ann", False)):
        asked = [SSHD, "-T", "-f", str(config), "-C", f"user={user},host=x,addr=10.0.0.9"]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
        told = done.stdout.splitlines()
        for line in ("disableforwarding yes", "permittty no", "permituserrc no",
                     "authenticationmethods publickey"):  # fmt: skip
            assert (line in told) is confined, (user, line)
        assert (f"forcecommand sudo -n {GATE_PATH}" in told) is (gate and confined)


def test_without_a_gate_whole_lines_are_enumerated() -> None:
    host = HOST.model_copy(update={"gate": False})
    found = files(host)
    assert GATE_PATH not in found
    text = found["/etc/sudoers.d/sre-agent"].content.decode()
    rules = [line.split("NOPASSWD: ")[1] for line in text.splitlines() if "NOPASSWD" in line]
    assert "/usr/bin/systemctl restart --no-pager --no-ask-password -- nginx.service" in rules
    assert not [rule for rule in rules if "*" in rule.replace("\\*", "")]
    assert "command=" not in found["/home/sre-agent/.ssh/authorized_keys"].content.decode()


@pytest.mark.skipif(VISUDO is None, reason="sudo is not installed")
@pytest.mark.parametrize("gate", [True, False])
def test_sudo_accepts_the_rules(tmp_path: Path, gate: bool) -> None:
    path = tmp_path / "sudoers"
    path.write_text(sudoers(HOST.model_copy(update={"gate": gate}), CATALOG))
    path.chmod(0o440)
    done = subprocess.run(
        [str(VISUDO), "-c", "-f", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
