"""The query language, term by term."""

from __future__ import annotations

import pytest

from app.servicenow.fake.query import Order, Search, Term, parse
from app.servicenow.fake.records import Records, empty_row

ROWS = (
    {"number": "INC1", "short_description": "Shop is down", "urgency": "1", "sys_mod_count": "9"},
    {"number": "INC2", "short_description": "shop is SLOW", "urgency": "2", "sys_mod_count": "10"},
    {"number": "INC3", "short_description": "a^b", "urgency": "", "cmdb_ci": "c1"},
    {"number": "INC4", "short_description": "", "urgency": "3", "opened_at": "2026-01-02 03:04:05"},
)


@pytest.fixture(scope="module")
def records() -> Records:
    records = Records()
    for row in ROWS:
        records.put("incident", empty_row("incident") | row | {"sys_id": row["number"]})
    item = {"sys_id": "c1", "name": "web01", "sys_class_name": "cmdb_ci_server"}
    records.put("cmdb_ci_server", empty_row("cmdb_ci_server") | item)
    return records


CASES = [
    ("", "1234"),
    ("urgency=1", "1"),
    ("urgency!=1", "234"),
    ("urgency>1", "24"),
    ("urgency<=2", "12"),
    ("urgency>=2", "24"),
    ("urgency<2", "1"),
    ("sys_mod_count>9", "2"),  # as numbers, not as texts
    ("urgencyIN1,3", "14"),
    ("urgencyNOT IN1,3", "23"),
    ("short_descriptionLIKEshop", "12"),
    ("short_descriptionCONTAINSis", "12"),
    ("short_descriptionNOT LIKEshop", "34"),
    ("short_descriptionDOES NOT CONTAINshop", "34"),
    ("short_descriptionSTARTSWITHSHOP IS S", "2"),
    ("short_descriptionENDSWITHdown", "1"),
    ("short_description=shop is down", "1"),
    ("short_description=a^^b", "3"),
    ("short_descriptionISEMPTY", "4"),
    ("urgencyISNOTEMPTY", "124"),
    ("urgency=", "3"),
    ("urgency=1^short_descriptionLIKEslow", ""),
    ("urgency=1^ORurgency=2", "12"),
    ("urgency=1^ORurgency=2^short_descriptionLIKEslow", "2"),
    ("urgency=1^NQurgency=3", "14"),
    ("urgency=1^EQ", "1"),
    ("cmdb_ci.name=web01", "3"),
    ("cmdb_ciLIKEweb", "3"),  # a reference by what is shown of it
    ("cmdb_ci=c1", "3"),
    ("cmdb_ci.nameISEMPTY", "124"),
    ("opened_at>2026-01-02 03:04:04", "4"),
    ("opened_at>=2026-01-02", "4"),
    ("opened_at<2026-01-02", ""),
    ("ORDERBYDESCnumber", "4321"),
    ("urgencyISNOTEMPTY^ORDERBYDESCsys_mod_count^ORDERBYnumber", "214"),
    ("nope=1", "1234"),
    ("nope=1^urgency=1", "1"),
    ("urgency=1^ORnope=1", "1"),
    ("what is this", "1234"),
    ("ORDERBYnope", "1234"),
]


@pytest.mark.parametrize(("encoded", "chosen"), CASES)
def test_a_query_chooses_these_rows(records: Records, encoded: str, chosen: str) -> None:
    found = Search(records).rows("incident", encoded)
    assert "".join(row["number"][-1] for row in found) == chosen


def test_dates_are_meant_in_the_users_zone(records: Records) -> None:
    in_berlin = Search(records, "Europe/Berlin").rows("incident", "opened_at=2026-01-02 04:04:05")
    assert [row["number"] for row in in_berlin] == ["INC4"]


def test_what_is_not_understood_is_told(records: Records) -> None:
    query = parse("a=1^ORb=2^what is this^ORDERBYc^NQdISEMPTY^ORDERBYDESCe")
    assert query.branches == (
        ((Term("a", "=", "1"), Term("b", "=", "2")),),
        ((Term("d", "ISEMPTY", ""),),),
    )
    assert query.orders == (Order("c", descending=False), Order("e", descending=True))
    assert query.not_understood == ("what is this",)


def test_rows_of_extensions_are_rows_of_the_table(records: Records) -> None:
    assert [row["number"] for row in Search(records).rows("task", "numberLIKEINC")] == [
        "INC1",
        "INC2",
        "INC3",
        "INC4",
    ]
    assert Search(records).rows("problem", "") == []
