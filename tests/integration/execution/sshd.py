"""A real OpenSSH server of a test's own: free port, own keys, forced command."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.domain.host import Host

SSHD = Path("/usr/sbin/sshd")
LEFT_OUT = "there is no /usr/sbin/sshd: apt-get install openssh-server"
KEYGEN = Path("/usr/bin/ssh-keygen")
PRIVILEGE_SEPARATION = Path("/run/sshd")  # where sshd wants it as root


def make_privilege_separation() -> None:
    """What sshd misses as root until its service was started once."""
    if PRIVILEGE_SEPARATION.parent.is_dir() and _is_root():
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)


def make_key(path: Path, kind: str = "ed25519") -> str:
    """A key pair without passphrase; the public line."""
    subprocess.run(
        [str(KEYGEN), "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)], check=True
    )
    path.chmod(0o600)
    return public_line(path)


def public_line(path: Path) -> str:
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


class Server:
    """One running sshd."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], port: int) -> None:
        self.folder = folder
        self.process = process
        self.port = port
        self.user_key = folder / "user_key"
        self.host_key = public_line(folder / "host_key")

    def host(self, **more: object) -> Host:
        """The inventory's entry for it."""
        shape: dict[str, object] = {
            "name": "bench",
            "address": "127.0.0.1",
            "port": self.port,
            "username": getpass.getuser(),
            "ssh_key_path": str(self.user_key),
            "host_key": self.host_key,
            "services": ("shop",),
        }
        return Host.model_validate(shape | more)


@contextmanager
def serving(folder: Path, *, command: str | None = None, extra: str = "") -> Iterator[Server]:
    """sshd on a free port; `command` is forced on the key. Left out where it is not installed."""
    if not SSHD.exists():
        pytest.skip(LEFT_OUT)
    folder.mkdir(exist_ok=True)
    make_key(folder / "host_key")
    public = make_key(folder / "user_key")
    options = "restrict" if command is None else f'restrict,command="{command}"'
    (folder / "authorized_keys").write_text(f"{options} {public}\n")
    port = _free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nPidFile {folder}/pid\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\n"
        # bash would read the tester's own ~/.bashrc, whatever is in it, at the first level only
        f"PermitRootLogin yes\nLogLevel DEBUG1\nSetEnv SHLVL=2\n{extra}\n"
    )
    make_privilege_separation()
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log, stdout=log
    )
    try:
        _wait_for(port, process)
        yield Server(folder, process, port)
    finally:
        process.terminate()
        process.wait(10)
        log.close()


@contextmanager
def key_agent(address: Path, key: Path) -> Iterator[str]:
    """A real ssh-agent that holds one key; the address of its socket."""
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not address.is_socket():
            assert time.monotonic() < deadline, "ssh-agent made no socket"
            time.sleep(0.02)
        add = ["ssh-add", "-q", str(key)]
        subprocess.run(add, check=True, env={"SSH_AUTH_SOCK": str(address), "PATH": os.defpath})
        yield str(address)
    finally:
        process.terminate()
        process.wait(10)


def _is_root() -> bool:
    return getpass.getuser() == "root"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "sshd ended at once: see its log"
        assert time.monotonic() < deadline, "sshd does not listen"
        time.sleep(0.02)
