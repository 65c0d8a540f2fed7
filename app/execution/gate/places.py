"""Where the gate keeps things on a host. All of it belongs to root and is closed to others."""

from __future__ import annotations

from typing import NamedTuple


class Places(NamedTuple):
    """The paths of one gate; tests give other folders.

    `aside`: what was moved out of the way; people look for such things below /var/backups.
    """

    config: str = "/etc/sre-agent/gate.json"
    state: str = "/var/lib/sre-agent"
    aside: str = "/var/backups/sre-agent"

    @property
    def receipts(self) -> str:
        """One folder for each intent that ever arrived."""
        return self.state + "/receipts"

    @property
    def contents(self) -> str:
        """Contents of files by sha256: baselines, and what a change replaced."""
        return self.state + "/baseline"

    @property
    def made(self) -> str:
        """What the gate made or set, one file for each, so that it takes back nothing else."""
        return self.state + "/made"

    @property
    def fence(self) -> str:
        """The highest fence seen; an older holder of the host is refused."""
        return self.state + "/fence"

    @property
    def change_lock(self) -> str:
        """Held by the one change that may run."""
        return self.state + "/change.lock"

    @property
    def key(self) -> str:
        """The key under which values of environment files are hashed."""
        return self.state + "/baseline.key"
