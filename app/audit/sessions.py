"""Sessions of the page: a row each, found by the hash of what the cookie holds.

A session ends when it was idle for too long, when its time is over, when somebody logs out, and
with the key that it was begun with. What an identity provider takes back it does not tell us: its
people's sessions are short instead, and each login asks it anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.keys import SEEN_EVERY_SECONDS, is_valid
from app.audit.tokens import fresh_token, hash_of
from app.audit.writing import Writer
from app.domain.access import How
from app.domain.permission import Role
from app.domain.value import Value
from app.models.access import ApiKey, WebSession
from app.models.base import DatabaseNow
from app.models.database import Database, database_now


class SessionLimits(Value):
    """How long a session lasts, in seconds."""

    idle: int
    whole: int
    oidc: int  # the whole, where roles come from an identity provider, which may take them away

    def whole_of(self, how: How) -> int:
        """How long one lasts at most that was begun by this proof."""
        return min(self.whole, self.oidc) if how is How.OIDC else self.whole


class Login(Value):
    """Who logs in, and by what."""

    person: str
    role: Role
    how: How
    subject: str | None = None  # at the identity provider
    api_key_id: int | None = None
    credential_hash: str | None = None  # of an approver's token
    not_after: datetime | None = None  # the key's own end


class Session(Value):
    """Somebody who is logged in."""

    person: str
    role: Role
    how: How
    subject: str | None
    credential_hash: str | None
    expires_at: datetime  # at the latest


class Sessions(Writer):
    """All sessions."""

    def __init__(self, database: Database, limits: SessionLimits) -> None:
        super().__init__(database)
        self._limits = limits

    async def begin(self, login: Login) -> str:
        """A new session; what its cookie holds. Sessions that are over are cleared away."""
        token = fresh_token()

        async def work(session: AsyncSession) -> None:
            now = await database_now(session)
            idle_since = now - timedelta(seconds=self._limits.idle)
            over = or_(WebSession.expires_at <= now, WebSession.last_seen_at <= idle_since)
            await session.execute(delete(WebSession).where(over))
            end = now + timedelta(seconds=self._limits.whole_of(login.how))
            session.add(
                WebSession(
                    token_hash=hash_of(token),
                    person=login.person,
                    role=login.role,
                    how=login.how,
                    subject=login.subject,
                    api_key_id=login.api_key_id,
                    credential_hash=login.credential_hash,
                    last_seen_at=now,
                    expires_at=min(end, login.not_after or end),
                )
            )

        await self._write(f"The session of {login.person}", work)
        return token

    async def find(self, token: str) -> Session | None:
        """The session of a cookie, while it lasts."""
        token_hash = hash_of(token)
        async with self._database.reading() as session:
            row = await session.get(WebSession, token_hash)
            if row is None:
                return None
            now = await database_now(session)
            key = await session.get(ApiKey, row.api_key_id) if row.api_key_id else None
        idle = (now - row.last_seen_at).total_seconds()
        if now >= row.expires_at or idle >= self._limits.idle:
            return None
        if row.api_key_id is not None and (key is None or not is_valid(key, now)):
            return None
        if idle >= min(SEEN_EVERY_SECONDS, self._limits.idle / 4):
            await self._touch(token_hash)
        return Session(
            person=row.person,
            role=row.role,
            how=row.how,
            subject=row.subject,
            credential_hash=row.credential_hash,
            expires_at=row.expires_at,
        )

    async def end(self, token: str) -> None:
        """Log out. A session that is over already stays so."""

        async def work(session: AsyncSession) -> None:
            its_own = delete(WebSession).where(WebSession.token_hash == hash_of(token))
            await session.execute(its_own)

        await self._write("The end of a session", work)

    async def _touch(self, token_hash: str) -> None:
        async def work(session: AsyncSession) -> None:
            its_own = update(WebSession).where(WebSession.token_hash == token_hash)
            await session.execute(its_own.values(last_seen_at=DatabaseNow()))

        await self._write("The use of a session", work)
