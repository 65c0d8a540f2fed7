"""A ticket drawn anew: other words, the same host, fault and checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab.client import incident
from app.lab.draw import drawn, number, ranked
from app.lab.estate import HOSTS
from app.lab.places import PROJECT
from app.lab.redraw import PRIORITIES, lookalikes, redrawn
from app.lab.scenario import Scenario, load_folder

SEEDS = range(40)


def scenario(name: str = "a-fault", **changes: object) -> Scenario:
    ticket = {
        "short_description": "Shop down",
        "description": "Since 09:40.",
        "priority": "1 - Critical",
        "service": "nginx",
        "caller_id": "a.moser",
    }
    base: dict[str, object] = {
        "id": name,
        "title": "A fault",
        "family": "faults",
        "target": "web01",
        "hosts": ["web01"],
        "ticket": ticket,
        "healthy": "curl -fsS http://shop.corp.internal/ | grep -q shop-ok",
        "expect": {"outcome": "resolved", "cause": "nginx"},
    }
    return Scenario.model_validate(base | changes)


TWIN = scenario("its-twin", ticket={"short_description": "Twin", "description": "No pages."})


def test_it_is_the_same_for_a_seed_and_an_id() -> None:
    assert redrawn(scenario(), 7, [TWIN]) == redrawn(scenario(), 7, [TWIN])
    assert redrawn(scenario(), 7, []).ticket != redrawn(scenario(), 8, []).ticket
    assert redrawn(scenario(), 7, []).ticket != redrawn(scenario("b-fault"), 7, []).ticket


def test_it_does_not_hang_on_the_order_of_files() -> None:
    third = scenario("third", ticket={"short_description": "Third"})
    for seed in SEEDS:
        assert redrawn(scenario(), seed, [TWIN, third]) == redrawn(scenario(), seed, [third, TWIN])


@pytest.mark.parametrize("seed", SEEDS)
def test_fault_checks_and_id_stay(seed: int) -> None:
    plain = scenario()
    changed = redrawn(plain, seed, [TWIN])
    assert changed.model_dump(exclude={"ticket"}) == plain.model_dump(exclude={"ticket"})


@pytest.mark.parametrize("seed", SEEDS)
def test_words_number_and_priority_are_others_and_the_host_is_the_same(seed: int) -> None:
    plain = scenario()
    before, after = (incident(each, "INC0000001") for each in (plain, redrawn(plain, seed, [TWIN])))
    for name in ("short_description", "description", "priority", "incident_number"):
        assert after[name] != before[name]
    assert after["priority"] in PRIORITIES
    assert after["caller_id"] == "a.moser"
    for name in ("hostname", "ip_address"):
        assert after["target"][name] == before["target"][name]
    told = f"{after['short_description']} {after['description']}"
    assert "{" not in told
    assert not [name for name in HOSTS if name != "web01" and name in told]


def test_the_claimed_service_is_kept_dropped_or_replaced() -> None:
    drawn_claims = [redrawn(scenario(), seed, []).ticket.service for seed in SEEDS]
    assert min(drawn_claims.count("nginx"), drawn_claims.count(None)) > len(SEEDS) / 8
    claimed = set(drawn_claims)
    estate = {name for spec in HOSTS.values() for name in spec.services}
    assert {"nginx", None} <= claimed
    assert len(claimed) > 3
    assert claimed - {None} <= estate


def test_words_of_lookalikes_are_drawn_too() -> None:
    told = {redrawn(scenario(), seed, [TWIN]).ticket.short_description for seed in SEEDS}
    assert "Twin" in told
    assert len(told) > 4


def test_a_lookalike_on_another_host_or_with_its_name_lends_nothing() -> None:
    elsewhere = scenario("x", target="app01", hosts=["app01"], ticket={"short_description": "X"})
    naming = scenario("y", ticket={"short_description": "Y", "description": "db01 is slow"})
    other_family = scenario("z", family="others", ticket={"short_description": "Z"})
    told = {
        redrawn(scenario(), seed, [elsewhere, naming, other_family]).ticket.short_description
        for seed in SEEDS
    }
    assert not told & {"X", "Y", "Z"}


def test_forms_speak_of_what_users_miss() -> None:
    described = {
        redrawn(scenario(healthy="dig @10.77.0.2 shop.corp.internal"), seed, []).ticket.description
        for seed in SEEDS
    }
    assert any("names" in text for text in described)
    assert not any("portal" in text for text in described)


def test_every_scenario_of_the_project_can_be_redrawn() -> None:
    for each in load_folder(PROJECT / "scenarios"):
        changed = redrawn(each, 7, lookalikes(PROJECT / "scenarios", each.family))
        assert changed.ticket.short_description
        assert changed.target == each.target


def test_a_file_that_is_not_valid_lends_nothing_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("- no scenario\n")
    assert lookalikes(tmp_path, "faults") == []


def test_a_candidate_more_moves_only_the_draws_that_it_wins() -> None:
    names = [f"n{count}" for count in range(20)]
    for seed in map(str, SEEDS):
        assert drawn(seed, [*names, "more"]) in {drawn(seed, names), "more"}
        assert ranked(seed, names) == ranked(seed, reversed(names))
        assert 0 <= number(seed, 10) < 10
