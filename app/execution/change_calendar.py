"""When changes may be made: windows, and freezes. Pure: the moment is given, no clock is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, ConfigDict, Field, field_validator, model_validator

from app.domain.host import Host
from app.domain.value import Value

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Scoped(Value):
    """What holds for some hosts: those named and those of the groups; for all where none is."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    hosts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def is_about(self, host: Host) -> bool:
        if not self.hosts and not self.groups:
            return True
        return host.name in self.hosts or not set(self.groups).isdisjoint(host.groups)


class Window(_Scoped):
    """Hours of the week in which the agent may change a host without asking."""

    days: tuple[Day, ...] = Field(default=DAYS, min_length=1)
    opens: time = Field(alias="from")
    closes: time = Field(alias="until")  # at or before `from`: on the next day
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise ValueError(f"{given!r} is no time zone such as Europe/Vienna") from unknown
        return given

    def is_open(self, now: datetime) -> bool:
        """Whether a moment, which knows its zone, lies in the window by the window's own clock."""
        local = now.astimezone(ZoneInfo(self.zone))
        clock = local.time().replace(tzinfo=None)
        yesterday = DAYS[(local - timedelta(days=1)).weekday()]
        today = DAYS[local.weekday()]
        if self.opens < self.closes:
            return today in self.days and self.opens <= clock < self.closes
        begun_today = today in self.days and clock >= self.opens
        return begun_today or (yesterday in self.days and clock < self.closes)

    def __str__(self) -> str:
        hours = f"{self.opens:%H:%M}-{self.closes:%H:%M} {self.zone}"
        return f"{'-'.join((self.days[0], self.days[-1]))} {hours}" if self.days != DAYS else hours


class Freeze(_Scoped):
    """A time in which nothing is changed without people, or nothing at all."""

    begins: AwareDatetime = Field(alias="from")
    ends: AwareDatetime = Field(alias="until")
    why: str = Field(min_length=1)
    forbids: bool = False  # not even people may let the agent change something

    @model_validator(mode="after")
    def _in_order(self) -> Freeze:
        if self.ends <= self.begins:
            raise ValueError("`until` must come after `from`")
        return self

    def holds(self, now: datetime) -> bool:
        return self.begins <= now < self.ends


class ChangeCalendar(Value):
    """The windows and freezes of a policy file."""

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def frozen(self, host: Host, now: datetime) -> Iterator[Freeze]:
        """The freezes that hold for a host, those that forbid first."""
        found = (f for f in self.freezes if f.is_about(host) and f.holds(now))
        yield from sorted(found, key=lambda freeze: not freeze.forbids)

    def closed(self, host: Host, now: datetime) -> str:
        """Why no window is open for a host, as a sentence; "" where one is, or none is about it."""
        about = [window for window in self.windows if window.is_about(host)]
        if not about or any(window.is_open(now) for window in about):
            return ""
        return f"it is outside of the change windows of {host.name} ({'; '.join(map(str, about))})"
