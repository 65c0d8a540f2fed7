"""What `host enrol --as` and `host revoke --as` have in common: look, show, ask, do, prove."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.commands.screen import give_up, out
from app.domain.action import ActionCall
from app.domain.host import Host
from app.errors import HostUnreachable, LoginRefused
from app.execution.catalog import Catalog
from app.execution.enrolment import SSHD_PATH, STATE_FOLDER, HostFile, enrolled_paths
from app.execution.host_proof import Proof, prove
from app.execution.hosts import SshHosts
from app.execution.installation import Installation, Seen, fitting, shown
from app.execution.ssh import SshConnections
from app.execution.targets import Inventory
from app.secrets.configured import secrets_of
from app.settings import Settings

Admin = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="ADMIN",
        help="Do it on the host, over SSH as this administrator: root, or one with sudo -n",
    ),
]
AdminKey = Annotated[
    Path | None,
    typer.Option(help="The administrator's private key; without it the SSH agent is asked"),
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", help="A group of the account, if it is made; may be given again"),
]
Yes = Annotated[bool, typer.Option("--yes", help="Agree to what is shown, without being asked")]


_T = TypeVar("_T")


@dataclass(frozen=True)
class Login:
    """As whom the administrator logs in."""

    name: str
    key: Path | None = None


@dataclass(frozen=True)
class Enrolment:
    """What is to be there: files, and the groups of an account that has to be made."""

    files: tuple[HostFile, ...]
    groups: tuple[str, ...] = ()


def install(settings: Settings, host: Host, wanted: Enrolment, login: Login, *, yes: bool) -> None:
    """Put an enrolment on a host, proven in the end; or leave it as it was."""
    asyncio.run(_installed(settings, host, wanted, login, yes=yes))


def revoke(settings: Settings, host: Host, login: Login, *, yes: bool) -> None:
    """Take everything of the agent off a host."""
    asyncio.run(_revoked(settings, host, login, yes=yes))


async def _installed(
    settings: Settings, host: Host, wanted: Enrolment, login: Login, *, yes: bool
) -> None:
    async with _at_work(settings, host, login) as installation:
        seen = await _seen(installation, host, [file.path for file in wanted.files], yes=yes)
        files = fitting(wanted.files, seen)
        _say(line for file in files for line in shown(file, seen))
        _say(_notes(host, seen))
        if not any(seen.differs(file) for file in files) and seen.account is not None:
            out.print("Everything is there as it should be.")
        else:
            _say(_to_run(host, files, seen, wanted.groups))
            _agree(f"Put this on {host.name}?", yes=yes)
            await installation.install(files, seen, groups=wanted.groups)
            out.print("It is there. Now the agent's own key has to prove it:")
        await _require_proven(settings, host, installation)
        await installation.keep()
        out.print(f"[green]{host.name} is enrolled.[/]")


async def _revoked(settings: Settings, host: Host, login: Login, *, yes: bool) -> None:
    async with _at_work(settings, host, login) as installation:
        seen = await _seen(installation, host, enrolled_paths(host), yes=yes)
        there = [path for path, state in seen.files.items() if state["kind"] != "missing"]
        _say(f"removed  {path}" for path in there)
        if seen.account is not None:
            out.print(f"removed  the account {host.username} and {seen.account['home']}")
        out.print(f"removed  {STATE_FOLDER}, with what the agent kept of files that it changed")
        _agree(f"Take all of this off {host.name}?", yes=yes)
        await installation.remove(there, seen)
        if await _lets_in(settings, host):
            await installation.undo()
            give_up(f"{host.name} still lets the agent's key in; everything is as it was.")
        await installation.keep(removed=True)
        out.print(f"[green]Nothing of the agent is left on {host.name}.[/]")


@asynccontextmanager
async def _at_work(settings: Settings, host: Host, login: Login) -> AsyncIterator[Installation]:
    if not settings.enable_real_ssh:
        give_up(
            "No host is contacted: ENABLE_REAL_SSH is not set.",
            hint="Without --as an archive is written, or the commands are printed.",
        )
    inventory = Inventory.load(settings)
    connections = SshConnections(
        inventory.by_name, settings.ssh_known_hosts_file, secrets_of(settings)
    )
    try:
        yield Installation(connections, host, login.name, admin_key=login.key)
    finally:
        await connections.close()


async def _seen(installation: Installation, host: Host, paths: Sequence[str], *, yes: bool) -> Seen:
    """What is there. What an earlier run began and nobody proved is taken back before that."""
    seen = await installation.look(paths)
    if seen.unfinished:
        out.print(f"An earlier run on {host.name} was cut off before it was proven.")
        _agree("Take back what it began?", yes=yes)
        await installation.undo()
        seen = await installation.look(paths)
    _require_able(host, seen)
    return seen


def _require_able(host: Host, seen: Seen) -> None:
    if seen.missing:
        give_up(
            f"{host.name} lacks {', '.join(seen.missing)}.",
            hint="On Debian: apt-get install sudo openssh-server passwd",
        )
    for path, state in seen.files.items():
        if state["kind"] == "other":
            give_up(f"{host.name}: {path} cannot be dealt with: {state['why']}.")


def _notes(host: Host, seen: Seen) -> Iterable[str]:
    if seen.account is None:
        yield f"new      the account {host.username}, without a password, with /bin/sh"
    elif seen.account["shell"] not in ("/bin/sh", "/usr/bin/sh"):
        shell = seen.account["shell"]
        yield f"note     {host.username} has the shell {shell}; /bin/sh would read no files first"
    if not seen.reads_sshd_folder:
        yield f"left out {SSHD_PATH}: sshd reads no such folder there; the key's own limits hold"


def _to_run(
    host: Host, files: Sequence[HostFile], seen: Seen, groups: Sequence[str]
) -> Iterable[str]:
    """The programs that are run there, in order."""
    yield "\nRun there, as root:"
    if seen.account is None:
        of = f"--groups {','.join(groups)} " if groups else ""
        yield f"  useradd --create-home --shell /bin/sh {of}{host.username}"
    yield "  visudo -c, of the new rules and, once they are in place, of all"
    if any(file.path == SSHD_PATH for file in files):
        yield "  sshd -t, of the new block and then of all; systemctl reload ssh"


def _agree(question: str, *, yes: bool) -> None:
    """Go on only with a person's yes, or with one that was given beforehand."""
    if yes:
        return
    if not sys.stdin.isatty():
        give_up("Nothing was done: there is no terminal to ask at.", hint="Agree with --yes.")
    if not typer.confirm(question):
        give_up("Nothing was done.")


