"""Folders that went to another account with what lies in them."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.drift import Change, ChangeKind
from app.host.view import HostView
from app.reasoning.folder_owners import changed_hands, taken_within
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HOST, file

FOLDER = "/var/lib/found/items"
SHAPE = {"kind": "directory", "group": "found", "mode": "0750"}
THEN = file(FOLDER, None, **SHAPE, owner="found")
NOW = file(FOLDER, None, **SHAPE | {"group": "root"}, owner="root")
CHANGE = Change(path=FOLDER, kind=ChangeKind.MODE, then=THEN, now=NOW)


@pytest.mark.parametrize(
    ("entry", "taken"),
    [
        ({}, True),
        ({"kind": "directory", "mode": "0750"}, True),
        ({"owner": "found"}, False),  # it stayed with its owner
        ({"owner": "kim"}, False),  # somebody else's
        ({"mode": "0666"}, False),  # everybody may read and write it
        ({"group": "found", "mode": "0660"}, False),  # through the group
        ({"kind": "symlink", "mode": "0777"}, False),
    ],
)
def test_what_lies_in_it_went_the_same_way_where_its_owner_is_refused(
    entry: dict[str, Any], *, taken: bool
) -> None:
    shape = {"name": "a", "kind": "file", "owner": "root", "group": "root", "mode": "0640",
             "bytes": 1, "modified": "2026-01-01T00:00:00+00:00"}  # fmt: skip
    facts = {"path": FOLDER, "count": 1, "entries": [shape | entry]}
    view = HostView(HOST, cases.evidence({f"folder.list path={FOLDER}": facts}))
    assert changed_hands(CHANGE)
    assert taken_within(view, CHANGE) is taken


def test_a_folder_whose_mode_alone_changed_is_still_its_owners() -> None:
    opened = CHANGE.model_copy(update={"now": THEN.model_copy(update={"mode": "0700"})})
    assert not changed_hands(opened)
