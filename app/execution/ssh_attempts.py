"""What somebody with the agent's key would try on a host beside asking its gate: all is refused.

Each attempt is made for real over the agent's own connection. It is held where the host refuses it;
a host that does not is told by what it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncssh

from app.domain.value import Value

SECONDS = 8.0
_WORD = "uid="  # what `id` says where it runs


class Attempt(Value):
    """One attempt, and what came of it."""

    what: str
    held: bool  # the host did not let it happen
    said: str = ""  # why it was refused, or what it did


async def attempts(connection: asyncssh.SSHClientConnection) -> tuple[Attempt, ...]:
    """Every attempt, one after the other; none changes anything even where it succeeds."""
    tried: tuple[tuple[str, Callable[[asyncssh.SSHClientConnection], Awaitable[str]]], ...] = (
        ("a command of one's own", _command),
        ("the gate's command with words after it", _suffix),
        ("a shell", _shell),
        ("a terminal", _terminal),
        ("the file transfer (sftp)", _sftp),
        ("a way into the host's network (-L)", _forward),
        ("a way to the host's sockets", _socket),
        ("a port on the host that leads back (-R)", _listen),
    )
    return tuple([await _made(what, attempt(connection)) for what, attempt in tried])


async def _made(what: str, attempt: Awaitable[str]) -> Attempt:
    try:
        async with asyncio.timeout(SECONDS):
            done = await attempt
    except (asyncssh.Error, asyncssh.ChannelListenError, OSError, TimeoutError) as refused:
        said = str(refused) or "nothing came of it"
        return Attempt(what=what, held=True, said=said[:200])
    return Attempt(what=what, held=not done, said=done[:200])


async def _command(connection: asyncssh.SSHClientConnection) -> str:
    return _ran(await connection.run("id", stdin=asyncssh.DEVNULL, encoding="utf-8"))


async def _suffix(connection: asyncssh.SSHClientConnection) -> str:
    line = "sudo -n /usr/local/libexec/sre-agent-gate; id"
    return _ran(await connection.run(line, stdin=asyncssh.DEVNULL, encoding="utf-8"))


async def _shell(connection: asyncssh.SSHClientConnection) -> str:
    return _ran(await connection.run(input="id\n", encoding="utf-8"))


async def _terminal(connection: asyncssh.SSHClientConnection) -> str:
    async with connection.create_process(
        "id", term_type="xterm", request_pty="force", stdin=asyncssh.DEVNULL
    ):
        return "a terminal was given"


async def _sftp(connection: asyncssh.SSHClientConnection) -> str:
    async with connection.start_sftp_client() as client:
        return f"files can be listed: {len(await client.listdir('/'))} below /"


async def _forward(connection: asyncssh.SSHClientConnection) -> str:
    try:
        _, writer = await connection.open_connection("127.0.0.1", 22)
    except asyncssh.ChannelOpenError as refused:
        if refused.code == asyncssh.OPEN_CONNECT_FAILED:  # nobody listens, but one may ask
            return f"the host tried to connect to 127.0.0.1:22: {refused}"
        raise
    writer.close()
    return "a connection to 127.0.0.1:22 was made from the host"


async def _socket(connection: asyncssh.SSHClientConnection) -> str:
    # here sshd says the same of what is forbidden and of what fails
    _, writer = await connection.open_unix_connection("/run/systemd/private")
    writer.close()
    return "a connection to /run/systemd/private was made on the host"


async def _listen(connection: asyncssh.SSHClientConnection) -> str:
    listener = await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 9)
    listener.close()
    return "the host listens for us"


def _ran(done: asyncssh.SSHCompletedProcess) -> str:
    """What a command said that should not have run; "" where it did not."""
    said = f"{done.stdout or ''!s}{done.stderr or ''!s}"
    return f"it ran: {said.strip()}" if _WORD in said else ""
