"""One host of the lab, and the product's own way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from app.execution.catalog import Catalog
from app.execution.hosts import SshHosts
from app.execution.targets import Inventory
from app.lab import leftovers, requirements
from app.lab.inventory import write_inventory
from app.lab.network import inside
from app.lab.running import Estate, new_run_id, start

CATALOG = Catalog.load()


@dataclass(frozen=True)
class Lab:
    """Hosts that are up, and the product's way to them; the calling thread is on the monitor."""

    estate: Estate
    inventory: Inventory
    hosts: SshHosts
    runner: asyncio.Runner


@contextmanager
def lab_of(host: str) -> Iterator[Lab]:
    """One host, and everybody's resolver."""
    requirements.ensure()
    run_id = new_run_id()
    with leftovers.held(run_id), ExitStack() as parts:
        estate = start((host,), run_id)
        parts.callback(estate.throw_away)
        inventory = Inventory.from_file(write_inventory(estate))
        hosts = SshHosts(inventory, CATALOG)
        parts.enter_context(inside(estate.namespace))
        runner = parts.enter_context(asyncio.Runner())
        parts.callback(lambda: runner.run(hosts.close()))
        yield Lab(estate, inventory, hosts, runner)
