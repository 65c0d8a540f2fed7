"""Room that was made and will not last."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.host.amiss import filling_up
from app.host.view import HostView
from tests.unit.reasoning.cases import HOST, evidence

MIB = 2**20


def looked(used: int, *, after: float = 0.0, **more: Any) -> HostView:
    room = {
        "mount": "/data", "source": "/dev/vdb", "fstype": "ext4", "size_bytes": 1000 * MIB,
        "used_bytes": used, "available_bytes": 1000 * MIB - used,
    }  # fmt: skip
    listed = {"filesystems": [room | more]}
    (found,) = evidence({"filesystems.list": listed})
    later = found.taken_at + timedelta(seconds=after)
    return HostView(HOST, (found.model_copy(update={"taken_at": later}),))


@pytest.mark.parametrize(
    ("used", "fills"),
    [
        (200 * MIB, True),  # 100 MiB in 45 s: full within minutes
        (101 * MIB, False),  # 1 MiB: not within the hour
        (90 * MIB, False),
    ],
)
def test_a_file_system_that_fills_again_within_the_hour(used: int, *, fills: bool) -> None:
    found = filling_up(looked(100 * MIB), looked(used, after=45), ["/data"])
    assert bool(found) is fills
    if fills:
        assert "/data fills again by 133.3 MiB a minute" in found[0].text


def test_only_what_was_relieved_is_judged_and_only_by_two_looks() -> None:
    assert filling_up(looked(0), looked(900 * MIB, after=45), ["/other"]) == ()
    assert filling_up(HostView(HOST, ()), looked(900 * MIB, after=45), ["/data"]) == ()
    assert filling_up(looked(0), looked(900 * MIB), ["/data"]) == ()
