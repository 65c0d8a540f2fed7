"""Everything that a decision depends on, as one frozen value. No clock, no database, no host."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from app.domain.action import ActionCall
from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.probe import ProbeResult
from app.domain.value import Value
from app.execution.catalog import Catalog
from app.execution.policy_file import PolicyFile
from app.settings import AutonomyLevel


class PastChange(Value):
    """A change that was made, anywhere, in the last day."""

    call: ActionCall
    at: datetime
    verified: bool | None = None  # None: not told yet; False: it did not heal

    @property
    def target(self) -> str:
        """What it was done to: the unit or path, or the whole host."""
        return target_of(self.call)


class Grant(Value):
    """A person's yes to a proposal (Plan.proposal)."""

    proposal: str
    approvers: tuple[str, ...]  # each person once
    expires_at: datetime


class PolicyContext(Value):
    """What `decide` looks at beside the plan."""

    catalog: Catalog = Field(repr=False)
    policy: PolicyFile = PolicyFile()
    hosts: dict[str, Host]  # the inventory
    incident_host: str
    source: str = "servicenow"  # where the incident came from
    source_cap: AutonomyLevel | None = None  # by how that source proved itself
    requested_by: str | None = None  # a person who may not approve their own request
    live: bool  # real hosts, not simulated ones
    level: AutonomyLevel  # the global level: PolicyFile.base_level
    kill_switch: bool = False
    now: datetime
    evidence: tuple[Evidence, ...] = ()
    probes: tuple[ProbeResult, ...] = ()  # the latest results
    past_changes: tuple[PastChange, ...] = ()
    grant: Grant | None = None
    host_key_fingerprint: str = ""
    before: dict[str, str] = Field(default_factory=dict)  # hashes of what was captured

    def changes_since(self, seconds: float) -> list[PastChange]:
        """Past changes not older than so many seconds."""
        limit = self.now - timedelta(seconds=seconds)
        return [change for change in self.past_changes if change.at >= limit]


def target_of(call: ActionCall) -> str:
    """What a call acts on, for counting: its unit, path or container, else the host as a whole."""
    for name in ("unit", "path", "config", "container"):
        if name in call.params:
            return str(call.params[name])
    return ""
