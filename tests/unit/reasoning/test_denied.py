"""What a log says was denied to a service: given back where it lies in the service's own folder."""

from __future__ import annotations

from typing import Any

import pytest

from app.host.facts import Manifest
from app.reasoning.port import Assessment
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    baseline,
    case,
    facts_of,
    file,
    manifest_now,
    nginx,
    tickets,
)
from tests.unit.reasoning.test_builtin import asked, judge, steps

PATH = "/var/log/tickets/today.log"
KEEPER = "/etc/logrotate.d/tickets"
LINES = (
    f"PermissionError: [Errno 13] Permission denied: '{PATH}'",
    f"cannot open {PATH}: Permission denied",
    f'open() "{PATH}" failed (13: Permission denied)',
)


def component(path: str, owner: str, **more: Any) -> dict[str, Any]:
    shape = {"path": path, "kind": "directory", "owner": owner, "group": "adm", "mode": "0750"}
    return shape | {"readable": True, "writable": True, "searchable": True} | more


async def judged_of(
    line: str = LINES[0],
    *,
    folder: str = "clerk",
    owner: str = "root",
    writable: bool = False,
    keeper: bool = False,
) -> Assessment:
    own = tickets(user="clerk")
    facts = facts_of([nginx(), own], HEALTHY_LISTENERS)
    facts |= asked(nginx(), own, log={"tickets.service": [line]})
    page = "http.local host_header=tickets.example url=http://127.0.0.1:9100/"
    facts[page] = {"url": "http://127.0.0.1:9100/", "status": 500}
    facts[f"path.access path={PATH} user=clerk"] = {
        "path": PATH, "user": "clerk", "exists": True, "writable": writable,
        "components": [
            component("/var/log", "root", writable=False),
            component("/var/log/tickets", folder),
            component(PATH, owner, kind="file", mode="0640", writable=writable),
        ],
    }  # fmt: skip
    now = (file(KEEPER, "b" * 64),) if keeper else ()
    facts["baseline.manifest"] = manifest_now(*now)
    facts[f"file.diff path={KEEPER} sha256={'a' * 64}"] = {"path": KEEPER, "comments": []}
    given = case(facts, status=500)
    known = baseline()
    files: tuple[Manifest.File, ...] = (*known.manifest.files, *((file(KEEPER),) if keeper else ()))
    manifest = known.manifest.model_copy(update={"files": files})
    then = known.model_copy(update={"manifest": manifest})
    return await judge(given.model_copy(update={"baselines": (then,)}))


GIVE = f"file.set_owner group=adm owner=clerk path={PATH}"


@pytest.mark.parametrize("line", LINES)
async def test_a_file_of_another_in_its_own_folder_is_given_back(line: str) -> None:
    judged = await judged_of(line)
    assert steps(judged) == [GIVE], judged.statement
    assert PATH in judged.statement


async def test_who_makes_it_so_again_and_again_is_put_back_too() -> None:
    judged = await judged_of(keeper=True)
    assert [s.partition(" ")[0] for s in steps(judged)] == ["file.restore", "file.set_owner"]
    assert KEEPER in judged.statement


@pytest.mark.parametrize(
    "more",
    [{"folder": "root"}, {"writable": True}, {"line": f"cannot open {PATH}: No such file"}],
)
async def test_what_is_not_its_own_or_not_denied_stays(more: dict[str, Any]) -> None:
    judged = await judged_of(**more)
    assert judged.repair is None or GIVE not in steps(judged)
