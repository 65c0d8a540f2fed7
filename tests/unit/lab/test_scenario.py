"""Scenario files are data: what is wrong with one is said with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab.errors import BadScenario
from app.lab.places import PROJECT
from app.lab.scenario import Outcome, load, load_folder

GOOD = """\
id: nginx-down
title: nginx is down
family: nothing-listens
target: web01
hosts: [web01, db01]
source: own
ticket:
  short_description: Shop not reachable
  service: nginx
baseline: true
inject: systemctl stop nginx
healthy: curl -fsS http://shop.corp.internal/
fix: systemctl start nginx
expect:
  outcome: resolved
  cause: 'nginx'
  may_change: ['unit:nginx.service']
"""


def written(folder: Path, text: str, name: str = "nginx-down") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_a_script_given_as_text_belongs_to_the_target(tmp_path: Path) -> None:
    scenario = load(written(tmp_path, GOOD))
    assert scenario.inject == {"web01": "systemctl stop nginx"}
    assert scenario.fix == {"web01": "systemctl start nginx"}
    assert scenario.expect.outcome is Outcome.RESOLVED


def test_a_script_may_be_given_for_each_host(tmp_path: Path) -> None:
    text = GOOD.replace("inject: systemctl stop nginx", "inject: {db01: systemctl stop mariadb}")
    assert load(written(tmp_path, text)).inject == {"db01": "systemctl stop mariadb"}


def test_limits_have_defaults(tmp_path: Path) -> None:
    limits = load(written(tmp_path, GOOD)).limits
    assert (limits.seconds, limits.commands) == (90, 60)


@pytest.mark.parametrize(
    ("wrong", "line", "said"),
    [
        (GOOD.replace("target: web01", "target: web09"), 1, "no host 'web09'"),
        (GOOD.replace("  outcome: resolved", "  outcome: solved"), 15, "expect.outcome"),
        (GOOD.replace("cause: 'nginx'", "cause: '(nginx'"), 16, "regular expression"),
        (GOOD.replace("unit:nginx.service", "nginx.service"), 17, "path glob"),
        (GOOD.replace("baseline: true", "baselin: true"), 10, "baselin"),
        (GOOD.replace("healthy: curl", "helthy: curl"), 1, "healthy"),
        (GOOD.replace("id: nginx-down", "id: nginx-up"), 1, "expected 'nginx-down'"),
        (GOOD.replace("id: nginx-down", "id: Nginx_Down"), 1, "id"),
        (GOOD.replace("hosts: [web01, db01]", "hosts: [db01]"), 1, "hosts must name the target"),
        (GOOD.replace("inject: s", "inject: {app01: s") + "}", 11, "not valid YAML"),
        ("- one\n- two\n", 1, "expected a mapping"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    tmp_path: Path, wrong: str, line: int, said: str
) -> None:
    path = written(tmp_path, wrong)
    with pytest.raises(BadScenario) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert said in message
    if "YAML" not in said:
        assert f"{path}:{line}:" in message


def test_all_mistakes_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("resolved", "solved"))
    written(tmp_path, GOOD.replace("nginx-down", "other").replace("web01", "web07"), "other")
    with pytest.raises(BadScenario, match=r"(?s)nginx-down\.yaml.*other\.yaml"):
        load_folder(tmp_path)


def test_only_names_must_exist(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    with pytest.raises(BadScenario, match="no scenario named nothing-like-it"):
        load_folder(tmp_path, ("nothing-like-it",))


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match="no scenario files"):
        load_folder(tmp_path)


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    first = load(written(tmp_path, GOOD)).fingerprint()
    assert load(written(tmp_path, GOOD + "# a remark\n")).fingerprint() == first
    second = load(written(tmp_path, GOOD.replace("stop nginx", "kill nginx"))).fingerprint()
    assert second != first


def test_the_repositorys_own_scenarios_are_valid() -> None:
    found = load_folder(PROJECT / "scenarios")
    assert {scenario.expect.outcome for scenario in found} >= {Outcome.RESOLVED, Outcome.NO_FAULT}
