"""A host as it was while it was healthy: what an incident is compared with.

Contents of files stay on the host, by sha256; here are hashes, modes, owners and the facts.
"""

from __future__ import annotations

from app.domain.action import ActionCall
from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.probe import Probe
from app.domain.value import Value
from app.host.facts import Manifest
from app.host.view import CONFIG_TESTS, HostView

KEPT = ("units.show", "unit_files.list", "sockets.listening", "filesystems.list", "nginx.dump",
        "apache.sites", "packages.list",
        "network.show", "firewall.show", "security.signs", "containers.list",
        "accounts.list", "cron.tables", "jobs.scripts", "clock.chrony", "qdisc.list",
        "kernel.settings", "processors.busy",
        "postgres.state", "mariadb.state", "redis.state",
        *dict.fromkeys(CONFIG_TESTS.values()))  # fmt: skip
"""Diagnostics whose facts a baseline keeps as they were."""


class Baseline(Value):
    """One version of a host's healthy state."""

    host: str
    taken_at: str  # ISO 8601, UTC
    manifest: Manifest
    probes: tuple[Probe, ...]  # learned: they know what a right answer looks like
    evidence: tuple[Evidence, ...]  # of the kinds in KEPT

    def view(self, host: Host) -> HostView:
        """The host as it was."""
        return HostView(host, self.evidence)


def calls(host: Host) -> tuple[ActionCall, ...]:
    """What is asked of a host to take its baseline."""
    patterns = ("*.service", "*.socket", "*.timer")
    return (
        ActionCall(action="baseline.store", host=host.name),
        *(
            ActionCall(action="units.show", host=host.name, params={"pattern": pattern})
            for pattern in patterns
        ),
        *(ActionCall(action=action, host=host.name) for action in KEPT if action != "units.show"),
    )


def assemble(host: Host, evidence: tuple[Evidence, ...], probes: tuple[Probe, ...]) -> Baseline:
    """A baseline from the answers to `calls` and the learned probes.

    Raises ValueError, with the host's own words, where the manifest could not be had.
    """
    stored = next((e for e in evidence if e.action == "baseline.store"), None)
    if stored is None or not stored.ok:
        reason = "it was not asked" if stored is None else stored.error or "no reason given"
        raise ValueError(f"No baseline of {host.name} was taken: {reason}")
    return Baseline(
        host=host.name,
        taken_at=stored.taken_at.isoformat(),
        manifest=Manifest.model_validate(stored.facts),
        probes=probes,
        evidence=tuple(e for e in evidence if e.action in KEPT and e.ok),
    )
