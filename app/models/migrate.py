"""Migrations: where they lie, which is the newest, and applying them at the start of the server."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.errors import DatabaseNotReady
from app.settings import Settings

PACKAGE = Path(__file__).resolve().parents[1]


def migrations_folder() -> Path:
    """Beside the package in a checkout, inside it in an installed wheel (see pyproject.toml)."""
    for folder in (PACKAGE.parent / "migrations", PACKAGE / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise DatabaseNotReady(
        f"No migrations lie beside {PACKAGE} or in it.",
        hint="Install the package anew, or run from a checkout.",
    )


def alembic_config(settings: Settings | None = None) -> Config:
    """What alembic.ini says, without the file; `settings` go to migrations/env.py."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["settings"] = settings
    return config


@cache
def head_revision() -> str:
    """The revision that this version of the code needs. Readiness is asked often: read once."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert head is not None, "migrations/versions is empty"
    return head


def current_revision(connection: Connection) -> str | None:
    """The revision of a database; None where no migration ran yet."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(settings: Settings) -> None:
    """Bring the database to `head_revision()`. Two processes may do so at the same time.

    For start-up, before there is an event loop; raises DatabaseNotReady.
    """
    try:
        command.upgrade(alembic_config(settings), "head")
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DatabaseNotReady(
            f"The database {settings.database_url_shown} cannot be migrated: {reason}",
            hint="Check DATABASE_URL and that the database runs.",
        ) from error
