"""The policy file: how much the agent may do, where, and who decides the rest. YAML.

autonomy_level: L3                     # the most, everywhere
hosts: {db01: L2}                      # caps; the lowest that applies counts
groups: {databases: L2}
actions: {service.restart: L3}
sources: {mail: L1}                    # by where an incident came from
approvers: {alice: <token>}            # people who may decide, with what they show
approver_subjects: {alice: <sub>}      # who they are at OIDC_ISSUER, where they log in there too
budgets: {changes_per_host_per_hour: 6, changes_per_hour: 30}
windows:                               # outside of all that are about a host a person is asked
  - {days: [mon, tue, wed, thu, fri], from: "08:00", until: "18:00", zone: Europe/Vienna}
  - {groups: [web], from: "00:00", until: "00:00"}       # these at any hour
freezes:                               # a person is asked; with `forbids: true` nothing is changed
  - {from: 2026-12-20T00:00:00+01:00, until: 2027-01-02T00:00:00+01:00, why: year end}
fleet: {same_change_hosts: 3, within_seconds: 900}       # the same on so many hosts is held
evidence_fresh_seconds: 120
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from app import strict_yaml
from app.domain.host import Host
from app.domain.value import Value
from app.errors import PolicyFileError
from app.execution.autonomy import lowest
from app.execution.catalog import Catalog
from app.execution.change_calendar import ChangeCalendar, Freeze, Window
from app.settings import AutonomyLevel, Settings

SHORTEST_TOKEN = 16
Caps = dict[str, AutonomyLevel]


class Budgets(Value):
    """How many changes may be made, beside each entry's own limits."""

    changes_per_host_per_hour: int = Field(default=10, ge=0)
    changes_per_hour: int = Field(default=60, ge=0)


class FleetGuard(Value):
    """From how many hosts on the same change is no repair of one host any more."""

    same_change_hosts: int = Field(default=3, ge=1)
    within_seconds: int = Field(default=900, ge=60, le=24 * 3600)


class PolicyFile(Value):
    """What a site allows. Every cap only ever lowers the level."""

    autonomy_level: AutonomyLevel | None = None
    hosts: Caps = Field(default_factory=dict)
    groups: Caps = Field(default_factory=dict)
    actions: Caps = Field(default_factory=dict)
    sources: Caps = Field(default_factory=dict)
    approvers: dict[str, SecretStr] = Field(default_factory=dict, repr=False)
    approver_subjects: dict[str, str] = Field(default_factory=dict)
    budgets: Budgets = Budgets()
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    fleet: FleetGuard = FleetGuard()
    evidence_fresh_seconds: int = Field(default=120, ge=10, le=3600)

    @field_validator("approvers")
    @classmethod
    def _long_distinct_tokens(cls, given: dict[str, SecretStr]) -> dict[str, SecretStr]:
        tokens = [token.get_secret_value() for token in given.values()]
        short = [
            name for name, token in zip(given, tokens, strict=True) if len(token) < SHORTEST_TOKEN
        ]
        if short:
            raise ValueError(f"the token of {short[0]} is shorter than {SHORTEST_TOKEN} characters")
        if len(set(tokens)) < len(tokens):
            raise ValueError("two approvers have the same token: each person needs their own")
        return given

    @model_validator(mode="after")
    def _subjects_of_approvers(self) -> PolicyFile:
        strangers = sorted(self.approver_subjects.keys() - self.approvers.keys())
        if strangers:
            raise ValueError(f"approver_subjects names {strangers[0]}, who is no approver")
        return self

    @property
    def calendar(self) -> ChangeCalendar:
        """When changes may be made."""
        return ChangeCalendar(windows=self.windows, freezes=self.freezes)

    @classmethod
    def load(cls, path: Path | None, catalog: Catalog | None = None) -> PolicyFile:
        """The policy of a file, or the default one; PolicyFileError names file and key."""
        if path is None:
            return cls()
        try:
            data = strict_yaml.read(path.read_text(encoding="utf-8"))
            policy = cls.model_validate({} if data is None else data)
        except (OSError, strict_yaml.YamlError) as error:
            raise PolicyFileError(f"{path} cannot be read: {error}.") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(str(part) for part in first["loc"]) or "the file"
            raise PolicyFileError(f"{path}: {key}: {first['msg']}.") from error
        unknown = sorted(set(policy.actions) - set((catalog or Catalog.load()).actions))
        if unknown:
            raise PolicyFileError(f"{path}: actions.{unknown[0]} is no action of the catalog.")
        return policy

    def base_level(self, settings: Settings) -> AutonomyLevel:
        """The global level: L0 while simulating, else the lower of file and setting, L2 unsaid."""
        if not settings.enable_real_ssh:
            return AutonomyLevel.L0
        said = [level for level in (settings.autonomy_level, self.autonomy_level) if level]
        return lowest(said) if said else AutonomyLevel.L2

    def caps(self, host: Host, action: str, source: str) -> dict[str, AutonomyLevel]:
        """Every cap that applies to an action on a host, by what imposes it."""
        found: dict[str, AutonomyLevel] = {}
        if self.autonomy_level is not None:
            found["the policy's autonomy_level"] = self.autonomy_level
        if host.autonomy_level is not None:
            found[f"{host.name} in the inventory"] = AutonomyLevel(host.autonomy_level)
        if host.name in self.hosts:
            found[f"hosts.{host.name}"] = self.hosts[host.name]
        for group in host.groups:
            if group in self.groups:
                found[f"groups.{group}"] = self.groups[group]
        if action in self.actions:
            found[f"actions.{action}"] = self.actions[action]
        if source in self.sources:
            found[f"sources.{source}"] = self.sources[source]
        return found