async def _require_proven(settings: Settings, host: Host, installation: Installation) -> None:
    """The agent's key can do what it should and nothing else; else all is taken back."""
    try:
        proofs = await _proofs(settings, host)
    except HostUnreachable as error:
        said = error.message
        proofs = (Proof(what=f"the agent's key logs in on {host.name}", holds=False, said=said),)
    wrong = [proof for proof in proofs if not proof.holds]
    _say(
        f"{'ok      ' if proof.holds else 'WRONG   '} {proof.what} {proof.said}" for proof in proofs
    )
    if not wrong:
        return
    with_what = await _taken_back(installation)
    give_up(
        f"{len(wrong)} proofs do not hold; {with_what}.",
        hint="Where the key is refused: sshd may let in some groups only (AllowGroups); --group.",
    )


async def _taken_back(installation: Installation) -> str:
    try:
        await installation.undo()
    except HostUnreachable as error:
        return f"nothing was taken back: {error.message.rstrip('.')}"
    return "everything on the host is as it was"


async def _proofs(settings: Settings, host: Host) -> tuple[Proof, ...]:
    catalog = Catalog.load()

    async def proven(hosts: SshHosts) -> tuple[Proof, ...]:
        if host.gate:
            return await prove(hosts, host, catalog)
        call = ActionCall(action="units.show", host=host.name, params={"pattern": "*.service"})
        (seen,) = await hosts.observe(host, [call])
        return (Proof(what="the agent's key logs in and may look", holds=seen.ok),)

    return await _with_agents_key(settings, catalog, proven)


async def _lets_in(settings: Settings, host: Host) -> bool:
    """Whether the agent's key still logs in. A host that cannot be reached at all is no answer."""

    async def tried(hosts: SshHosts) -> bool:
        try:
            await hosts.attempts(host)
        except LoginRefused:
            return False
        return True

    return await _with_agents_key(settings, Catalog.load(), tried)


async def _with_agents_key(
    settings: Settings, catalog: Catalog, ask: Callable[[SshHosts], Awaitable[_T]]
) -> _T:
    hosts = SshHosts(
        Inventory.load(settings),
        catalog,
        known_hosts_file=settings.ssh_known_hosts_file,
        secrets=secrets_of(settings),
    )
    try:
        return await ask(hosts)
    finally:
        await hosts.close()


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
