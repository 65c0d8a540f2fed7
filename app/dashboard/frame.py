"""What stands on every page around its content."""

from __future__ import annotations

from importlib.metadata import version
from typing import NamedTuple

from app.domain.access import Caller
from app.domain.pause import Pause
from app.domain.permission import Permission

VERSION = version("sre-agent")


class Frame(NamedTuple):
    """The frame of one page."""

    simulated: bool  # whether hosts are, in this process
    since: str = ""  # the stream's number before the page was read; "": not live
    path: str = ""
    waiting: int = 0  # questions to people
    pause: Pause = Pause()
    caller: Caller | None = None  # None: on pages for anybody
    version: str = VERSION

    @property
    def csrf(self) -> str:
        """What forms carry; "" where there is no session, and none is asked for."""
        return self.caller.csrf if self.caller else ""

    def may(self, permission: str) -> bool:
        """Whether who looks may do something: `approval.decide`, `agent.stop`, ..."""
        return self.caller is not None and self.caller.may(Permission(permission))
