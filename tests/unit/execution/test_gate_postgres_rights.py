"""The gate and a real PostgreSQL: what keeps a role from what it was given, told and mended."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from app.execution.gate import postgres_rights
from app.execution.gate.refusal import Failed
from tests.unit.execution.test_gate_postgres import PLACES, cluster, port_of, told, url

pytestmark = pytest.mark.postgres
__all__ = ["url"]  # a fixture, used by its name


@pytest.fixture
def archive(url: str) -> Iterator[psycopg.Connection]:
    """A schema whose table a role `scribe` may write, by a group, and who rules the database."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE ROLE scribes; CREATE ROLE scribe LOGIN; GRANT scribes TO scribe")
        session.execute("CREATE ROLE passer_by LOGIN")
        session.execute("CREATE SCHEMA archive; GRANT USAGE ON SCHEMA archive TO PUBLIC")
        session.execute("CREATE TABLE archive.folios (n serial PRIMARY KEY)")
        session.execute("GRANT INSERT ON archive.folios TO scribes")
        session.execute("GRANT USAGE ON SEQUENCE archive.folios_n_seq TO scribes")
        session.execute("CREATE FUNCTION archive.tally() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        yield session
        session.execute("GRANT CONNECT, TEMPORARY ON DATABASE " + database(url) + " TO PUBLIC")
        session.execute("DROP SCHEMA archive CASCADE")
        session.execute("DROP OWNED BY scribe, scribes, passer_by")
        session.execute("DROP ROLE scribe; DROP ROLE scribes; DROP ROLE passer_by")


def database(url: str) -> str:
    return url.rsplit("/", 1)[1].split("?")[0]


def barred(url: str, capsys: pytest.CaptureFixture[str]) -> set[tuple[str, str, str, str]]:
    found = cluster(url, capsys).barred
    assert found is not None
    return {
        (one.of, one.name, one.right, one.role)
        for one in found
        if one.role in ("scribe", "passer_by")
    }


def test_who_may_use_all_that_it_was_given_lacks_nothing(
    url: str, archive: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert barred(url, capsys) == set()


LOST = [
    ("REVOKE ALL ON SCHEMA archive FROM PUBLIC", "schema", "archive", "USAGE"),
    ("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC", "database", "{database}", "CONNECT"),
    ("REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC", "database", "{database}", "TEMPORARY"),
    (
        "REVOKE USAGE ON SEQUENCE archive.folios_n_seq FROM scribes",
        "sequence", "archive.folios_n_seq", "USAGE",
    ),
    (
        "REVOKE EXECUTE ON FUNCTION archive.tally FROM PUBLIC",
        "function", "archive.tally", "EXECUTE",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "of", "name", "right"), LOST, ids=[x[3] for x in LOST])
def test_a_right_is_missed_by_who_needs_it_given_and_taken_back(
    url: str,
    archive: psycopg.Connection,
    capsys: pytest.CaptureFixture[str],
    statement: str,
    of: str,
    name: str,
    right: str,
) -> None:
    name = name.format(database=database(url))
    archive.execute(statement.format(database=database(url)).encode())
    assert barred(url, capsys) == {(of, name, right, "scribe")}, "passers-by need nothing"
    asked: dict[str, str | int] = {
        "port": port_of(url), "database": database(url), "of": of, "name": name, "right": right,
        "role": "scribe",
    }  # fmt: skip
    lacking = {"exists": "yes", "held": "no", "given": "no"}
    postgres_rights.postgres_right(asked, PLACES)
    assert told(capsys) == lacking
    with pytest.raises(Failed, match="was not given"):
        postgres_rights.postgres_take_right(asked, PLACES)
    postgres_rights.postgres_give_right(asked, PLACES)
    told(capsys)
    assert barred(url, capsys) == set()
    postgres_rights.postgres_right(asked | {"role": "passer_by"}, PLACES)
    assert told(capsys) == lacking, "nobody else was given it"
    with pytest.raises(Failed, match="already"):
        postgres_rights.postgres_give_right(asked, PLACES)
    postgres_rights.postgres_take_right(asked, PLACES)
    told(capsys)
    postgres_rights.postgres_right(asked, PLACES)
    assert told(capsys) == lacking


def test_what_is_open_to_everybody_is_nobodys_need(
    url: str, archive: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.execute("GRANT SELECT ON archive.folios TO PUBLIC")
    archive.execute("REVOKE USAGE ON SCHEMA archive FROM PUBLIC")
    archive.execute("GRANT USAGE ON SCHEMA archive TO scribes")
    assert barred(url, capsys) == set()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"role": "postgres"}, "power over others"),
        ({"role": "nobody_there"}, "left alone"),
        ({"name": "pg_catalog"}, "left alone"),
        ({"name": 'archive" TO PUBLIC; --'}, "no plain name"),
        ({"role": "scribe; --"}, "no plain name"),
        ({"right": "CREATE"}, "not given here"),
    ],
)
def test_more_than_that_is_refused(
    url: str, archive: psycopg.Connection, changed: dict[str, str | int], why: str
) -> None:
    asked: dict[str, str | int] = {
        "port": port_of(url), "database": database(url), "of": "schema", "name": "archive",
        "right": "USAGE", "role": "scribe",
    }  # fmt: skip
    with pytest.raises(Failed, match=why):
        postgres_rights.postgres_give_right(asked | changed, PLACES)


def test_of_two_functions_with_one_name_none_is_meant(
    url: str, archive: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.execute("REVOKE EXECUTE ON FUNCTION archive.tally FROM PUBLIC")
    archive.execute("CREATE FUNCTION archive.tally(int) RETURNS int LANGUAGE sql AS 'SELECT 2'")
    assert barred(url, capsys) == set()
