"""A database of the version before: what had ended stays, what waited or ran goes on.

The version before is run as it was: its files come from the repository's history.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.domain.approval import Vote
from app.domain.execution import ExecutionStatus, Outcome
from app.domain.verdict import Verdict
from app.engine.workflows import GRAPH_EPOCH
from app.models.database import Database
from app.models.migrate import upgrade
from app.settings import Settings
from tests.conftest import settings_of
from tests.integration.engine.conftest import Site
from tests.integration.engine.world import Folder

BEFORE = "4c0a9e38e38fd0424830483934970a43ca9a2636"
"""The last version in which one process was all there was."""

PROJECT = Path(__file__).parents[3]

_AGENT = """
import asyncio, sys
from pathlib import Path
from app.audit.journal import Journal
from app.domain.verdict import Verdict
from app.models.database import Database
from app.models.migrate import upgrade
from app.settings import Settings
from tests.integration.engine import service
from tests.integration.engine.world import incident

url, folder, output, verdict, number = sys.argv[1:]
settings = Settings(database_url=url, _env_file=None)
upgrade(settings)

async def accept():
    database = Database(settings)
    await Journal(database).accept(incident(number), {}, simulated=False, max_active=9)
    await database.close()

asyncio.run(accept())
print("accepted", flush=True)
service.run(url, Path(folder), Path(output), Verdict(verdict), "repair")
"""


class Before:
    """The version before, in a folder of its own, on this test's database and host."""

    def __init__(self, tree: Path, url: str, folder: Path, output: Path) -> None:
        self._tree = tree
        self._given = (url, str(folder), str(output))

    def hand_over_keys(self, settings: Settings) -> None:
        """On PostgreSQL the audit's keys lie under the working directory, and ours is another."""
        old, new = self._tree / settings.audit_keys_at, settings.audit_keys_at
        if old != new.absolute():
            new.parent.mkdir(exist_ok=True)
            shutil.copy2(old, new)

    @contextmanager
    def agent(self, number: str, verdict: Verdict) -> Iterator[None]:
        """It takes on one incident and works; killed at the end."""
        agent = subprocess.Popen(
            [sys.executable, "-c", _AGENT, *self._given, verdict.value, number],
            cwd=self._tree,
            env=os.environ | {"PYTHONPATH": str(self._tree)},
            stdout=subprocess.PIPE,
        )
        try:
            assert agent.stdout is not None
            assert agent.stdout.readline() == b"accepted\n"
            yield
        finally:
            agent.send_signal(signal.SIGKILL)
            agent.communicate()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the version before."""
    folder = tmp_path_factory.mktemp("before")
    packed = subprocess.run(
        ["git", "archive", BEFORE, "app", "migrations", "tests"],
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )
    if packed.returncode != 0:
        pytest.skip("the history of the repository is not here")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    # the graph is this test's and the same in both, so both have one epoch
    durable = folder / "app" / "engine" / "durable.py"
    named, count = re.subn(
        r"^GRAPH_EPOCH = .*$", f'GRAPH_EPOCH = "{GRAPH_EPOCH}"', durable.read_text(), flags=re.M
    )
    assert count == 1
    durable.write_text(named)
    return folder


@pytest.fixture
async def old_site(empty_database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A database without tables yet, and a broken host."""
    database = Database(settings_of(empty_database_url))
    folder = Folder.broken(tmp_path / "alpha")
    site = Site(empty_database_url, database, folder, tmp_path)
    yield site
    await site.close()
    await database.close()


async def test_what_had_ended_stays_and_the_rest_goes_on(
    tree: Path, old_site: Site, tmp_path: Path
) -> None:
    site = old_site
    before = Before(tree, site.url, site.folder.path, tmp_path / "before.log")
    with before.agent("INC0000001", Verdict.ALLOW):
        await site.folder.until("end", seconds=90)
        assert (await site.ended(1, seconds=90)).outcome is Outcome.RESOLVED
    site.folder.break_again()
    with before.agent("INC0000002", Verdict.NEEDS_APPROVAL):
        question = await site.asked(2, seconds=90)
    site.folder.hold()
    with before.agent("INC0000003", Verdict.ALLOW):
        await site.folder.until("start exe-3", seconds=90)

    settings = settings_of(site.url)
    before.hand_over_keys(settings)
    await asyncio.to_thread(upgrade, settings)
    await site.agent()
    site.folder.let_go()
    assert (await site.ended(3, seconds=90)).outcome is Outcome.RESOLVED
    site.folder.break_again()
    await site.vote(question, Vote.APPROVE)
    assert (await site.ended(2, seconds=90)).outcome is Outcome.RESOLVED
    finished = await site.ended(1)
    assert (finished.status, finished.outcome) == (ExecutionStatus.COMPLETED, Outcome.RESOLVED)
    begun = [line.split()[1] for line in site.folder.started()]
    assert len(begun) == len(set(begun)) == 3
