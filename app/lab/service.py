"""The service under test: a process of its own on the monitor, as in production."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from app.audit.keys import Keys
from app.domain.permission import Role
from app.lab import ablation
from app.lab.errors import ServiceFailed
from app.lab.inventory import Policy, write_inventory, write_policy
from app.lab.machine import stop_process
from app.lab.network import inside
from app.lab.places import PROJECT
from app.lab.running import Estate, monitor_trust
from app.models.database import Database
from app.settings import Settings

PORT = 8000  # in the monitor's own namespace, so it cannot be taken
READY_SECONDS = 60.0
ASK_SECONDS = 0.1


@dataclass(frozen=True)
class Service:
    """A running service and how to speak to it."""

    process: subprocess.Popen[bytes]
    url: str
    namespace: str
    policy: Policy
    log: Path
    key: str = field(repr=False, default="")  # an operator's: real hosts take one

    def stop(self) -> None:
        """End it as an operator would."""
        stop_process(self.process.pid)
        self.process.poll()  # it was waited for above; the handle must know


def start_service(
    estate: Estate,
    policy: Path | None = None,
    settings: Mapping[str, str] | None = None,
    without: str | None = None,
    *,
    works: bool = True,
) -> Service:
    """Start the service on the monitor with a fresh database and an operator's key; wait until it
    is ready.

    `settings` are further environment variables of the service; `without` is a part of its
    diagnosis that is taken out of it; `works`: False where other processes are its workers.
    """
    made = write_policy(estate, policy)
    program = ["start_server.py"] if works else ["-m", "app.cli", "serve", "--no-worker"]
    if without is not None:
        program = ["-m", ablation.__name__, without]
    given = {"DATABASE_URL": _database_url(estate), **(settings or {})}
    service = _ready(estate, made, program, given)
    return replace(service, key=asyncio.run(_operators_key(settings_of(given))))


def again(estate: Estate, before: Service) -> Service:
    """Start the service anew on the database that its killed process left."""
    given = {"DATABASE_URL": _database_url(estate)}
    return replace(_ready(estate, before.policy, ["start_server.py"], given), key=before.key)


def settings_of(given: Mapping[str, str]) -> Settings:
    """Settings of the lab's own for the service's database, and for its audit where it is named."""
    return Settings(
        _env_file=None,
        database_url=given["DATABASE_URL"],
        audit_key_file=_path(given.get("AUDIT_KEY_FILE")),
        audit_checkpoint_file=_path(given.get("AUDIT_CHECKPOINT_FILE")),
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def launched(
    estate: Estate,
    policy: Policy,
    program: Sequence[str],
    settings: Mapping[str, str],
    *,
    name: str = "service",
) -> subprocess.Popen[bytes]:
    """A process of the service on the monitor, not waited for; what it says is added to the log.

    `name` is its own among those of the run.
    """
    command = ["ip", "netns", "exec", estate.namespace, sys.executable, *program]
    with _log(estate).open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=_environment(estate, policy) | dict(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (estate.folder / f"{name}.pid").write_text(str(process.pid))
    return process


def _ready(
    estate: Estate, policy: Policy, program: Sequence[str], settings: Mapping[str, str]
) -> Service:
    """A process that serves, once it is ready."""
    process = launched(estate, policy, program, settings)
    url = f"http://127.0.0.1:{PORT}"
    service = Service(process, url, estate.namespace, policy, _log(estate))
    try:
        _wait_ready(service)
    except BaseException:
        service.stop()
        raise
    return service


async def _operators_key(settings: Settings) -> str:
    """A key as `sre-agent keys create` makes it, in the database that the service has migrated."""
    database = Database(settings)
    try:
        return (await Keys(database).create(Role.OPERATOR, "lab")).token
    finally:
        await database.close()


def _environment(estate: Estate, policy: Policy) -> dict[str, str]:
    home = estate.folder / "home"
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.defpath + ":/usr/sbin:/sbin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "ENABLE_REAL_SSH": "true",
        "INVENTORY_FILE": str(write_inventory(estate)),
        "POLICY_FILE": str(policy.path),
        "HOST": "127.0.0.1",
        "PORT": str(PORT),
        "LOG_LEVEL": "INFO",
        **monitor_trust(),
    }


def _log(estate: Estate) -> Path:
    return estate.folder / "service.log"


def _database_url(estate: Estate) -> str:
    return f"sqlite+aiosqlite:///{estate.folder / 'service.sqlite'}"


def _wait_ready(service: Service) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with httpx.Client(base_url=service.url, timeout=5) as http:
        while time.monotonic() < deadline:
            if _answers(service, http):
                return
            try:  # its end is told at once, its readiness to whoever asks
                code = service.process.wait(ASK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            raise ServiceFailed(f"it ended with {code}: {tail(service.log)}")
    raise ServiceFailed(f"not ready after {READY_SECONDS:.0f} s: {tail(service.log)}")


def _answers(service: Service, http: httpx.Client) -> bool:
    try:
        with inside(service.namespace):
            return http.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False  # not listening yet


def tail(log: Path) -> str:
    """The end of what it said."""
    return log.read_text(errors="replace")[-3000:]
