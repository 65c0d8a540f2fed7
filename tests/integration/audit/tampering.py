"""What somebody can do who has all rights over the database, and not the audit's key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import guards
from app.models.database import Database


async def lift_guards(session: AsyncSession) -> None:
    """Drop every trigger of the audit."""
    connection = await session.connection()
    await connection.run_sync(guards.remove)


async def put_guards_back(session: AsyncSession) -> None:
    """Leave no trace but the change itself."""
    connection = await session.connection()
    await connection.run_sync(guards.install)


async def tamper(database: Database, *statements: str, **values: Any) -> None:
    """Run statements with the guards lifted; nobody else ever sees the database without them."""
    async with database.transaction() as session:
        await lift_guards(session)
        for statement in statements:
            await session.execute(text(statement), values)
        await put_guards_back(session)
