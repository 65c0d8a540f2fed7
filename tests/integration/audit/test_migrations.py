"""Migrations as they are run: by hand, by two at once, from an installed wheel."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[3]


async def run(*argv: str, cwd: Path = ROOT, **environment: str) -> str:
    """Run a Python module's command to its end; what it said. Fails where it failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *argv,
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def test_two_servers_that_start_at_once_both_find_it_migrated(
    empty_database_url: str,
) -> None:
    upgrade = ("-m", "alembic", "-x", f"url={empty_database_url}", "upgrade", "head")
    said = await asyncio.gather(run(*upgrade), run(*upgrade))
    assert "".join(said).count("-> 0001") == 1
    said_of_check = await run("-m", "alembic", "-x", f"url={empty_database_url}", "check")
    assert "No new upgrade operations detected" in said_of_check


async def test_down_and_up_again(empty_database_url: str) -> None:
    for target in (("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")):
        await run("-m", "alembic", *target, DATABASE_URL=empty_database_url)


INSTALLED = """
import sys
from app.models.migrate import migrations_folder, upgrade
from app.settings import Settings
upgrade(Settings(database_url=sys.argv[1], _env_file=None))
print(migrations_folder())
"""


def test_an_installed_wheel_brings_its_migrations(tmp_path: Path) -> None:
    asyncio.run(run("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)))
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with ZipFile(wheel) as files:
        files.extractall(installed)
    url = f"sqlite:///{tmp_path}/x.sqlite"
    said = asyncio.run(run("-c", INSTALLED, url, cwd=tmp_path, PYTHONPATH=str(installed)))
    assert said.strip() == str(installed / "app" / "migrations")
