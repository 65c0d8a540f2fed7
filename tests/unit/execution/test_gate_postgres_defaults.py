"""The gate and a real PostgreSQL: what sessions begin with, and sequences behind their tables."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from app.execution.catalog import Catalog
from app.execution.gate import postgres_defaults, postgres_sequences, postgres_system
from app.execution.gate.parameters import check
from app.execution.gate.refusal import Failed
from app.host.database_facts import PostgresSequenceFacts
from tests.unit.execution.test_gate_postgres import PLACES, cluster, port_of, told, url

pytestmark = pytest.mark.postgres
__all__ = ["url"]  # a fixture, used by its name


@pytest.fixture
def session(url: str) -> Iterator[psycopg.Connection]:
    """An administrator's, with a role `teller` and a table whose rows are numbered."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE ROLE teller LOGIN")
        session.execute("CREATE TABLE receipts (number serial PRIMARY KEY, what text)")
        session.execute("INSERT INTO receipts (what) SELECT 'x' FROM generate_series(1, 40)")
        yield session
        session.execute("DROP TABLE receipts")
        session.execute("DROP OWNED BY teller; DROP ROLE teller")


def database_of(url: str) -> str:
    return url.rsplit("/", 1)[1].split("?")[0]


def named(url: str, **more: str | int) -> dict[str, str | int]:
    asked: dict[str, str | int] = {"port": port_of(url), "role": "teller", "database": "*"}
    return asked | more


@pytest.mark.parametrize(
    ("name", "was", "now"),
    [
        ("search_path", '"$user",public', "archive"),
        ("statement_timeout", "none", "3ms"),
        ("default_transaction_read_only", "none", "on"),
    ],
)
def test_a_default_is_told_set_back_and_that_is_undone(
    url: str,
    session: psycopg.Connection,
    capsys: pytest.CaptureFixture[str],
    name: str,
    was: str,
    now: str,
) -> None:
    session.execute(f"ALTER ROLE teller SET {name} TO '{now}'")
    (seen,) = cluster(url, capsys).defaults
    assert (seen.role, seen.database, seen.name, seen.value) == ("teller", "*", name, now)
    asked = named(url, name=name)
    fits = Catalog.load().types["session_value"]
    for value in (was, now):
        assert check("value", value, fits) == value, "else it could be told and never be given back"
        postgres_defaults.postgres_set_default(asked | {"value": value}, PLACES)
        told(capsys)
        postgres_defaults.postgres_default(asked, PLACES)
        assert told(capsys) == {"value": value}
    with psycopg.connect(f"{url}?user=teller") as own:
        found = own.execute(f"SHOW {name}").fetchone()
    assert found is not None
    assert str(found[0]) == now


@pytest.mark.parametrize("role", ["*", "teller"])
def test_a_default_of_one_database_is_set_and_set_no_more(
    url: str, session: psycopg.Connection, capsys: pytest.CaptureFixture[str], role: str
) -> None:
    asked = named(url, role=role, database=database_of(url), name="lock_timeout")
    for value in ("7s", "none"):
        postgres_defaults.postgres_set_default(asked | {"value": value}, PLACES)
        told(capsys)
        postgres_defaults.postgres_default(asked, PLACES)
        assert told(capsys) == {"value": value}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "session_preload_libraries", "value": "none"}, "none of the defaults"),
        ({"name": "search_path", "value": "a; DROP TABLE receipts"}, "no plain list"),
        ({"name": "lock_timeout", "value": "1'; DROP TABLE receipts; --"}, "no plain value"),
        ({"name": "lock_timeout", "value": "1s", "role": "postgres"}, "power over others"),
        ({"name": "lock_timeout", "value": "1s", "role": 'x" SUPERUSER'}, "no plain name"),
        ({"name": "lock_timeout", "value": "1s", "database": "a b"}, "no plain name"),
    ],
)
def test_a_default_that_is_more_than_one_is_refused(
    url: str, session: psycopg.Connection, change: dict[str, str | int], why: str
) -> None:
    with pytest.raises(Failed, match=why):
        postgres_defaults.postgres_set_default(named(url) | change, PLACES)


def test_only_idle_sessions_of_the_role_begin_anew(
    url: str, session: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        psycopg.connect(f"{url}?user=teller", autocommit=True) as idle,
        psycopg.connect(f"{url}?user=teller") as working,
    ):
        idle.execute("SELECT 1")
        working.execute("SELECT 1")  # in a transaction
        postgres_defaults.postgres_renew_sessions(named(url), PLACES)
        assert told(capsys) == {"ended": 1}
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
        assert working.execute("SELECT 1").fetchone() == (1,)
    assert session.execute("SELECT 1").fetchone() == (1,)
    postgres_defaults.postgres_renew_sessions(named(url), PLACES)
    assert told(capsys) == {"ended": 0}, "nobody there is no failure"


