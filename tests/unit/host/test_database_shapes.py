"""Tables that are made otherwise than while their host was healthy."""

from __future__ import annotations

from typing import Any

from app.host.database_shapes import reshaped
from app.host.view import HostView
from tests.unit.host.test_probes import view

COLUMNS = ["column id int not null", "column name text"]


def seen(*parts: str, **more: Any) -> HostView:
    shape = {"database": "tolls", "table": "public.lanes", "parts": list(parts)}
    cluster = {"port": 5432, "reachable": True, "shapes": [shape | more]}
    return view(postgres__state={"clusters": [cluster]})


def test_a_part_that_came_or_went_is_told() -> None:
    (one,) = reshaped(seen(COLUMNS[0], "trigger freeze BEFORE INSERT"), seen(*COLUMNS))
    assert (one.gained, one.lost) == (("trigger freeze BEFORE INSERT",), (COLUMNS[1],))
    assert one.refuses
    assert "has trigger freeze BEFORE INSERT, which it had not" in one.said
    assert "lacks column name text, which it had" in one.said


def test_what_refuses_nothing_says_so() -> None:
    (one,) = reshaped(seen(*COLUMNS, "column lane int"), seen(*COLUMNS))
    assert not one.refuses


def test_what_is_as_it_was_or_gone_or_new_or_unknown_is_not_told_here() -> None:
    assert reshaped(seen(*COLUMNS), seen(*COLUMNS)) == ()
    assert reshaped(seen(*COLUMNS, table="public.other"), seen(*COLUMNS)) == ()
    assert reshaped(view(postgres__state={"clusters": []}), seen(*COLUMNS)) == ()
    assert reshaped(seen(*COLUMNS), None) == ()
