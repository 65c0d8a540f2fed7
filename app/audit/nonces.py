"""Nonces of signed deliveries: each is taken once, whichever process the delivery reached."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.writing import Writer
from app.models.access import WebhookNonce
from app.models.database import database_now


class Nonces(Writer):
    """The nonces that were used lately."""

    async def take(self, source: str, key_id: str, nonce: str, *, keep_seconds: int) -> bool:
        """Use a nonce. False: it was used before. Those that no window reaches are cleared."""

        async def work(session: AsyncSession) -> bool:
            now = await database_now(session)
            await session.execute(delete(WebhookNonce).where(WebhookNonce.expires_at <= now))
            if await session.get(WebhookNonce, (source, key_id, nonce)) is not None:
                return False
            session.add(
                WebhookNonce(
                    source=source,
                    key_id=key_id,
                    nonce=nonce,
                    expires_at=now + timedelta(seconds=keep_seconds),
                )
            )
            # of two at once the primary key lets one through; the other looks again and sees it
            await session.flush()
            return True

        return await self._write("The nonce of a delivery", work)
