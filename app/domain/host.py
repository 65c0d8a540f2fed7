"""A host of the inventory: everything the agent may know of it before it connects."""

from __future__ import annotations

from app.domain.probe import Probe, ProbeKind
from app.domain.value import Value


class UnitRules(Value):
    """Which units a plan may act on, as shell-style patterns of full unit names.

    Beside the declared services. A built-in list of protected units (sshd, dbus, the gate's own
    sudo, ...) is denied whatever stands here.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class Host(Value):
    """One host. Being listed is the host's opt-in; what is not listed cannot be reached."""

    name: str  # the inventory's key
    address: str  # what is connected to; never taken from a ticket
    names: tuple[str, ...] = ()  # further names by which tickets may call it
    port: int = 22
    username: str = "sre-agent"
    ssh_key_path: str | None = None  # None: the agent at SSH_AUTH_SOCK
    ssh_key: str | None = None  # a reference to the key itself: "vault:kv/sre-agent#ssh_key"
    host_key: str | None = None  # "ssh-ed25519 AAAA..."; None: only from SSH_KNOWN_HOSTS_FILE
    jump: str | None = None  # another host of the inventory to go through
    services: tuple[str, ...] = ()  # what runs here for users: "nginx", "postgresql@15-main"
    depends_on: tuple[str, ...] = ()  # hosts that a plan for this one may also name
    groups: tuple[str, ...] = ()
    description: str = ""
    units: UnitRules = UnitRules()
    probes: tuple[Probe, ...] = ()  # what users ask of it; derived from the host where empty
    gate: bool = True  # False: agentless, only what plain sudo lines allow
    autonomy_level: str | None = None  # a cap for this host, "L0".."L4"

    def known_as(self, label: str) -> bool:
        """Whether a ticket's name or address means this host (case-insensitive, exact)."""
        return plain(label) in self.labels

    @property
    def labels(self) -> frozenset[str]:
        """Every name and address of the host, in lower case."""
        return frozenset(map(str.lower, (self.name, self.address, *self.names)))


def plain(label: str) -> str:
    """A name or address as a ticket gives it, in the form of `Host.labels`."""
    return label.strip().lower().rstrip(".")


def asked_of(host: Host, check: str, subject: str, *expect_text: str) -> Probe:
    """A question that the host answers about itself, no user (app/host/checks.py judges it)."""
    return Probe(
        name=f"check {check} {subject} on {host.name}"[:300],
        kind=ProbeKind.HOST,
        address=host.address,
        port=0,
        check=check,
        subject=subject,
        expect_text=expect_text,
    )
