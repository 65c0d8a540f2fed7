"""`sre-agent enrol`: the files that a host needs before the agent can act on it.

As one archive, which contacts nothing; or put there over an administrator's own SSH (`--as`), after
everything was shown and agreed to.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Annotated

import typer

from app.commands import installing
from app.commands.screen import give_up, out
from app.execution.enrolment import HostFile, enrolment_files
from app.execution.targets import Inventory
from app.settings import read_settings


def enrol(
    name: Annotated[str, typer.Argument(help="A host of the inventory, by its name there")],
    key: Annotated[Path, typer.Option(help="The agent's public key, a .pub file")],
    archive: Annotated[
        Path | None, typer.Option("--out", help="The archive to write; default: NAME-enrol.tar")
    ] = None,
    from_address: Annotated[
        list[str] | None,
        typer.Option("--from", help="Where the key is accepted from; may be given again"),
    ] = None,
    admin: installing.Admin = None,
    admin_key: installing.AdminKey = None,
    group: installing.Groups = None,
    yes: installing.Yes = False,
) -> None:
    """Write the archive that enrols a host, or put it there over an administrator's SSH (--as).

    The archive contacts nothing. With --as everything is shown first, and nothing is done without
    a yes; what fails on the way is taken back, and at the end the agent's own key proves it.
    """
    settings = read_settings()
    host = Inventory.load(settings).get(name)
    public_key = read_public_key(key)
    files = enrolment_files(
        host=host, public_key=public_key, from_addresses=tuple(from_address or ())
    )
    if admin is not None:
        wanted = installing.Enrolment(files, tuple(group or ()))
        installing.install(settings, host, wanted, installing.Login(admin, admin_key), yes=yes)
        return
    written = archive or Path(f"{name}-enrol.tar")
    written.write_bytes(packed(files))
    out.print(f"{written}: what {host.name} needs")
    for file in files:
        out.print(f"  {file.mode:04o} {file.owner}:{file.group} {file.path}")
    out.print(
        f"\nOn the host, as root, after looking at it (tar -tvf {written.name}):\n"
        f"  id {host.username} || useradd --create-home --shell /bin/sh {host.username}\n"
        f"  tar -C / -xpf {written.name} && visudo -c && sshd -t && systemctl reload ssh"
    )


def read_public_key(key: Path) -> str:
    """The line of a .pub file; a file that cannot be read ends the command."""
    try:
        return key.read_text(encoding="utf-8").strip()
    except OSError as error:
        give_up(f"{key} cannot be read: {error.strerror}.", hint="Name the .pub file with --key.")


def packed(files: tuple[HostFile, ...]) -> bytes:
    """A tar archive that `tar -C / -xp` unpacks with the owners and modes that are needed."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in files:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode = len(file.content), file.mode
            entry.uname, entry.gname = file.owner, file.group
            tar.addfile(entry, io.BytesIO(file.content))
    return archive.getvalue()
