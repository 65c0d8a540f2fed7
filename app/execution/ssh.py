"""SSH to real hosts: the only place that knows asyncssh.

One connection a host, kept alive and reused. Host keys are pinned: an unknown or changed key ends
the attempt before anything is sent. No pty, no forwarding, no configuration files, no agent where a
key file is given. An exit status that is not known is None and never success.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import asyncssh
from pydantic import SecretStr

from app.counting import SSH_CONNECTIONS
from app.domain.host import Host
from app.domain.value import Value
from app.errors import HostKeyMismatch, HostUnreachable, LoginRefused, SecretUnavailable
from app.secrets.secrets import Secrets

CONNECT_SECONDS = 10
KEEPALIVE_SECONDS = 5
KEEPALIVE_MISSES = 3
CHANNELS = 8  # sshd's MaxSessions is 10 as shipped
_CHUNK = 65536


class Completed(Value):
    """A remote command that ended, or was given up."""

    exit_status: int | None  # None: not known; the connection or the deadline ended it
    stdout: bytes
    stderr: str
    truncated: bool = False
    timed_out: bool = False


class SshConnections:
    """Connections to the hosts of an inventory, opened when they are first needed."""

    def __init__(
        self,
        hosts: Mapping[str, Host],
        known_hosts_file: Path | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        """`secrets` gives the keys of hosts whose `ssh_key` is a reference."""
        self._hosts = hosts
        self._secrets = secrets
        self._known_hosts_file = known_hosts_file
        self._open: dict[str, asyncssh.SSHClientConnection] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._channels: dict[str, asyncio.Semaphore] = {}

    async def run(
        self, host: Host, command: str, *, stdin: bytes = b"", seconds: float, max_bytes: int
    ) -> Completed:
        """Run one command line; HostUnreachable where no session could be had.

        A reused connection that turns out to be dead is replaced once: nothing was sent on it.
        """
        async with self._channels.setdefault(host.name, asyncio.Semaphore(CHANNELS)):
            try:
                process = await self._start(host, command)
            except (asyncssh.Error, OSError):
                self._forget(host.name)
                process = await self._start_or_raise(host, command)
            return await _finish(process, stdin, seconds, max_bytes)

    async def run_apart(
        self, host: Host, command: str, *, stdin: bytes, seconds: float, max_bytes: int
    ) -> Completed:
        """The same over a connection of its own, made now: what it proves is that one can log in.

        HostUnreachable where none could be made.
        """
        connection = await self._counted(host)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                process = await _session(connection, command)
            return await _finish(process, stdin, seconds, max_bytes)
        except (asyncssh.Error, OSError) as error:
            raise HostUnreachable(f"{host.name} gave no session: {error}.") from error
        finally:
            connection.abort()

    async def connected(self, host: Host) -> asyncssh.SSHClientConnection:
        """The connection to a host, for `ssh_attempts`. HostUnreachable where none is had."""
        return await self._connection(host)

    async def close(self) -> None:
        """Close every connection; what runs on a host goes on there to its own deadline."""
        for connection in self._open.values():
            connection.abort()
        for connection in self._open.values():
            with contextlib.suppress(asyncssh.Error, OSError):
                await connection.wait_closed()
        self._open.clear()

    def _forget(self, name: str) -> None:
        connection = self._open.pop(name, None)
        if connection is not None:
            connection.abort()

    async def _start_or_raise(self, host: Host, command: str) -> asyncssh.SSHClientProcess[bytes]:
        try:
            return await self._start(host, command)
        except (asyncssh.Error, OSError) as error:
            self._forget(host.name)
            raise HostUnreachable(f"{host.name} gave no session: {error}.") from error

    async def _start(self, host: Host, command: str) -> asyncssh.SSHClientProcess[bytes]:
        connection = await self._connection(host)
        async with asyncio.timeout(CONNECT_SECONDS):
            return await _session(connection, command)

    async def _connection(self, host: Host) -> asyncssh.SSHClientConnection:
        async with self._opening.setdefault(host.name, asyncio.Lock()):
            connection = self._open.get(host.name)
            if connection is None or connection.is_closed():
                connection = await self._counted(host)
                self._open[host.name] = connection
            return connection

    async def _counted(self, host: Host) -> asyncssh.SSHClientConnection:
        try:
            connection = await self._connect(host)
        except HostUnreachable as error:
            SSH_CONNECTIONS.add(error.code)
            raise
        SSH_CONNECTIONS.add("opened")
        return connection

    async def _connect(self, host: Host) -> asyncssh.SSHClientConnection:
        """Log in. A key that is refused is asked for once more: it may have been rotated."""
        key = await self._key(host, refused=None)
        try:
            return await self._log_in(host, key)
        except LoginRefused:
            newer = None if key is None else await self._key(host, refused=key)
            if newer is None or newer == key:
                raise
            return await self._log_in(host, newer)

    async def _key(self, host: Host, *, refused: SecretStr | None) -> SecretStr | None:
        """The key that the host's reference leads to; None where it has none."""
        if host.ssh_key is None:
            return None
        if self._secrets is None:
            raise HostUnreachable(f"{host.name}.ssh_key is a reference, and nothing resolves it.")
        try:
            if refused is None:
                return await self._secrets.get(host.ssh_key)
            return await self._secrets.refresh(host.ssh_key, refused=refused)
        except SecretUnavailable as error:
            raise HostUnreachable(
                f"The key of {host.name} could not be had: {error.message}", hint=error.hint
            ) from error

    async def _log_in(self, host: Host, key: SecretStr | None) -> asyncssh.SSHClientConnection:
        jump = None if host.jump is None else await self._connection(self._hosts[host.jump])
        witness = _Witness()
        options = self._options(host, key)
        try:
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                return await asyncssh.connect(
                    host.address,
                    host.port,
                    tunnel=jump,
                    username=host.username,
                    client_factory=lambda: witness,
                    config=None,
                    connect_timeout=CONNECT_SECONDS,
                    login_timeout=CONNECT_SECONDS,
                    keepalive_interval=KEEPALIVE_SECONDS,
                    keepalive_count_max=KEEPALIVE_MISSES,
                    preferred_auth=("publickey",),
                    **options,
                )
        except asyncssh.HostKeyNotVerifiable as error:
            raise HostKeyMismatch(_mismatch(host, witness.shown)) from error
        except asyncssh.PermissionDenied as error:
            raise LoginRefused(
                f"{host.name} did not accept the agent's key for {host.username}.",
                hint="Is the .pub file's line in its authorized_keys? See docs/howto/ssh-keys.md.",
            ) from error
        except (OSError, asyncssh.Error, TimeoutError) as error:
            said = str(error) or type(error).__name__
            raise HostUnreachable(
                f"{host.name} ({host.address}:{host.port}) could not be reached: {said}."
            ) from error

    def _options(self, host: Host, key: SecretStr | None) -> dict[str, object]:
        """Which keys are offered, and which the host must show."""
        options: dict[str, object] = {"known_hosts": self._pinned(host)}
        if key is not None:
            options |= {"client_keys": [_imported(host, key)], "agent_path": None}
        if host.ssh_key_path is not None:
            # with an explicit key asyncssh would still ask the agent: a wrong key could log in
            options |= {"client_keys": [host.ssh_key_path], "agent_path": None}
        return options

    def _pinned(self, host: Host) -> object:
        if host.host_key is not None:
            return ([asyncssh.import_public_key(host.host_key)], [], [])
        if self._known_hosts_file is not None:
            return str(self._known_hosts_file)
        raise HostKeyMismatch(
            f"{host.name} has no pinned host key, and none is ever accepted unseen.",
            hint="Put `host_key:` in the inventory, or set SSH_KNOWN_HOSTS_FILE.",
        )


