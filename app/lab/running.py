"""A running estate: the hosts of one run, up together and thrown away together."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from app.lab import network
from app.lab.enrolment import enrol
from app.lab.errors import LabError
from app.lab.estate import ACCOUNT, HostSpec, with_resolver
from app.lab.layers import layer
from app.lab.machine import Machine
from app.lab.naming import PLAIN, Naming
from app.lab.places import RUNS
from app.lab.process import Finished, attempt, run
from app.lab.secrets import trusted_certificates

KEY_NAME = "id_ed25519"
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class Estate:
    """The hosts of one run and the monitor's namespace."""

    run_id: str
    machines: dict[str, Machine] = field(default_factory=dict)
    naming: Naming = PLAIN

    @property
    def folder(self) -> Path:
        """Everything that this run puts on the machine's disk."""
        return RUNS / self.run_id

    @property
    def namespace(self) -> str:
        """The monitor's network namespace."""
        return network.monitor_namespace(self.run_id)

    @property
    def key(self) -> Path:
        """The private key with which the service reaches the hosts."""
        return self.folder / KEY_NAME

    @property
    def specs(self) -> tuple[HostSpec, ...]:
        """Who is up."""
        return tuple(machine.spec for machine in self.machines.values())

    def on_monitor(self, script: str, timeout: float = 120) -> Finished:
        """Run bash on the monitor: in its network, with its resolver."""
        trust = [f"{name}={value}" for name, value in monitor_trust().items()]
        argv = ["ip", "netns", "exec", self.namespace, "env", *trust, "/bin/bash", "-s"]
        return attempt(argv, stdin=script, timeout=timeout)

    def throw_away(self) -> None:
        """Stop everything and leave nothing behind, also where a host resists."""
        with ExitStack() as steps:  # the last one named is taken first
            steps.callback(shutil.rmtree, self.folder, ignore_errors=True)
            steps.callback(network.delete_namespace, self.namespace)
            steps.callback(self.machines.clear)
            steps.callback(_each, tuple(self.machines.values()), Machine.throw_away)


def monitor_trust() -> dict[str, str]:
    """Environment that lets programs on the monitor trust the lab's own CA."""
    bundle = str(trusted_certificates())
    return {"CURL_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}


def new_run_id() -> str:
    """A short name that no other run has."""
    return secrets.token_hex(3)


def start(names: tuple[str, ...], run_id: str | None = None, naming: Naming = PLAIN) -> Estate:
    """Boot the named hosts and the resolver, all at once, fresh; the names are of this naming."""
    specs = with_resolver(names, naming.hosts)
    layers = _each(specs, lambda spec: layer(spec, naming))
    estate = Estate(run_id or new_run_id(), naming=naming)
    if estate.key.exists():
        raise LabError(f"the run {estate.run_id} exists already: `lab down {estate.run_id}`")
    estate.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        _make_key(estate)
        network.create_monitor(estate.run_id, naming)
        for made in layers:
            folder = estate.folder / made.spec.name
            containers = made.spec.containers and made.spec.name in names
            estate.machines[made.spec.name] = Machine(made, estate.run_id, folder, containers)
        _each(tuple(estate.machines.values()), lambda machine: _bring_up(machine, estate))
        write_state(estate)
    except BaseException:
        estate.throw_away()
        raise
    return estate


def write_state(estate: Estate) -> None:
    """Leave a note of what is up, for `shell` and `down` in another process."""
    state = {machine.name: machine.leader for machine in estate.machines.values()}
    (estate.folder / "state.json").write_text(json.dumps(state))


def _bring_up(machine: Machine, estate: Estate) -> None:
    machine.prepare()
    enrol(machine, estate.key, set(estate.machines))
    machine.boot()


def _make_key(estate: Estate) -> None:
    comment = f"{ACCOUNT}@lab"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(estate.key)])


def _each(items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
    """Do the same for all of them side by side; the first failure is raised at the end."""
    if not items:
        return []
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))
