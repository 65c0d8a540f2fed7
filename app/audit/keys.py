"""API keys: made, shown once, found again by their hash, revoked.

A key is `sre_<key id>_<secret>`. The id may be shown and logged, the secret is kept as a hash only.
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.tokens import fresh_token, hash_of
from app.audit.writing import Writer
from app.domain.access import ApiKeyInfo
from app.domain.permission import Role
from app.domain.value import Value
from app.errors import Conflict, NotFound
from app.models.access import ApiKey, WebSession
from app.models.database import database_now

SHAPE = re.compile(r"sre_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
SEEN_EVERY_SECONDS = 60
"""How exact `last_used_at` is: not every request writes."""


class MadeKey(Value):
    """A new key. `token` is said here and never again."""

    info: ApiKeyInfo
    token: str


class Keys(Writer):
    """All API keys."""

    async def create(
        self,
        role: Role,
        name: str,
        *,
        subject: str | None = None,
        expires_after: timedelta | None = None,
    ) -> MadeKey:
        """Make a key for somebody. `subject`: who that is at the identity provider.

        `expires_after` None: it does not expire.
        """
        key_id, secret = secrets.token_hex(6), fresh_token()

        async def work(session: AsyncSession) -> ApiKeyInfo:
            now = await database_now(session)
            row = ApiKey(
                key_id=key_id,
                secret_hash=hash_of(secret),
                role=role,
                name=name,
                subject=subject,
                created_at=now,
                expires_at=None if expires_after is None else now + expires_after,
            )
            session.add(row)
            await session.flush()
            await session.refresh(row)
            return info_of(row)

        info = await self._write(f"The key of {name}", work)
        return MadeKey(info=info, token=f"sre_{key_id}_{secret}")

    async def find(self, token: str) -> ApiKeyInfo | None:
        """The key that a token is, while it is valid. None: there is none; why is not said."""
        shape = SHAPE.fullmatch(token)
        if shape is None:
            return None
        async with self._database.reading() as session:
            wanted = select(ApiKey).where(ApiKey.key_id == shape[1])
            row = (await session.execute(wanted)).scalar_one_or_none()
            now = await database_now(session)
        if row is None or not hmac.compare_digest(row.secret_hash, hash_of(shape[2])):
            return None
        if not is_valid(row, now):
            return None
        if _is_stale(row.last_used_at, now):
            await self._touch(row.id)
        return info_of(row)

    async def any(self) -> bool:
        """Whether a key was ever made. Revoked ones count: revoking must not open the door."""
        async with self._database.reading() as session:
            return bool((await session.execute(select(exists().select_from(ApiKey)))).scalar())

    async def listed(self) -> tuple[ApiKeyInfo, ...]:
        """Every key, oldest first."""
        async with self._database.reading() as session:
            rows = (await session.execute(select(ApiKey).order_by(ApiKey.id))).scalars().all()
            return tuple(info_of(row) for row in rows)

    async def valid(self) -> tuple[ApiKeyInfo, ...]:
        """The keys that are neither revoked nor expired, oldest first."""
        async with self._database.reading() as session:
            rows = (await session.execute(select(ApiKey).order_by(ApiKey.id))).scalars().all()
            now = await database_now(session)
            return tuple(info_of(row) for row in rows if is_valid(row, now))

    async def revoke(self, number: int) -> ApiKeyInfo:
        """End a key and the sessions that were begun with it. Raises NotFound, Conflict."""

        async def work(session: AsyncSession) -> ApiKeyInfo:
            row = await session.get(ApiKey, number, with_for_update=True)
            if row is None:
                raise NotFound(f"There is no key {number}.", hint="`sre-agent keys list` has them.")
            now = await database_now(session)
            if row.revoked_at is not None:
                raise Conflict(f"Key {number} was revoked at {row.revoked_at:%Y-%m-%d %H:%M} UTC.")
            row.revoked_at = now
            of_the_key = update(WebSession).where(WebSession.api_key_id == number)
            await session.execute(of_the_key.values(expires_at=now))
            await session.flush()
            return info_of(row)

        return await self._write(f"The revoking of key {number}", work)

    async def _touch(self, number: int) -> None:
        async def work(session: AsyncSession) -> None:
            row = await session.get(ApiKey, number, with_for_update=True)
            if row is not None:
                row.last_used_at = await database_now(session)

        await self._write(f"The use of key {number}", work)


def is_valid(row: ApiKey, now: datetime) -> bool:
    """Neither revoked nor expired."""
    return row.revoked_at is None and (row.expires_at is None or now < row.expires_at)


def _is_stale(seen: datetime | None, now: datetime) -> bool:
    return seen is None or (now - seen).total_seconds() >= SEEN_EVERY_SECONDS


def info_of(row: ApiKey) -> ApiKeyInfo:
    return ApiKeyInfo(
        id=row.id,
        key_id=row.key_id,
        role=row.role,
        name=row.name,
        subject=row.subject,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
