"""What the door works with: keys, sessions, nonces, logins, sources, and the counts of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Request

from app import log
from app.access.oidc import Oidc
from app.access.rates import Rates
from app.access.sources import Sources
from app.audit.keys import Keys
from app.audit.logins import Logins
from app.audit.nonces import Nonces
from app.audit.sessions import SessionLimits, Sessions
from app.domain.permission import Role
from app.errors import EngineError, SreAgentError
from app.execution.policy_file import PolicyFile
from app.models.database import Database
from app.secrets.secrets import Secrets
from app.settings import Settings

NO_KEYS_SIMULATED = (
    "NO KEYS: only requests of this machine itself are answered, and all of them; "
    "`sre-agent keys create` makes a key, and from then on everybody needs one"
)
NO_KEYS_REAL = (
    "NO KEYS: hosts are real, so nobody is answered who shows nothing; "
    "`sre-agent keys create --role operator --name YOU` makes the first key"
)

_log = log.get(__name__)


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
    def of(
        cls, settings: Settings, database: Database, sources: Sources, secrets: Secrets
    ) -> Access:
        limits = SessionLimits(
            idle=settings.session_idle_seconds,
            whole=settings.session_max_seconds,
            oidc=settings.oidc_session_max_seconds,
        )
        return cls(
            keys=Keys(database),
            sessions=Sessions(database, limits),
            nonces=Nonces(database),
            logins=Logins(database),
            sources=sources,
            rates=Rates(settings),
            oidc=Oidc.of(settings, secrets),
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
    up = getattr(request.app.state, "service", None)
    now: Knocked | SreAgentError | None = None if up is None else up.now
    if now is None or isinstance(now, SreAgentError):
        raise now or EngineError("The service is starting.", hint="Try again in a moment.")
    return now


KnockedPart = Annotated[Knocked, Depends(service_of)]


async def say_who_may_knock(service: Knocked) -> None:
    """Tell the log, at the start, how open the door is."""
    if service.settings.oidc_issuer is not None:
        await _say_who_could_vote_twice(service)
    if not await service.access.keys.any():
        _log.warning(NO_KEYS_REAL if service.settings.enable_real_ssh else NO_KEYS_SIMULATED)
    for unusable in service.access.sources.unusable():
        _log.error("a source cannot prove itself with this secret", reason=unusable)
    for name, source in service.access.sources.sources.items():
        if source.weak:
            _log.warning(
                "a source proves itself weakly",
                source=name,
                kind=source.kind.value,
                autonomy_from_elsewhere=source.cap(local=False),
            )


async def _say_who_could_vote_twice(service: Knocked) -> None:
    """By a key or a token that does not say who they are at the provider where they log in too."""
    keys = [key for key in await service.access.keys.valid() if key.role is Role.APPROVER]
    untied = [f"key {key.id} of {key.name}" for key in keys if key.subject is None]
    approvers = service.policy.approvers.keys() - service.policy.approver_subjects.keys()
    untied += [f"token of {name}" for name in sorted(approvers)]
    if untied:
        _log.warning(
            "approvers who also log in at OIDC_ISSUER under another name have two votes: say who "
            "they are there, docs/howto/access.md",
            untied=untied,
        )
