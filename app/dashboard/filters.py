"""The filters of the list of executions; they live in the address, so a view can be sent on."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import urlencode

from app.domain.execution import ExecutionStatus, Outcome


class Filters(NamedTuple):
    """What is looked for. None and "" look for anything."""

    q: str = ""
    status: ExecutionStatus | None = None
    outcome: Outcome | None = None
    host: str = ""
    made: Literal["", "real", "simulated"] = ""
    before: int | None = None

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return bool(self.q or self.status or self.outcome or self.host or self.made)

    @property
    def simulated(self) -> bool | None:
        return {"real": False, "simulated": True}.get(self.made)

    def older(self, before: int) -> str:
        """The address of the next page."""
        given = self._replace(before=before)._asdict()
        return "/ui?" + urlencode({name: str(value) for name, value in given.items() if value})