def test_a_sequence_behind_its_table_is_told_and_goes_on_above_it(
    url: str, session: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cluster(url, capsys).behind == ()
    session.execute("SELECT setval('receipts_number_seq', 12)")
    (late,) = cluster(url, capsys).behind
    assert (late.sequence, late.table) == ("public.receipts_number_seq", "public.receipts")
    assert (late.column, late.next, late.highest) == ("number", 13, 40)
    asked = named(url, database=database_of(url), sequence=late.sequence)
    assert state(asked, capsys).state == "behind"
    postgres_sequences.postgres_advance_sequence(asked, PLACES)
    told(capsys)
    assert state(asked, capsys).state == "ahead"
    taken = session.execute("INSERT INTO receipts (what) VALUES ('y') RETURNING number").fetchone()
    assert taken == (41,)
    with pytest.raises(Failed, match="not behind"):
        postgres_sequences.postgres_advance_sequence(asked, PLACES)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE receipts DROP CONSTRAINT receipts_pkey",  # numbers need not be unique
        "ALTER SEQUENCE receipts_number_seq INCREMENT BY -1 MINVALUE -100",
        "ALTER SEQUENCE receipts_number_seq OWNED BY NONE",
        "ALTER SEQUENCE receipts_number_seq MAXVALUE 40",  # there is no number above
        "DELETE FROM receipts",
    ],
)
def test_a_sequence_that_nothing_holds_against_its_table_is_left_alone(
    url: str, session: psycopg.Connection, capsys: pytest.CaptureFixture[str], statement: str
) -> None:
    session.execute("SELECT setval('receipts_number_seq', 12)")
    session.execute(statement)
    assert cluster(url, capsys).behind == ()
    asked = named(url, database=database_of(url), sequence="public.receipts_number_seq")
    with pytest.raises(Failed, match=r"numbers no column|not behind"):
        postgres_sequences.postgres_advance_sequence(asked, PLACES)


def test_a_table_that_somebody_holds_hides_nothing_else(
    url: str, session: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    session.execute("SELECT setval('receipts_number_seq', 12)")
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE receipts IN ACCESS EXCLUSIVE MODE")
        seen = cluster(url, capsys)
    # The server is shared: a migrated database of other tests may stand beside this one.
    own = database_of(url)
    assert [one for one in seen.behind if one.database == own] == []
    assert [one for one in seen.tables if one.database == own] == []
    assert own in seen.tables_unseen
    assert "public.receipts" in {index.table for index in seen.indexes}
    assert seen.not_looked_at == ()


@pytest.mark.parametrize("how", ["DELETE FROM receipts", "TRUNCATE receipts"])
def test_a_table_without_a_row_is_told(
    url: str, session: psycopg.Connection, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    def empty() -> bool | None:
        own = [t for t in cluster(url, capsys).tables if t.database == database_of(url)]
        return {t.table: t.empty for t in own}["public.receipts"]

    assert empty() is False
    session.execute(how)
    session.execute("SELECT pg_stat_force_next_flush()")
    assert empty() is True


def state(asked: dict[str, str | int], capsys: pytest.CaptureFixture[str]) -> PostgresSequenceFacts:
    postgres_sequences.postgres_sequence(asked, PLACES)
    return PostgresSequenceFacts.model_validate(told(capsys))


def test_what_alter_system_has_set_is_told_and_set_as_it_was(
    url: str, session: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cluster(url, capsys).system == {}
    session.execute("ALTER SYSTEM SET work_mem = '96kB'")
    assert cluster(url, capsys).system == {"work_mem": "96kB"}
    asked: dict[str, str | int] = {"port": port_of(url), "name": "work_mem"}
    for value in ("2MB", "none"):
        postgres_system.postgres_set_system(asked | {"value": value}, PLACES)
        told(capsys)
        postgres_system.postgres_system(asked, PLACES)
        assert told(capsys) == {"value": value}
    assert cluster(url, capsys).system == {}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("archive_command", "x", "none of the settings"),
        ("shared_preload_libraries", "none", "none of the settings"),
        ("work_mem", "1'; DROP TABLE receipts", "no plain value"),
    ],
)
def test_nothing_else_is_set_with_alter_system(url: str, name: str, value: str, why: str) -> None:
    asked: dict[str, str | int] = {"port": port_of(url), "name": name, "value": value}
    with pytest.raises(Failed, match=why):
        postgres_system.postgres_set_system(asked, PLACES)
