"""What Prometheus Alertmanager posts, made plain: a group of alerts, version 4 of its webhook.

Every text comes from rules and labels that anybody with a scrape target may write: it is cleaned
and bounded as a ticket's is, and after that only compared, stored and shown. Labels select a host
of the inventory; no address in them is ever connected to.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.api.v1.ticket import LABEL_MAX, LONG_MAX, SHORT_MAX, Remark, clean, cut
from app.domain.host import Host
from app.domain.incident import Incident, Priority
from app.errors import ContradictoryTarget, UnknownTarget
from app.execution.targets import Inventory

SOURCE = "alertmanager"

HOST_LABELS = ("host", "hostname", "nodename", "node", "instance")
"""Labels that may name a host, by its name or as the inventory has its address."""

SERVICE_LABELS = ("service", "unit", "systemd_unit")

_PRIORITIES = {
    "critical": Priority.CRITICAL,
    "page": Priority.CRITICAL,
    "high": Priority.HIGH,
    "error": Priority.HIGH,
    "major": Priority.HIGH,
    "warning": Priority.MODERATE,
    "minor": Priority.LOW,
    "info": Priority.LOW,
    "none": Priority.PLANNING,
}

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]")
_MOMENT_WANTED = "expected a moment with its zone, such as 2026-01-02T03:04:05Z"


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(BaseModel):
    """One alert of the group."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: AlertStatus
    labels: dict[str, Remark]
    annotations: dict[str, Remark] = Field(default_factory=dict)
    starts_at: datetime = Field(alias="startsAt", description="Since when it fires")
    generator_url: Remark = Field(default="", alias="generatorURL")
    fingerprint: str = Field(
        pattern=r"^[0-9A-Za-z]{1,20}$", description="Alertmanager's key of the labels"
    )

    @field_validator("starts_at", mode="before")
    @classmethod
    def _written_out(cls, moment: object) -> object:
        """No count of seconds, which pydantic would take for a moment too."""
        if not isinstance(moment, str) or not _MOMENT.match(moment):
            raise ValueError(_MOMENT_WANTED)
        return moment

    @field_validator("starts_at")
    @classmethod
    def _zoned(cls, moment: datetime) -> datetime:
        if moment.tzinfo is None:
            raise ValueError(_MOMENT_WANTED)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValueError(_MOMENT_WANTED) from None

    @property
    def number(self) -> str:
        """The incident's number: one for each time that these labels begin to fire."""
        return f"AM-{self.fingerprint}-{self.starts_at:%Y%m%dT%H%M%SZ}"

    @property
    def name(self) -> str:
        """The alerting rule's name."""
        return _brief(self.labels.get("alertname", "")) or "alert"

    def host(self, inventory: Inventory) -> Host:
        """The one host of the inventory that the labels name.

        A label may name something else, an exporter for instance; two that name different hosts
        contradict each other. Raises UnknownTarget or ContradictoryTarget.
        """
        named = {name: _host_part(self.labels[name]) for name in HOST_LABELS if name in self.labels}
        found = {name: _known(inventory, label) for name, label in named.items()}
        hosts = {host.name: host for host in found.values() if host is not None}
        if len(hosts) > 1:
            told = ", ".join(f"{name} {host.name}" for name, host in found.items() if host)
            raise ContradictoryTarget(f"The alert's labels mean different hosts: {told}.")
        if not hosts:
            raise UnknownTarget(
                f"No label of the alert {self.name!a} names a host of the inventory.",
                hint=f"One of {', '.join(HOST_LABELS)} must be a host's name or address there.",
            )
        return next(iter(hosts.values()))

    def incident(self, host: Host, autonomy_cap: str | None = None) -> Incident:
        """The alert in the words of the domain. `autonomy_cap`: of whoever handed it in."""
        claimed = (self.labels[name] for name in SERVICE_LABELS if self.labels.get(name))
        return Incident(
            number=self.number,
            short_description=self._title(),
            description=self._text(),
            priority=_PRIORITIES.get(self.labels.get("severity", "").lower(), Priority.MODERATE),
            category="alert",
            host=host.name,
            claimed_service=_brief(next(claimed, "")) or None,
            source=SOURCE,
            autonomy_cap=autonomy_cap,
            received_at=datetime.now(UTC),
        )

    def _title(self) -> str:
        said = self.annotations.get("summary") or self.annotations.get("title") or ""
        title = " ".join(clean(said).split())
        return cut(f"{self.name}: {title}" if title else self.name, SHORT_MAX)

    def _text(self) -> str:
        said = self.annotations.get("description") or self.annotations.get("message") or ""
        labels = "\n".join(f"{name}={value}" for name, value in sorted(self.labels.items()))
        return cut(clean(f"{said}\n\n{labels}\n{self.generator_url}"), LONG_MAX)


class AlertGroup(BaseModel):
    """A notification of Alertmanager: alerts that belong together."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal["4"] = Field(description="Of the webhook's body")
    alerts: tuple[Alert, ...] = Field(min_length=1)
    truncated: int = Field(
        default=0, strict=True, alias="truncatedAlerts", description="How many max_alerts left out"
    )


def _known(inventory: Inventory, label: str) -> Host | None:
    try:
        return inventory.match(None, label)
    except UnknownTarget:
        return None


def _host_part(label: str) -> str:
    """`web01:9100` and `[fd00::1]:9100` without the port."""
    if label.startswith("["):
        return label[1:].partition("]")[0]
    host, colon, port = label.rpartition(":")
    return host if colon and port.isdigit() and ":" not in host else label


def _brief(text: str) -> str:
    return cut(" ".join(clean(text).split()), LABEL_MAX)
