"""Every line of tests/data/command_lines.yaml, as a model or a runbook might write it."""

from __future__ import annotations

import json

import pytest

from app.domain.value import JsonObject
from app.execution.catalog import Catalog
from app.execution.enrolment import gate_config
from app.execution.gate.refusal import Refused
from app.execution.gate.request import Config, admit
from app.execution.policy_check import EXAMPLE_INVENTORY, check_lines
from app.execution.targets import Inventory
from app.execution.translator import NoMeaning, NotPlain, meaning_of
from app.settings import AutonomyLevel
from tests.data.command_lines import Line, denied, every

CATALOG = Catalog.load()
INVENTORY = Inventory.from_file(EXAMPLE_INVENTORY)
ONLY_THE_HOST_KNOWS: JsonObject = {
    "id": "0" * 64, "pid": 4242, "start_time": 1, "unit": "app-api.service",
}  # fmt: skip


def judged(lines: tuple[Line, ...], level: AutonomyLevel) -> list[JsonObject]:
    rows = [json.dumps({"command": line.command}) for line in lines]
    return list(check_lines(rows, level=level, inventory=INVENTORY, catalog=CATALOG))


def test_there_are_many_of_many_kinds_and_none_twice() -> None:
    assert len({line.command for line in every()}) == len(every())
    assert len(denied()) >= 500
    assert len({line.category for line in denied()}) >= 15
    assert sum(line.expected == "allow" for line in every()) >= 90


def test_each_gets_its_verdict() -> None:
    rows = judged(every(), AutonomyLevel.L2)
    wrong = [
        f"{line.command!r}: {row['verdict']}, not {line.expected} ({row['reason']})"
        for line, row in zip(every(), rows, strict=True)
        if row["verdict"] != line.expected
    ]
    assert wrong == []


@pytest.mark.parametrize("level", AutonomyLevel)
def test_no_level_allows_what_is_denied(level: AutonomyLevel) -> None:
    assert {row["verdict"] for row in judged(denied(), level)} == {"deny"}


def test_a_change_is_never_allowed_alone_below_the_highest_levels() -> None:
    changes = tuple(line for line in every() if line.expected == "needs_approval")
    for level in (AutonomyLevel.L0, AutonomyLevel.L1, AutonomyLevel.L2):
        assert "allow" not in {row["verdict"] for row in judged(changes, level)}


def test_the_gate_on_the_host_agrees_about_each() -> None:
    """What the line means is asked of the host's own rules, not of the translator's."""
    configs = [_gate(host.name) for host in INVENTORY.hosts]
    for line in every():
        try:
            meaning, _ = meaning_of(line.command)
        except (NotPlain, NoMeaning):
            continue
        params = meaning.params | {name: ONLY_THE_HOST_KNOWS[name] for name in meaning.asked}
        fits = any(_admitted(meaning.action, params, config) for config in configs)
        assert fits or line.expected == "deny", line
        if line.expected == "deny":  # what is left is refused for the name alone that it reaches
            assert not fits or meaning.reaches is not None, line


def test_no_word_of_a_line_gets_into_an_argument_vector_but_in_a_typed_place() -> None:
    """The program and its options are the catalog's; a line's words stand after `--` or `=`."""
    for line, row in zip(every(), judged(every(), AutonomyLevel.L4), strict=True):
        if row["verdict"] == "deny":
            continue
        entry = CATALOG.entry(str(row["action"]))
        given = {str(value) for value in dict(row["params"]).values()}
        rendered = [word.format(**{**ONLY_THE_HOST_KNOWS, **row["params"]}) for word in entry.argv]
        for word, template in zip(rendered, entry.argv, strict=True):
            assert word == template or word in given or template.startswith("--"), line
            if word in given and word != template:
                assert not word.startswith("-"), line


def _gate(host: str) -> Config:
    made = gate_config(INVENTORY.by_name[host], CATALOG)
    return Config(**{name: made[name] for name in Config._fields})


def _admitted(action: str, params: JsonObject, config: Config) -> bool:
    changes = bool(config.actions[action]["changes"])
    try:
        admit({"action": action, "params": params}, config, changes=changes)
    except Refused:
        return False
    return True
