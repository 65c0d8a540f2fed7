"""Logins under way at an identity provider: begun by one browser, taken once by the same."""

from __future__ import annotations

import hmac
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.tokens import hash_of
from app.audit.writing import Writer
from app.domain.value import Value
from app.models.access import OidcLogin
from app.models.database import database_now

LOGIN_SECONDS = 600


class LoginUnderWay(Value):
    """What the answer of the provider is compared with."""

    nonce: str
    code_verifier: str
    next_path: str


class Logins(Writer):
    """All logins under way."""

    async def begin(self, state: str, browser: str, login: LoginUnderWay) -> None:
        """Remember a login until its answer comes. `state` and `browser` are random tokens."""

        async def work(session: AsyncSession) -> None:
            now = await database_now(session)
            await session.execute(delete(OidcLogin).where(OidcLogin.expires_at <= now))
            session.add(
                OidcLogin(
                    state_hash=hash_of(state),
                    browser_hash=hash_of(browser),
                    nonce=login.nonce,
                    code_verifier=login.code_verifier,
                    next_path=login.next_path,
                    expires_at=now + timedelta(seconds=LOGIN_SECONDS),
                )
            )

        await self._write("The beginning of a login", work)

    async def take(self, state: str, browser: str) -> LoginUnderWay | None:
        """The login of a state, once. None: unknown, over, taken, or begun by another browser."""

        async def work(session: AsyncSession) -> LoginUnderWay | None:
            taken = delete(OidcLogin).where(OidcLogin.state_hash == hash_of(state))
            row = (await session.execute(taken.returning(OidcLogin))).scalar_one_or_none()
            if row is None or row.expires_at <= await database_now(session):
                return None
            if not hmac.compare_digest(row.browser_hash, hash_of(browser)):
                return None
            return LoginUnderWay(
                nonce=row.nonce, code_verifier=row.code_verifier, next_path=row.next_path
            )

        return await self._write("The answer to a login", work)
