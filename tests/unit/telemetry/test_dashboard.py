"""The dashboard asks for metrics that there are, by labels that they have, and fits Grafana."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.telemetry.test_metrics import described

FILE = Path(__file__).parents[3] / "docs" / "grafana" / "sre-agent.json"
BOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = BOARD["panels"]
NAME = re.compile(r"\b(?:sre_agent|process)_\w+")
SELECTOR = re.compile(r"((?:sre_agent|process)_\w+)\{([^}]*)\}")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
OF_EVERY_TARGET = frozenset({"job", "instance"})
OF_THE_PROCESS = frozenset({"process_resident_memory_bytes", "process_cpu_seconds_total"})


def expressions() -> Iterator[str]:
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"]


def known() -> dict[str, frozenset[str]]:
    """The labels of each series, by its name in queries."""
    found = dict.fromkeys(OF_THE_PROCESS, OF_EVERY_TARGET)
    for name, kind, labels in described():
        series = frozenset(labels) | OF_EVERY_TARGET
        if kind == "histogram":
            found |= {f"{name}_sum": series, f"{name}_count": series}
            found[f"{name}_bucket"] = series | {"le"}
        else:
            found[name] = series
    return found


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_query_asks_for_what_there_is(expression: str) -> None:
    labels = known()
    names = set(NAME.findall(expression))
    assert names
    assert names <= set(labels)
    for name, matchers in SELECTOR.findall(expression):
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert asked <= labels[name], name
    of_all = frozenset[str]().union(*(labels[name] for name in names))
    for grouped in GROUPING.findall(expression):
        assert {label.strip() for label in grouped.split(",")} <= of_all


def test_facts_of_the_database_are_never_summed_over_instances() -> None:
    for expression in expressions():
        if "sre_agent_process_" not in expression and "process_" not in expression:
            assert re.search(r"\b(max|min)\b", expression), expression


def test_every_metric_of_ours_that_counts_work_is_shown() -> None:
    shown = {name for expression in expressions() for name in NAME.findall(expression)}
    for name in ("sre_agent_executions_ended_total", "sre_agent_healthy_seconds_bucket",
                 "sre_agent_approvals_pending", "sre_agent_actions_total",
                 "sre_agent_alerts_open", "sre_agent_policy_denials_total"):  # fmt: skip
        assert name in shown


def test_it_has_the_parts_that_grafana_wants() -> None:
    assert BOARD["uid"]
    assert BOARD["title"]
    assert BOARD["schemaVersion"] >= 36
    variables = {v["name"]: v for v in BOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["type"] in {"stat", "timeseries", "table"}
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0
    used = set(re.findall(r"\$(\w+)", " ".join(expressions())))
    assert used <= set(variables)


def test_panels_stand_in_the_grid_and_on_no_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
