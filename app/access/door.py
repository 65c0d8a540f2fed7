"""What the door works with: keys, sessions, nonces, logins, sources, and the counts of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Request

from app.access.oidc import Oidc
from app.access.rates import Rates
from app.access.sources import Sources
from app.audit.keys import Keys
from app.audit.logins import Logins
from app.audit.nonces import Nonces
from app.audit.sessions import SessionLimits, Sessions
from app.errors import EngineError, SreAgentError
from app.execution.policy_file import PolicyFile
from app.models.database import Database
from app.settings import Settings


@dataclass(frozen=True)
class Access:
    """Everything that says who somebody is."""

    keys: Keys
    sessions: Sessions
    nonces: Nonces
    logins: Logins
    sources: Sources
    rates: Rates
    oidc: Oidc | None = None
    refusals: Counter[str] = field(default_factory=Counter)  # by error code, since the start

    @classmethod
    def of(cls, settings: Settings, database: Database, sources: Sources) -> Access:
        limits = SessionLimits(
            idle=settings.session_idle_seconds, whole=settings.session_max_seconds
        )
        return cls(
            keys=Keys(database),
            sessions=Sessions(database, limits),
            nonces=Nonces(database),
            logins=Logins(database),
            sources=sources,
            rates=Rates(settings),
            oidc=Oidc.of(settings),
        )


class Knocked(Protocol):
    """The running service, as much of it as its door uses."""

    @property
    def settings(self) -> Settings: ...
    @property
    def policy(self) -> PolicyFile: ...
    @property
    def access(self) -> Access: ...


def service_of(request: Request) -> Knocked:
    """The running service. Raises what keeps it from running, while that lasts."""
    now: Knocked | SreAgentError | None = getattr(request.app.state, "now", None)
    if now is None or isinstance(now, SreAgentError):
        raise now or EngineError("The service is starting.", hint="Try again in a moment.")
    return now


KnockedPart = Annotated[Knocked, Depends(service_of)]
