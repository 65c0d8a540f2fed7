"""The names that a seed draws, and every scenario of the project under them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.lab.errors import LabError
from app.lab.estate import HOSTS
from app.lab.layers import layer_key
from app.lab.names import drawn_naming
from app.lab.naming import PLAIN, Naming
from app.lab.noise import noise
from app.lab.places import PROJECT
from app.lab.planting import planted
from app.lab.redraw import redrawn
from app.lab.renamed import renamed, renamed_disturbance
from app.lab.scenario import Expect, Scenario, load_folder
from app.lab.variation import Variation

FOLDER = PROJECT / "scenarios"
SEEDS = range(12)
KEPT = {"id", "family", "source"}
#: They mean something else in some places, so that those stay.
ALSO_WORDS = {"web", "dba", "8000"}
DISTRIBUTION = (
    "nginx.service mariadb.service postgresql@15-main php8.2-fpm haproxy redis-server named docker"
    " www-data postgres mysql /etc/nginx/sites-available /etc/cron.d /var/lib/docker /etc/fstab"
    " sshd nftables chrony fail2ban cron rsyslog SELECT REINDEX systemd-journald 127.0.0.1:5432"
)


def pairs(naming: Naming) -> dict[str, str]:
    return {rename.old: rename.new for rename in naming.renames}


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from (*texts(key), *texts(part))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


def told(scenario: Scenario) -> str:
    return "\n".join(texts(scenario.model_dump(exclude=KEPT)))


def test_they_are_the_same_for_a_seed_and_others_for_another() -> None:
    drawn_naming.cache_clear()
    first = drawn_naming(1, FOLDER)
    drawn_naming.cache_clear()
    assert drawn_naming(1, FOLDER) == first
    assert pairs(drawn_naming(2, FOLDER)) != pairs(first)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_are_alike_or_parts_of_each_other(seed: int) -> None:
    drawn = pairs(drawn_naming(seed, FOLDER))
    drawn.pop("77.10")  # the other half of the same draw
    new = [name.lower() for name in drawn.values()]
    assert len(set(new)) == len(new)
    for name in new:
        assert not any(name in other for other in new if other != name)
        assert not [old for old in drawn if name in old.lower()]


@pytest.mark.parametrize("seed", SEEDS)
def test_none_is_in_use_on_the_estate_or_in_a_scenario(seed: int) -> None:
    everything = "\n".join(path.read_text() for path in FOLDER.glob("*.yaml")).lower()
    for new in pairs(drawn_naming(seed, FOLDER)).values():
        assert new.lower() not in everything


def test_one_that_a_scenario_uses_is_not_drawn(tmp_path: Path) -> None:
    shop = pairs(drawn_naming(1, FOLDER))["shop"]
    (tmp_path / "mine.yaml").write_text(f"inject: systemctl stop {shop}\n")
    assert pairs(drawn_naming(1, tmp_path))["shop"] != shop


def test_where_all_candidates_are_in_use_it_says_so(tmp_path: Path) -> None:
    used = "m.keller p.novak s.hansen r.silva k.weber t.okafor l.rossi e.lind"
    (tmp_path / "mine.yaml").write_text(f"inject: id {used}\n")
    with pytest.raises(LabError, match=r"no candidate is free for 'j\.doe'"):
        drawn_naming(1, tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
def test_distribution_words_survive(seed: int) -> None:
    assert drawn_naming(seed, FOLDER).text(DISTRIBUTION) == DISTRIBUTION


@pytest.mark.parametrize("seed", [1, 2])
def test_no_scenario_speaks_an_old_name(seed: int) -> None:
    naming = drawn_naming(seed, FOLDER)
    always = [rename.old for rename in naming.renames if not rename.only_preceded]
    old = "|".join(re.escape(name) for name in always if name not in ALSO_WORDS)
    spoken = re.compile(rf"(?<![a-z0-9])(?:{old})(?![a-z0-9])", re.IGNORECASE)
    for each in load_folder(FOLDER):
        found = spoken.search(told(renamed(each, naming)))
        # said of the language and of no host: SQL's word, and a person's trade
        assert found is None or found.group() in {"REINDEX", "lang"}, (each.id, found)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_scenario_is_still_one(seed: int) -> None:
    naming = drawn_naming(seed, FOLDER)
    for each in load_folder(FOLDER):
        changed = renamed(each, naming)
        assert {name: getattr(changed, name) for name in KEPT} == {
            name: getattr(each, name) for name in KEPT
        }
        assert {changed.target, *changed.hosts} <= set(naming.hosts)
        Expect.model_validate(changed.expect.model_dump())  # the expression, the kinds
        for name in ("setup", "inject", "fix", "guard"):
            scripts = getattr(changed, name) or {}
            assert set(scripts) <= set(naming.hosts)
            assert len(scripts) == len(getattr(each, name) or {})


def test_scripts_are_still_bash() -> None:
    naming = drawn_naming(1, FOLDER)
    for each in load_folder(FOLDER):
        changed = renamed(each, naming)
        scripts = [changed.healthy, *changed.inject.values(), *(changed.fix or {}).values()]
        for script in scripts:
            done = subprocess.run(["bash", "-n"], input=script.encode(), check=False)
            assert done.returncode == 0, each.id


def test_the_ticket_names_the_host_as_it_is_called_now() -> None:
    naming = drawn_naming(1, FOLDER)
    (plain,) = load_folder(FOLDER, ("nginx-stopped",))
    changed, _ = Variation(FOLDER, redraw=1).of(plain)
    assert changed.target == pairs(naming)["web01"]
    assert changed.ticket == renamed(redrawn_alone(plain), naming).ticket


def redrawn_alone(scenario: Scenario) -> Scenario:
    family = [each for each in load_folder(FOLDER) if each.family == scenario.family]
    return redrawn(scenario, 1, family)


def test_what_happens_beside_the_fault_is_renamed_too() -> None:
    naming = drawn_naming(1, FOLDER)
    (plain,) = load_folder(FOLDER, ("nginx-stopped",))
    beside = noise(plain) + planted(plain)[1]
    changed = renamed_disturbance(beside, naming)
    assert set(changed.earlier) <= set(naming.hosts)
    assert changed.aside is not None
    assert changed.aside.host in naming.hosts
    everything = "\n".join([*changed.standing.values(), *changed.earlier.values()])
    for old in ("shop", "db01", "corp.internal"):
        assert old in "\n".join([*beside.standing.values(), *beside.earlier.values()])
        assert not re.search(rf"(?<![a-z0-9]){re.escape(old)}(?![a-z0-9])", everything)


def test_hosts_under_other_names_are_other_layers_and_plain_ones_stay() -> None:
    naming = drawn_naming(1, FOLDER)
    for spec in naming.hosts.values():
        plain = next(each for each in HOSTS.values() if each.files == spec.files)
        assert layer_key(spec, naming) != layer_key(plain)
        assert layer_key(spec, naming) == layer_key(spec, naming)
        assert layer_key(plain) == layer_key(plain, PLAIN)


def test_a_scenario_under_its_plain_names_is_unchanged() -> None:
    for each in load_folder(FOLDER):
        assert renamed(each, PLAIN).fingerprint() == each.fingerprint()
