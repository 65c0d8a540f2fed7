"""The run's own network: a namespace for the monitor with the bridge in it, one for each host.

Nothing of the machine's own network is touched, and several runs cannot meet.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.lab.errors import LabError
from app.lab.estate import ADDRESSES, DOMAIN, MONITOR_ADDRESS, PREFIX_LENGTH, RESOLVER
from app.lab.naming import PLAIN, Naming
from app.lab.places import PREFIX
from app.lab.process import attempt, run

BRIDGE = "br-lab"
NAMESPACES = Path("/run/netns")
RESOLVERS = Path("/etc/netns")  # `ip netns exec` mounts DIR/NAME/resolv.conf over the real one
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def monitor_namespace(run_id: str) -> str:
    """The name of the monitor's namespace."""
    return f"{PREFIX}{run_id}"


def host_namespace(run_id: str, host: str) -> str:
    """The name of a host's namespace."""
    return f"{PREFIX}{run_id}-{host}"


def create_monitor(run_id: str, naming: Naming = PLAIN) -> str:
    """Make the monitor's namespace with the bridge and its own resolv.conf."""
    name = monitor_namespace(run_id)
    resolver = RESOLVERS / name / "resolv.conf"
    resolver.parent.mkdir(parents=True, exist_ok=True)
    asks = f"search {DOMAIN}\nnameserver {ADDRESSES[RESOLVER]}\noptions timeout:2 attempts:2\n"
    resolver.write_text(naming.text(asks))
    run(["ip", "netns", "add", name])
    for command in (
        f"link add {BRIDGE} type bridge forward_delay 0",
        f"addr add {naming.text(MONITOR_ADDRESS)}/{PREFIX_LENGTH} dev {BRIDGE}",
        f"link set {BRIDGE} up",
        "link set lo up",
    ):
        run(["ip", "-n", name, *command.split()])
    # A host that asks for the world gets "unreachable" at once instead of waiting.
    run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1"])
    return name


def create_host(run_id: str, host: str) -> str:
    """Make a host's namespace and plug its eth0 into the bridge; the host sets its address."""
    monitor, name = monitor_namespace(run_id), host_namespace(run_id, host)
    run(["ip", "netns", "add", name])
    port = f"ve-{host}"
    veth = f"link add {port} type veth peer name eth0 netns {name}".split()
    run(["ip", "-n", monitor, *veth])
    run(["ip", "-n", monitor, "link", "set", port, "master", BRIDGE, "up"])
    return name


def delete_namespace(name: str) -> None:
    """Remove a namespace and its resolv.conf; both may be gone already."""
    if (NAMESPACES / name).exists():
        attempt(["ip", "netns", "delete", name])
    shutil.rmtree(RESOLVERS / name, ignore_errors=True)


def namespaces_of(run_id: str) -> list[str]:
    """Every namespace that belongs to a run."""
    if not NAMESPACES.exists():
        return []
    mine = monitor_namespace(run_id)
    return sorted(
        path.name
        for path in NAMESPACES.iterdir()
        if path.name == mine or path.name.startswith(mine + "-")
    )


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Let the calling thread make its connections in another network namespace.

    A socket stays in the namespace in which it was made, so this need not outlast the
    connecting.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(NAMESPACES / namespace, os.O_RDONLY)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(there)
        os.close(home)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise LabError(f"cannot enter the network namespace: {os.strerror(code)}")
