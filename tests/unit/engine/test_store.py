"""Where the engine keeps its tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.store import sibling_file, store_url
from app.errors import ConfigurationError
from app.settings import Settings


def settings(url: str) -> Settings:
    return Settings(database_url=url, _env_file=None)


def test_a_sibling_of_the_sqlite_file_whose_folder_is_made(tmp_path: Path) -> None:
    url = store_url(settings(f"sqlite:///{tmp_path}/var/sre-agent.sqlite"))
    assert url == f"sqlite:///{tmp_path}/var/sre-agent.dbos.sqlite"
    assert (tmp_path / "var").is_dir()


@pytest.mark.parametrize(
    ("given", "sibling"),
    [("a.sqlite", "a.dbos.sqlite"), ("a", "a.dbos.sqlite"), ("a.db", "a.dbos.db")],
)
def test_siblings(given: str, sibling: str) -> None:
    assert sibling_file(Path(given)) == Path(sibling)


def test_postgresql_is_the_same_database() -> None:
    url = "postgresql+psycopg://user@db/agent"
    assert store_url(settings(url)) == url


def test_memory_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="must survive a restart"):
        store_url(settings("sqlite:///:memory:"))
