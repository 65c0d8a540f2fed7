"""Folders in which services could not write, told from their logs and asked of the kernel."""

from __future__ import annotations

from typing import Any

import pytest

from app.host import may_write
from app.host.view import HostView
from tests.unit.reasoning.cases import HOST, evidence, tickets
from tests.unit.reasoning.test_builtin import asked

UNIT = "tickets.service"


def view(line: str, *, user: str | None = "clerk", **facts: Any) -> HostView:
    own = tickets(user=user)
    return HostView(
        HOST, evidence({"units.show": {"units": [own]}, **asked(own, log={UNIT: [line]})} | facts)
    )


@pytest.mark.parametrize(
    ("line", "user", "subjects"),
    [
        ("OSError: [Errno 30] Read-only file system: '/srv/in/7.bin'", "clerk", ["clerk /srv/in"]),
        ("cannot create /var/lib/t/x: Permission denied", "clerk", ["clerk /var/lib/t"]),
        ("cannot create /var/lib/t/x: Permission denied", "root", []),
        ("cannot create /var/lib/t/x: Permission denied", None, []),
        ("cannot create /var/lib/t/x: No such file or directory", "clerk", []),
        ('File "/srv/app/main.py", line 3: Permission denied', "clerk", []),
        ("GET /srv/in/7.bin", "clerk", []),
    ],
)
def test_what_a_log_says_is_asked_about(line: str, user: str | None, subjects: list[str]) -> None:
    found = may_write.doubted(view(line, user=user), [UNIT])
    assert [probe.subject for probe in found] == subjects


def worker(user: str, pid: int) -> dict[str, Any]:
    shape = {"ppid": 1, "state": "S", "seconds": 9, "rss_bytes": 1, "command": "tickets"}
    return {"pid": pid, "user": user, "unit": UNIT} | shape


def test_of_what_root_started_its_workers_are_asked_about() -> None:
    line = "cannot create /var/lib/t/x: Permission denied"
    listed = {"processes": [worker("root", 7), worker("clerk", 8), worker("clerk", 9)]}
    seen = view(line, user=None, **{"processes.list": listed})
    assert [probe.subject for probe in may_write.doubted(seen, [UNIT])] == ["clerk /var/lib/t"]
    alone = view(line, user="root", **{"processes.list": {"processes": [worker("root", 7)]}})
    assert may_write.doubted(alone, [UNIT]) == ()


@pytest.mark.parametrize(("writable", "well"), [(True, True), (False, False)])
def test_the_kernel_is_believed_and_not_the_log(*, writable: bool, well: bool) -> None:
    action, params = may_write.asks("clerk /srv/in")
    (told,) = evidence(
        {action: {"path": "/srv/in", "user": "clerk", "exists": True, "writable": writable}}
    )
    seen = HostView(HOST, (told.model_copy(update={"params": params}),))
    said = may_write.JUDGED_BY[may_write.CHECK](seen, "clerk /srv/in")
    assert said is not None
    assert said[0] is well
    assert may_write.JUDGED_BY[may_write.CHECK](HostView(HOST, ()), "clerk /srv/in") is None
