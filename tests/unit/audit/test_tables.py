"""The tables that others rely on by name."""

from __future__ import annotations

from app.models import operations  # the metadata then knows every table
from app.models.base import Base
from app.models.sre_execution import Execution

SEVEN = {
    "sre_incident_execution",
    "incident_execution_log",
    "sre_timeline_entry",
    "sre_hypothesis",
    "sre_verification",
    "sre_evidence",
    "sre_provenance",
}


def test_the_seven_tables_say_of_every_row_whether_it_was_simulated() -> None:
    tables = Base.metadata.tables
    assert set(tables) >= SEVEN | {operations.CommandIntent.__tablename__}
    assert [name for name in sorted(SEVEN) if "simulated" not in tables[name].columns] == []


def test_what_belongs_to_an_execution_points_to_it() -> None:
    for name in SEVEN - {Execution.__tablename__}:
        (key,) = Base.metadata.tables[name].columns["execution_id"].foreign_keys
        assert key.target_fullname == "sre_incident_execution.id", name


def test_names_fit_postgresql() -> None:
    for table in Base.metadata.tables.values():
        names = [str(constraint.name) for constraint in table.constraints]
        names += [str(index.name) for index in table.indexes]
        assert [name for name in names if len(name) > 63] == []
