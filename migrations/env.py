"""Runs migrations over the same asynchronous engine as the service, one process at a time."""

from __future__ import annotations

import asyncio
from logging.config import fileConfig
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, event, text
from sqlalchemy.types import TypeDecorator

from app.models import guards
from app.models.base import Base
from app.models.database import open_engine
from app.models.migrate import head_revision
from app.settings import Settings

ONE_AT_A_TIME = 7_365_218  # any number; the key of PostgreSQL's advisory lock


def settings() -> Settings:
    """From upgrade() in app/models/migrate.py, from `-x url=...`, or as the service has them."""
    given = context.config.attributes.get("settings")
    if isinstance(given, Settings):
        return given
    url = context.get_x_argument(as_dictionary=True).get("url")
    return Settings(database_url=url) if isinstance(url, str) else Settings()


def plain_types(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write SQLAlchemy's own types into migrations: ours may change, a migration may not."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


def suspend_foreign_keys(connection: Any, _record: Any) -> None:
    """SQLite changes a table by making it anew; rows that point to it must wait for that."""
    connection.execute("PRAGMA foreign_keys=OFF")


def goes_elsewhere(revision: str | None) -> bool:
    """Whether this command leaves the revision; `check` and the like go nowhere."""
    try:
        return context.get_revision_argument() != revision
    except KeyError:
        return False


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=plain_types,
        render_as_batch=connection.dialect.name == "sqlite",  # it cannot alter columns in place
        transactional_ddl=True,  # SQLite can, too: a migration that fails leaves nothing behind
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"))
        moving = goes_elsewhere(context.get_context().get_current_revision())
        if moving:  # they know columns by name, and refuse to let rows be copied and dropped
            guards.remove(connection)
        context.run_migrations()
        if moving and context.get_context().get_current_revision() == head_revision():
            guards.install(connection)
        if connection.dialect.name == "sqlite":
            broken = connection.execute(text("PRAGMA foreign_key_check")).all()
            if broken:
                raise RuntimeError(f"the migration would leave rows without their parent: {broken}")


async def run() -> None:
    engine = open_engine(settings())
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", suspend_foreign_keys)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)
asyncio.run(run())
