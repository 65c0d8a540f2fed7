"""Whatever each role sends to whichever address: no server error, and only documented answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.audit.keys import Keys
from app.commands.demo import running
from app.domain.permission import Role
from app.models.database import Database
from tests.conftest import settings_of

CONFIGURATION = Path(__file__).with_name("schemathesis-roles.toml")
SECONDS = 300


@dataclass(frozen=True)
class Keyed:
    """A server with a key for each role."""

    url: str
    tokens: dict[Role, str]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    url = f"sqlite+aiosqlite:///{folder}/sre-agent.sqlite"
    environment = {
        "ENABLE_REAL_SSH": "false",
        "DATABASE_URL": url,
        "LOG_LEVEL": "ERROR",
        "RATE_LIMIT_PER_MINUTE": "1000000",
        "REFUSALS_PER_MINUTE": "1000000",
    }
    with running(environment, folder) as server:
        # made once and kept: schemathesis waits ten seconds for it, which a busy machine may need
        httpx.get(f"{server.url}/openapi.json", trust_env=False, timeout=60).raise_for_status()
        yield Keyed(server.url, asyncio.run(_keys(url)))


async def _keys(url: str) -> dict[Role, str]:
    database = Database(settings_of(url))
    try:
        return {role: (await Keys(database).create(role, role.value)).token for role in Role}
    finally:
        await database.close()


@pytest.mark.parametrize("role", Role)
def test_no_role_finds_a_server_error(keyed: Keyed, role: Role, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(CONFIGURATION),
        "run",
        f"{keyed.url}/openapi.json",
        "--header",
        f"Authorization: Bearer {keyed.tokens[role]}",
        "--suppress-health-check=all",
        "--warnings=off",
        "--no-color",
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
