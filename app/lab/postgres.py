"""A private PostgreSQL: its own folder, gone afterwards.

Uses the server binaries that Debian's `postgresql` package installs; nothing of the machine's own
clusters is touched. As root the server runs as another user, since it refuses to run as root: what
is above its folder must be open to that user.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from app.lab.errors import NotPossibleHere
from app.lab.process import run

SERVER_USER = "nobody"  # who runs the server where we are root
LEFT_OUT = "no PostgreSQL server here; `apt-get install postgresql` gives one"
MEMORY = Path("/dev/shm")
ENOUGH = 2 * 1024**3  # bytes: a database is 300 files, and each test has its own


@dataclass(frozen=True)
class Server:
    """A running server of our own."""

    url: str  # SQLAlchemy's, of its maintenance database
    folder: Path
    binaries: Path
    options: str

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The process that all others of it end with."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def restart(self, mode: str = "fast") -> None:
        """As an update or a crash (`immediate`) does it: every connection is cut."""
        where = ("-D", self.data, "-w", "-l", self.folder / "log")
        _run(self.binaries / "pg_ctl", *where, "-m", mode, "-o", self.options, "restart")

    def dump(self, place: Path) -> None:
        """Write everything in its maintenance database to a file, as SQL."""
        where = ("-h", self.folder, "-U", "postgres", "postgres")
        place.write_text(_run(self.binaries / "pg_dump", *where), encoding="utf-8")

    def stop(self) -> None:
        """End it at once; its data are thrown away."""
        _run(self.binaries / "pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")


def server_binaries() -> Path | None:
    """The folder with initdb and pg_ctl, newest version first; None where there is none."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for home in homes:
        if (home / "initdb").exists() and (home / "pg_ctl").exists():
            return home
    return None


def start(folder: Path, *, port: int | None = None, durable: bool = False) -> Server:
    """A new server in an empty folder that exists. Raises NotPossibleHere, CommandFailed.

    It listens at `port` of 127.0.0.1, or without one only at its socket in the folder, which
    processes of every network namespace reach. `durable`: it waits for the disk at each commit.
    """
    binaries = server_binaries()
    if binaries is None:
        raise NotPossibleHere(LEFT_OUT)
    if os.geteuid() == 0:
        shutil.chown(folder, SERVER_USER)
    _run(binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust",
         "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
    listens = f"-c listen_addresses={'' if port is None else '127.0.0.1'}"
    fsync = "on" if durable else "off"
    options = f"{listens} -k {folder} -c fsync={fsync} -c max_connections=300"
    at = f"@/postgres?host={folder}"
    if port is not None:
        options, at = f"-p {port} {options}", f"@127.0.0.1:{port}/postgres"
    server = Server(f"postgresql+psycopg://postgres{at}", folder, binaries, options)
    data = ("-D", server.data, "-w", "-l", folder / "log")
    _run(binaries / "pg_ctl", *data, "-o", options, "start")
    return server


def quick_folder() -> Path | None:
    """Memory where there is enough of it."""
    enough = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    return MEMORY if enough else None


def _run(*argv: object) -> str:
    """Run a server command, as another user where we are root; what it prints."""
    command = [str(part) for part in argv]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={SERVER_USER}", f"--regid={_group()}", "--clear-groups",
                   "--", *command]  # fmt: skip
    return run(command)


def _group() -> str:
    return grp.getgrgid(pwd.getpwnam(SERVER_USER).pw_gid).gr_name


def _version(home: Path) -> int:
    name = home.parent.name
    return int(name) if name.isdigit() else 0
