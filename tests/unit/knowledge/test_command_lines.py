"""Command lines in a site's own failure modes: a runbook names catalogued actions, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from app.domain.action import ActionCall
from app.domain.verdict import Verdict
from app.execution.policy import decide
from tests.data.command_lines import denied
from tests.unit.execution.test_policy import CATALOG, context, plan
from tests.unit.knowledge.test_lint import GOOD, RESTART, linted

LINES = [line.command for line in denied()]
REMEDY = GOOD[GOOD.index("  - title: Brew") : GOOD.index("handovers:")]
WAYS = {
    "action": "{action: %s, params: {unit: =unit.name}}",
    "parameter": "{action: service.restart, params: {unit: %s}}",
    "further parameter": "{action: service.restart, params: {unit: =unit.name, run: %s}}",
    "further key": "{action: service.restart, params: {unit: =unit.name}, run: %s}",
}


def quoted(line: str) -> str:
    """The line as YAML writes it, on one line."""
    return yaml.safe_dump(line, default_style='"', width=10_000).strip()


@pytest.mark.parametrize("way", WAYS)
def test_a_runbook_that_names_a_command_line_is_told(tmp_path: Path, way: str) -> None:
    """Where every step of a mode holds a line, every step is named as wrong."""
    steps = [WAYS[way] % quoted(line) for line in LINES]
    lone = REMEDY.replace("title: Brew", "title: Brew {n}")
    remedies = "".join(
        lone.replace("{n}", str(n)).replace(RESTART, step) for n, step in enumerate(steps)
    )
    text = GOOD.replace(REMEDY, remedies)
    wanted = {n for n, line in enumerate(text.splitlines(), 1) if "params:" in line and n > 18}
    told = {problem.line for problem in linted(tmp_path, text)}
    if way == "further key":  # what is no failure mode at all is told once, and never loaded
        assert told
    else:
        at_action = way == "action"  # one of the lines is an action's bare name
        assert len(wanted - told) == sum(at_action and line in CATALOG.actions for line in LINES)


def test_a_plan_with_a_command_line_in_it_is_denied_at_every_level() -> None:
    """Should a mode get by the linter: what it plans is looked at as everything else is."""
    for line in LINES:
        for step in (
            ActionCall(action=line, host="web", params={}),
            ActionCall(action="service.restart", host="web", params={"unit": line}),
            ActionCall(action="service.restart", host=line, params={"unit": "nginx.service"}),
        ):
            found = decide(plan(step, host=step.host), context())
            assert (found.verdict, found.rule) in (
                (Verdict.DENY, "catalog"), (Verdict.DENY, "host"),
            ), step  # fmt: skip
