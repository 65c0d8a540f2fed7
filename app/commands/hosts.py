"""`sre-agent host`: prove what a host lets the agent do, tell what differs, take it all back."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.commands import enrol, installing
from app.commands.screen import NO, give_up, out
from app.domain.host import Host
from app.execution.catalog import Catalog
from app.execution.enrolment import (
    GATE_CONFIG_PATH,
    GATE_PATH,
    SSHD_PATH,
    STATE_FOLDER,
    SUDOERS_PATH,
    enrolment_files,
)
from app.execution.host_proof import Proof, differences, prove, state_calls
from app.execution.hosts import SshHosts
from app.execution.targets import Inventory
from app.secrets.configured import secrets_of
from app.settings import Settings, read_settings

app = typer.Typer(help="What a host lets the agent do", no_args_is_help=True)
app.command()(enrol.enrol)

Name = Annotated[str, typer.Argument(help="A host of the inventory, by its name there")]


@app.command()
def verify(name: Name) -> None:
    """Try what must not work, with the agent's own key, and every example of the catalog.

    Nothing is changed on the host. Exit 1: something does not hold.
    """
    _tell(asyncio.run(_verified(read_settings(), name)))


@app.command()
def drift(
    name: Name,
    key: Annotated[Path, typer.Option(help="The agent's public key, a .pub file")],
    from_address: Annotated[
        list[str] | None, typer.Option("--from", help="As it was given when it was enrolled")
    ] = None,
) -> None:
    """Compare the files of the enrolment with what they should be. Exit 1: one differs."""
    _tell(asyncio.run(_drifted(read_settings(), name, key, tuple(from_address or ()))))


@app.command()
def revoke(
    name: Name,
    admin: installing.Admin = None,
    admin_key: installing.AdminKey = None,
    yes: installing.Yes = False,
) -> None:
    """Print what root runs on the host to take away all that the agent has there, or do it (--as).

    Without --as nothing is contacted. What the agent kept of files that it changed goes with it:
    look for open incidents of the host first.
    """
    settings = read_settings()
    host = Inventory.load(settings).get(name)
    if admin is not None:
        installing.revoke(settings, host, installing.Login(admin, admin_key), yes=yes)
        return
    out.print(f"# On {host.name}, as root. The agent cannot log in any more after the first line.")
    for line in revocation(host):
        out.print(line, soft_wrap=True, highlight=False, markup=False)


def revocation(host: Host) -> tuple[str, ...]:
    """Command lines that remove the account, the sudo rule, the gate and what it kept."""
    account = shlex.quote(host.username)
    return (
        f"rm -f {SUDOERS_PATH} /home/{account}/.ssh/authorized_keys",
        f"rm -f {SSHD_PATH}; sshd -t && systemctl reload ssh",
        f"pkill -KILL -u {account}; userdel --remove {account}",
        f"rm -rf {GATE_PATH} {Path(GATE_CONFIG_PATH).parent} {STATE_FOLDER}",
    )


async def _verified(settings: Settings, name: str) -> tuple[Proof, ...]:
    inventory, catalog = Inventory.load(settings), Catalog.load()
    host = _with_gate(inventory.get(name))
    hosts = _hosts(settings, inventory, catalog)
    try:
        return await prove(hosts, host, catalog)
    finally:
        await hosts.close()


async def _drifted(
    settings: Settings, name: str, key: Path, from_addresses: tuple[str, ...]
) -> tuple[Proof, ...]:
    inventory, catalog = Inventory.load(settings), Catalog.load()
    host = _with_gate(inventory.get(name))
    public_key = enrol.read_public_key(key)
    files = enrolment_files(
        host=host, public_key=public_key, catalog=catalog, from_addresses=from_addresses
    )
    hosts = _hosts(settings, inventory, catalog)
    try:
        await hosts.enrolled(host)
        return differences(files, await hosts.observe(host, state_calls(files, host)))
    finally:
        await hosts.close()


def _with_gate(host: Host) -> Host:
    if not host.gate:
        give_up(
            f"{host.name} has no gate: sudo rules alone confine the agent there.",
            hint="`sudo -l -U ACCOUNT` on the host shows them; docs/howto/ssh-keys.md.",
        )
    return host


def _hosts(settings: Settings, inventory: Inventory, catalog: Catalog) -> SshHosts:
    return SshHosts(
        inventory,
        catalog,
        known_hosts_file=settings.ssh_known_hosts_file,
        secrets=secrets_of(settings),
    )


def _tell(proofs: Iterable[Proof]) -> None:
    """One line each; exit 1 where one does not hold."""
    wrong = 0
    for proof in proofs:
        wrong += not proof.holds
        sign = "[green]ok   [/]" if proof.holds else "[bold red]WRONG[/]"
        said = f" [dim]{escape(proof.said)}[/]" if proof.said else ""
        out.print(f"{sign} {escape(proof.what)}{said}", soft_wrap=True)
    if wrong:
        out.print(f"\n{wrong} to mend")
        raise typer.Exit(NO)
