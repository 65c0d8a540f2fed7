"""Packages that were removed and that a service misses."""

from __future__ import annotations

from typing import Any

import pytest

from app.reasoning.packages import _MISSES, _named
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    case,
    facts_of,
    manifest_now,
    nginx,
    tickets,
)
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps

THEN = {"python3-ledger": "1.4-2", "nginx": "1.22", "libtill4": "4.0-1"}


def crashing(said: str, *gone: str, cached: bool = True, **more: Any) -> Case:
    """A service that dies whenever it starts, and packages that are gone."""
    down = tickets("activating", "auto-restart", result="exit-code", n_restarts=6)
    facts = facts_of([nginx(), down], HEALTHY_LISTENERS[:1]) | asked(nginx(), down)
    facts["baseline.manifest"] = manifest_now()
    line = {"template": said, "example": said, "count": 6}
    facts["journal.unit unit=tickets.service"] = {"source": "x", "lines": [line]}
    facts["packages.list"] = {"installed": {n: v for n, v in THEN.items() if n not in gone}}
    for name in gone:
        state = {"name": name, "cached": [THEN[name]] if cached else []}
        facts[f"package.state package={name}"] = state
    given = case(facts | more, status=502)
    (known,) = given.baselines
    healthy = facts_of(UP, HEALTHY_LISTENERS) | {"packages.list": {"installed": THEN}}
    known = known.model_copy(update={"evidence": cases.evidence(healthy)})
    return given.model_copy(update={"baselines": (known,)})


async def of(said: str, *gone: str, cached: bool = True) -> Assessment:
    return await judge(crashing(said, *gone, cached=cached))


async def test_the_package_that_is_missed_is_installed_again_once_a_person_agrees() -> None:
    judged = await of("ModuleNotFoundError: No module named 'ledger'", "python3-ledger")
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged)[0] == "package.install_cached package=python3-ledger version=1.4-2"
    assert steps(judged)[-1].endswith("unit=tickets.service")
    assert judged.repair is not None
    assert judged.repair.requires_person


async def test_of_several_it_is_the_one_that_is_named() -> None:
    judged = await of("libtill.so.4: cannot open shared object file", "python3-ledger", "libtill4")
    assert steps(judged)[0] == "package.install_cached package=libtill4 version=4.0-1"


async def test_what_cannot_be_fetched_is_told() -> None:
    judged = await of("No module named 'ledger'", "python3-ledger", cached=False)
    assert judged.advice is Advice.HAND_OVER
    assert "python3-ledger" in judged.statement


async def test_nothing_is_said_of_packages_where_none_is_gone() -> None:
    judged = await of("No module named 'ledger'")
    assert judged.repair is None
    assert not [h for h in judged.hypotheses if h.mode == "package-removed"]


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("ModuleNotFoundError: No module named 'redis.client'", "redis.client"),
        ("Can't locate DBI.pm in @INC (you may need", "DBI"),
        ("loading shared libraries: libpq.so.5: cannot open shared object", "libpq.so.5"),
        ("Error: Cannot find module 'express'", "express"),
        ("/opt/run.sh: line 3: jq: command not found", "jq"),
        ("sh: 1: zstd: not found", "zstd"),
        ("404: Not Found", None),
        ("upstream host not found", None),
    ],
)  # fmt: skip
def test_what_a_line_says_to_be_missing(line: str, missing: str | None) -> None:
    found = _MISSES.search(line)
    assert (None if found is None else next(w for w in found.groups() if w)) == missing


@pytest.mark.parametrize(
    ("package", "missing", "named"),
    [
        ("python3-redis", "redis.client", True),
        ("libpq5", "libpq.so.5", True),
        ("jq", "/usr/bin/jqplay", False),
        ("python3-yaml", "redis", False),
        ("python3-redis", "python3", False),
    ],
)
def test_whether_a_package_is_the_one_that_is_missed(
    package: str, missing: str, *, named: bool
) -> None:
    assert _named(package, missing) is named
