"""The database's own refusals: facts are added, and change only where a table says that they may.

Triggers, on both databases:

- a row of facts is never deleted, but for those of an execution that was archived, which a row of
  facts says (app/models/archive.py); no table is truncated; and no column changes but those of
  `Audited.may_change` and `Audited.outside`;
- SQLite's INSERT OR REPLACE deletes without asking triggers: a row that would push another out is
  refused before it is inserted;
- an entry of the chain comes right after the last one, and never changes.

Whoever may change the schema can remove them. That is seen by `missing`, and what was changed
behind them by the chain. Migrations lift them and put them back (migrations/env.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, PrimaryKeyConstraint, Table, UniqueConstraint, text

from app.models.archive import ArchivedExecution
from app.models.audited import Audited, audited_mappers, audited_of, table_of
from app.models.chain import AuditEntry
from app.models.operations import Approval, ApprovalVote
from app.models.sre_execution import Execution

PREFIX = "guard_"
CHAIN = AuditEntry.__tablename__
ARCHIVED = ArchivedExecution.__tablename__

_REFUSE = f"""CREATE OR REPLACE FUNCTION {PREFIX}refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit''s table % refuses %', TG_TABLE_NAME, TG_ARGV[0]
    USING ERRCODE = 'integrity_constraint_violation'; END $$"""
_REFUSE_LIVE = f"""CREATE OR REPLACE FUNCTION {PREFIX}refuse_live() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE execution bigint;
BEGIN
    IF TG_ARGV[0] = 'approval_id' THEN
        SELECT execution_id INTO execution FROM {Approval.__tablename__} WHERE id = OLD.approval_id;
    ELSIF TG_ARGV[0] = 'id' THEN execution := OLD.id;
    ELSE execution := OLD.execution_id;
    END IF;
    IF EXISTS (SELECT 1 FROM {ARCHIVED} WHERE id = execution) THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'the audit''s table % refuses DELETE', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$"""
_IN_ORDER = f"""CREATE OR REPLACE FUNCTION {PREFIX}in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last_seq bigint; last_hash text;
BEGIN
    SELECT seq, hash INTO last_seq, last_hash FROM {CHAIN} ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> coalesce(last_seq, 0) + 1 OR NEW.previous <> coalesce(last_hash, '') THEN
        RAISE EXCEPTION 'an entry of the audit''s chain comes right after the last one'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$"""


def install(connection: Connection) -> None:
    """Put every guard in place. Those that stand are made anew."""
    remove(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text(_REFUSE))
        connection.execute(text(_REFUSE_LIVE))
        connection.execute(text(_IN_ORDER))
    for name, (table, statement) in _expected(connection).items():
        connection.exec_driver_sql(statement)
        if connection.dialect.name == "postgresql":
            # also in sessions that declare themselves a replica
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def remove(connection: Connection) -> None:
    """Lift every guard, for a migration that changes the tables beneath them."""
    for name, table in _present(connection).items():
        of_table = f" ON {table}" if connection.dialect.name == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER {name}{of_table}")


def missing(connection: Connection) -> list[str]:
    """The guards that are not there, or are switched off; by name, in order."""
    return sorted(set(_expected(connection)) - set(_working(connection)))


def _expected(connection: Connection) -> dict[str, tuple[str, str]]:
    """Each guard by its name: its table and the statement that makes it."""
    of_table = _of_postgresql if connection.dialect.name == "postgresql" else _of_sqlite
    made: dict[str, tuple[str, str]] = {}
    for table, audited in _guarded():
        made |= {
            f"{PREFIX}{name}_{table.name}": (table.name, statement)
            for name, statement in of_table(table, audited)
        }
    return made


def _guarded() -> Iterator[tuple[Table, Audited]]:
    """The chain, and every table of facts."""
    chain = AuditEntry.__table__
    assert isinstance(chain, Table)
    yield chain, Audited()
    for mapper in audited_mappers():
        audited = audited_of(mapper.class_)
        assert audited is not None
        yield table_of(mapper), audited


def _fixed(table: Table, audited: Audited) -> str:
    """The columns that never change, as SQL."""
    free = audited.may_change | audited.outside
    unknown = free - set(table.columns.keys())
    assert not unknown, f"{table.name} has no columns {unknown}"
    return ", ".join(f'"{column.name}"' for column in table.columns if column.name not in free)


def _execution_column(table: Table) -> str:
    """The column that leads to the execution to which a row belongs; "" where it has none."""
    if table.name == Execution.__tablename__:
        return "id"
    if table.name == ApprovalVote.__tablename__:
        return "approval_id"
    return "execution_id" if "execution_id" in table.columns else ""


def _of_sqlite(table: Table, audited: Audited) -> Iterator[tuple[str, str]]:
    def guard(name: str, when: str, condition: str, refused: str) -> tuple[str, str]:
        return name, (
            f"CREATE TRIGGER {PREFIX}{name}_{table.name} BEFORE {when} ON {table.name} "
            f"{condition}BEGIN SELECT RAISE(ABORT, '{table.name}: {refused}'); END"
        )

    changes = f"UPDATE OF {_fixed(table, audited)}"
    yield guard("update", changes, "", "what was written down does not change")
    live = ""
    if column := _execution_column(table):
        execution = f"OLD.{column}"
        if column == "approval_id":
            asked = Approval.__tablename__
            execution = f"(SELECT execution_id FROM {asked} WHERE id = OLD.approval_id)"
        live = f"WHEN NOT EXISTS (SELECT 1 FROM {ARCHIVED} WHERE id = {execution}) "
    yield guard("delete", "DELETE", live, "what was written down is not deleted")
    pushed_out = " OR ".join(sorted(_same_key(keys) for keys in _keys(table)))
    yield guard(
        "replace",
        "INSERT",
        f"WHEN EXISTS (SELECT 1 FROM {table.name} AS kept WHERE {pushed_out}) ",
        "UNIQUE constraint failed, a row stands there already",
    )
    if table.name == CHAIN:
        not_next = (
            f"NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM {CHAIN}) OR NEW.previous <> "
            f"coalesce((SELECT hash FROM {CHAIN} ORDER BY seq DESC LIMIT 1), '')"
        )
        yield guard("order", "INSERT", f"WHEN {not_next} ", "an entry comes right after the last")


def _of_postgresql(table: Table, audited: Audited) -> Iterator[tuple[str, str]]:
    def guard(name: str, when: str) -> tuple[str, str]:
        refused = when.split()[0]
        return name, (
            f"CREATE TRIGGER {PREFIX}{name}_{table.name} BEFORE {when} ON {table.name} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {PREFIX}refuse('{refused}')"
        )

    yield guard("update", f"UPDATE OF {_fixed(table, audited)}")
    if column := _execution_column(table):
        live = f"FOR EACH ROW EXECUTE FUNCTION {PREFIX}refuse_live('{column}')"
        name = f"{PREFIX}delete_{table.name}"
        yield "delete", f"CREATE TRIGGER {name} BEFORE DELETE ON {table.name} {live}"
    else:
        yield guard("delete", "DELETE")
    yield guard("truncate", "TRUNCATE")
    if table.name == CHAIN:
        order = f"BEFORE INSERT ON {CHAIN} FOR EACH ROW EXECUTE FUNCTION {PREFIX}in_order()"
        yield "order", f"CREATE TRIGGER {PREFIX}order_{CHAIN} {order}"


def _keys(table: Table) -> Iterator[tuple[Sequence[str], str]]:
    """What no two rows share: the columns, and SQL for which rows that holds ("": for all)."""
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            yield [column.name for column in constraint.columns], ""
    for index in table.indexes:
        if index.unique:
            where = index.dialect_options["sqlite"].get("where")
            names = [column.name for column in index.columns]
            yield names, "" if where is None else str(where)


def _same_key(keys: tuple[Sequence[str], str]) -> str:
    columns, where = keys
    same = " AND ".join(f'kept."{name}" = NEW."{name}"' for name in columns)
    if where:  # it begins with its column: "status IN (...)"
        same += f" AND kept.{where} AND NEW.{where}"
    return f"({same})"


def _present(connection: Connection) -> dict[str, str]:
    """The guards that stand, with their tables."""
    if connection.dialect.name == "postgresql":
        found = (
            "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON tgrelid = pg_class.oid "
            "WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
        )
    else:
        found = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    rows = connection.execute(text(found)).all()
    return {name: table for name, table in rows if name.startswith(PREFIX)}


def _working(connection: Connection) -> set[str]:
    """The guards that stand as they were made."""
    if connection.dialect.name == "postgresql":
        found = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'"
        return set(connection.execute(text(found)).scalars())
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    expected = _expected(connection)
    return {name for name, sql in rows if name in expected and sql == expected[name][1]}
