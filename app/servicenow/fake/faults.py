"""What goes wrong on request: a list of faults, each for the requests that it fits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from app.domain.value import Value


class FaultKind(StrEnum):
    """One way in which an instance fails its clients."""

    UNAUTHORIZED = "unauthorized"  # 401, though the credentials are good
    FORBIDDEN = "forbidden"  # 403, an ACL's
    NOT_FOUND = "not_found"  # 404
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After and X-RateLimit-*
    OVERLOADED = "overloaded"  # 429 without any header: semaphores exhausted
    SERVER_ERROR = "server_error"  # 500, HTML
    UNAVAILABLE = "unavailable"  # 503, HTML
    HIBERNATING = "hibernating"  # 200, HTML: a developer instance asleep
    TRUNCATED = "truncated"  # 200, JSON that ends in "Transaction cancelled"
    SLOW = "slow"  # the answer drips, over `seconds`
    CUT_BEFORE = "cut_before"  # the connection ends, nothing was done
    CUT_AFTER = "cut_after"  # the connection ends after the request was carried out
    CUT_LATE = "cut_late"  # the connection ends; carried out after `behind` further requests
    TOKENS_EXPIRE = "tokens_expire"  # every access token ends just before this request
    EDITED = "edited"  # another user changes a row just before this request is carried out


class Fault(Value):
    """A fault and the requests that it is for: every one with that method and path.

    Of those it lets `skip` pass, then takes each `every`th, `times` times in all (None: for ever).
    """

    kind: FaultKind
    method: str = Field(default="", description="GET, PATCH, ...; empty: any")
    path: str = Field(default="/", description="What the request's path contains")
    skip: int = Field(default=0, ge=0)
    every: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1)
    seconds: float = Field(default=1.0, ge=0, description="Of Retry-After and of slow answers")
    behind: int = Field(default=1, ge=1, description="Requests answered before a late one")
    table: str = Field(default="incident", description="Of the row that is edited")
    number: str = Field(default="", description="Number or sys_id of the row that is edited")
    by: str = Field(default="alice", description="Who edits")
    changes: dict[str, str] = Field(default_factory=dict, description="What the edit writes")


@dataclass
class _Armed:
    fault: Fault
    seen: int = 0
    taken: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Count the request where it fits; whether the fault strikes it."""
        fault = self.fault
        if fault.method not in ("", method) or fault.path not in path:
            return False
        self.seen += 1
        late = self.seen - fault.skip
        if late <= 0 or late % fault.every or self.is_spent:
            return False
        self.taken += 1
        return True

    @property
    def is_spent(self) -> bool:
        return self.fault.times is not None and self.taken >= self.fault.times


class Faults:
    """The faults to come. The first that strikes a request is the only one that does."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def arm(self, *faults: Fault) -> None:
        """Add faults behind those that are there."""
        self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self._armed.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; None: it goes well."""
        for armed in self._armed:
            if armed.takes(method, path):
                return armed.fault
        return None

    @property
    def left(self) -> tuple[Fault, ...]:
        """The faults that can still strike."""
        return tuple(armed.fault for armed in self._armed if not armed.is_spent)
