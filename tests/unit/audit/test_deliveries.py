"""ServiceNow's modification count, in the shapes in which it is sent."""

from __future__ import annotations

import pytest

from app.audit.intake import mod_count_of
from app.domain.value import JsonObject


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        ({"sys_mod_count": 7}, 7),
        ({"sys_mod_count": "7"}, 7),
        ({"sys_mod_count": {"value": "7", "display_value": "7"}}, 7),
        ({"result": {"sys_mod_count": "7"}}, 7),
        ({"result": [1, 2]}, None),
        ({}, None),
        ({"sys_mod_count": ""}, None),
        ({"sys_mod_count": "many"}, None),
        ({"sys_mod_count": -1}, None),
        ({"sys_mod_count": True}, None),
        ({"sys_mod_count": "٧"}, None),
        ({"sys_mod_count": "9" * 30}, None),
    ],
)
def test_the_count_is_read_or_unknown(raw: JsonObject, count: int | None) -> None:
    assert mod_count_of(raw) == count
