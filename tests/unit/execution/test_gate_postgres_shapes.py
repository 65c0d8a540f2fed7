"""The gate and a real PostgreSQL: how tables are made."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.unit.execution.test_gate_postgres import cluster, url
from tests.unit.execution.test_gate_postgres_defaults import database_of

pytestmark = pytest.mark.postgres
__all__ = ["url"]  # a fixture, used by its name


@pytest.fixture
def session(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(
            "CREATE TABLE tolls (id int PRIMARY KEY, plate text, secret text DEFAULT 'x')"
        )
        yield session
        session.execute("DROP TABLE tolls")
        session.execute("DROP FUNCTION IF EXISTS refuse()")


FUNCTION = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
)


@pytest.mark.parametrize(
    ("statements", "gained", "lost"),
    [
        (
            [FUNCTION, "CREATE TRIGGER halt BEFORE INSERT ON tolls EXECUTE FUNCTION refuse()"],
            "trigger halt BEFORE INSERT ON public.tolls FOR EACH STATEMENT EXECUTE FUNCTION",
            None,
        ),
        (["ALTER TABLE tolls ADD COLUMN lane int"], "column lane integer", None),
        (
            ["ALTER TABLE tolls ALTER COLUMN plate SET NOT NULL"],
            "column plate text not null",
            "column plate text",
        ),
        (["ALTER TABLE tolls DROP COLUMN plate"], None, "column plate text"),
        (
            ["ALTER TABLE tolls ADD CONSTRAINT short CHECK (length(plate) < 4) NOT VALID"],
            "constraint short CHECK ((length(plate) < 4))",
            None,
        ),
        (["ALTER TABLE tolls ENABLE ROW LEVEL SECURITY"], "row level security", None),
    ],
)
def test_how_a_table_is_made_is_told_and_nothing_of_what_is_in_it(
    url: str,
    session: psycopg.Connection,
    capsys: pytest.CaptureFixture[str],
    statements: list[str],
    gained: str | None,
    lost: str | None,
) -> None:
    def parts() -> set[str]:
        (own,) = [
            shape
            for shape in cluster(url, capsys).shapes or ()
            if (shape.database, shape.table) == (database_of(url), "public.tolls")
        ]
        return set(own.parts)

    before = parts()
    assert {"column id integer not null", "constraint tolls_pkey PRIMARY KEY (id)"} <= before
    assert not any("'x'" in part for part in before)
    for statement in statements:
        session.execute(statement)
    after = parts()
    assert (gained is None) == (after <= before)
    assert gained is None or next(iter(after - before)).startswith(gained)
    assert next(iter(before - after), None) == lost