async def _session(
    connection: asyncssh.SSHClientConnection, command: str
) -> asyncssh.SSHClientProcess[bytes]:
    return await connection.create_process(
        command, encoding=None, request_pty=False, window=1 << 20
    )


def _imported(host: Host, key: SecretStr) -> asyncssh.SSHKey:
    """The private key of its text, in memory only."""
    try:
        return asyncssh.import_private_key(key.get_secret_value() + "\n")
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        # no chain: the error's own words may carry the key
        raise HostUnreachable(
            f"What {host.ssh_key} holds is no private key without a passphrase.",
            hint="Store the file that ssh-keygen made, all of its lines. docs/howto/secrets.md",
        ) from None


class _Witness(asyncssh.SSHClient):
    """Remembers the key that a host showed when it was not the pinned one."""

    shown: str | None = None

    def validate_host_public_key(
        self, _host: str, _addr: str, _port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Asked for a key that is not the pinned one: never accepted."""
        self.shown = f"{key.get_algorithm()} {key.get_fingerprint()}"
        return False


def fingerprint_of(public_key: str) -> str:
    """SHA256:... of a public key's line, as `ssh-keygen -l` shows it."""
    key = asyncssh.import_public_key(public_key)
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


def _mismatch(host: Host, shown: str | None) -> str:
    pinned = "the known hosts file" if host.host_key is None else fingerprint_of(host.host_key)
    return (
        f"{host.name} ({host.address}) showed the host key {shown or 'of an unknown kind'}; pinned "
        f"is {pinned}. Nothing was sent. If the host was reinstalled, check the new fingerprint on "
        "its console and pin it; otherwise somebody may be in between."
    )


async def _finish(
    process: asyncssh.SSHClientProcess[bytes], stdin: bytes, seconds: float, max_bytes: int
) -> Completed:
    """Send the input, read what comes, keep what fits; end the remote process at the deadline."""
    out = _Capped(max_bytes)
    err = _Capped(_CHUNK)
    late = False
    try:
        async with asyncio.timeout(seconds):
            process.stdin.write(stdin)
            process.stdin.write_eof()
            await asyncio.gather(out.read(process.stdout), err.read(process.stderr))
            if not out.full:
                await process.wait_closed()
    except TimeoutError:
        late = True
    except (asyncssh.Error, OSError):
        pass  # the connection went: the exit status stays unknown, what was read is kept
    if process.exit_status is None:
        with contextlib.suppress(asyncssh.Error, OSError):
            process.kill()
    process.close()
    return Completed(
        exit_status=None if late or out.full else process.exit_status,
        stdout=bytes(out.kept),
        stderr=bytes(err.kept).decode("utf-8", "replace"),
        truncated=out.full,
        timed_out=late,
    )


class _Capped:
    """What a stream said, up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self.kept = bytearray()
        self.full = False
        self._most = most

    async def read(self, stream: asyncssh.SSHReader[bytes]) -> None:
        """Read until the stream ends or there is no room left."""
        while not self.full and (chunk := await stream.read(_CHUNK)):
            room = self._most - len(self.kept)
            self.kept += chunk[:room]
            self.full = len(chunk) > room
