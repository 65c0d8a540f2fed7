"""The gate and a real PostgreSQL: who may log in and do what, told and given back."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from app.execution.gate import postgres_access
from app.execution.gate.refusal import Failed
from tests.unit.execution.test_gate_postgres import PLACES, cluster, port_of, told, url

pytestmark = pytest.mark.postgres
__all__ = ["url"]  # a fixture, used by its name


@pytest.fixture
def clerk(url: str) -> Iterator[psycopg.Connection]:
    """A role `clerk` that may read one table, and a session of an administrator."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE ROLE clerk LOGIN PASSWORD 'x'")
        session.execute("CREATE TABLE ledger (n int PRIMARY KEY)")
        session.execute("GRANT SELECT, INSERT ON ledger TO clerk")
        yield session
        session.execute("DROP TABLE ledger")
        session.execute("DROP ROLE clerk")


def test_roles_and_rights_are_told(
    url: str, clerk: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    found = cluster(url, capsys)
    (role,) = [one for one in found.roles if one.name == "clerk"]
    assert (role.login, role.limit, role.until, role.expired) == (True, -1, "never", False)
    assert "postgres" not in [one.name for one in found.roles], "who rules others is left alone"
    (grant,) = [one for one in found.grants if one.role == "clerk"]
    assert (grant.table, grant.privileges) == ("public.ledger", "INSERT,SELECT")
    assert found.writes is True


def test_a_role_logs_in_as_it_could_and_that_is_undone(
    url: str, clerk: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    clerk.execute("ALTER ROLE clerk NOLOGIN CONNECTION LIMIT 1 VALID UNTIL '2020-01-02 03:04:05Z'")
    (role,) = [one for one in cluster(url, capsys).roles if one.name == "clerk"]
    narrow = (False, 1, "2020-01-02T03:04:05Z", True)
    assert (role.login, role.limit, role.until, role.expired) == narrow
    named: dict[str, str | int] = {"port": port_of(url), "role": "clerk"}
    postgres_access.postgres_role(named, PLACES)
    before = told(capsys)
    wanted: dict[str, str | int] = {"login": "yes", "limit": -1, "until": "never"}
    postgres_access.postgres_set_role(named | wanted, PLACES)
    told(capsys)
    postgres_access.postgres_role(named, PLACES)
    assert told(capsys) == {"exists": "yes", **wanted}
    was = {name: before[name] for name in ("login", "limit", "until")}
    postgres_access.postgres_set_role(named | was, PLACES)
    told(capsys)
    postgres_access.postgres_role(named, PLACES)
    assert told(capsys) == before


def test_rights_are_given_and_taken_back(
    url: str, clerk: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    clerk.execute("REVOKE INSERT ON ledger FROM clerk")
    database = url.rsplit("/", 1)[1].split("?")[0]
    named: dict[str, str | int] = {
        "port": port_of(url), "database": database, "table": "public.ledger", "role": "clerk",
    }  # fmt: skip
    postgres_access.postgres_grants(named, PLACES)
    assert told(capsys) == {"privileges": "SELECT"}
    postgres_access.postgres_grant(named | {"privileges": "INSERT"}, PLACES)
    told(capsys)
    postgres_access.postgres_grants(named, PLACES)
    assert told(capsys) == {"privileges": "INSERT,SELECT"}
    with pytest.raises(Failed, match=r"clerk has SELECT on public\.ledger already"):
        postgres_access.postgres_grant(named | {"privileges": "DELETE,SELECT"}, PLACES)
    with pytest.raises(Failed, match=r"clerk has no DELETE on public\.ledger"):
        postgres_access.postgres_revoke(named | {"privileges": "DELETE,SELECT"}, PLACES)
    postgres_access.postgres_revoke(named | {"privileges": "INSERT,SELECT"}, PLACES)
    told(capsys)
    postgres_access.postgres_grants(named, PLACES)
    assert told(capsys) == {"privileges": "none"}


def test_who_has_power_over_others_is_left_alone(
    url: str, clerk: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    clerk.execute("ALTER ROLE clerk SUPERUSER")
    named: dict[str, str | int] = {"port": port_of(url), "role": "clerk"}
    postgres_access.postgres_role(named, PLACES)
    assert told(capsys) == {"exists": "no"}
    wanted: dict[str, str | int] = {"login": "no", "limit": 0, "until": "never"}
    with pytest.raises(Failed, match="power over others"):
        postgres_access.postgres_set_role(named | wanted, PLACES)


@pytest.mark.parametrize("role", ['clerk"; DROP TABLE ledger; --', "a b", "clerk'--", ""])
def test_a_name_that_is_more_than_a_name_is_refused(url: str, role: str) -> None:
    with pytest.raises(Failed, match="no plain name"):
        postgres_access.postgres_role({"port": port_of(url), "role": role}, PLACES)


def test_a_database_takes_connections_as_it_did_and_that_is_undone(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE DATABASE tolls")
        try:
            session.execute("ALTER DATABASE tolls WITH ALLOW_CONNECTIONS false CONNECTION LIMIT 3")
            (door,) = [one for one in cluster(url, capsys).doors if one.name == "tolls"]
            assert (door.open, door.limit) == (False, 3)
            named: dict[str, str | int] = {"port": port_of(url), "database": "tolls"}
            back: dict[str, str | int] = {"open": "yes", "limit": -1}
            shut: dict[str, str | int] = {"open": "no", "limit": 3}
            for wanted in (back, shut):
                postgres_access.postgres_set_database({**named, **wanted}, PLACES)
                told(capsys)
                postgres_access.postgres_database(named, PLACES)
                assert told(capsys) == {"exists": "yes", **wanted}
            template: dict[str, str | int] = {"port": port_of(url), "database": "template0"}
            with pytest.raises(Failed, match="left alone"):
                postgres_access.postgres_set_database({**template, **back}, PLACES)
        finally:
            session.execute("DROP DATABASE tolls")
