"""The estate under the names of a seed, on hosts that are really up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.lab import leftovers, requirements
from app.lab.inventory import write_inventory
from app.lab.names import drawn_naming
from app.lab.places import PROJECT
from app.lab.running import Estate, new_run_id, start
from app.lab.snapshot import take

NAMING = drawn_naming(1, PROJECT / "scenarios")
NEW = {rename.old: rename.new for rename in NAMING.renames}


@pytest.fixture(scope="module")
def estate() -> Iterator[Estate]:
    requirements.ensure()
    run_id = new_run_id()
    with leftovers.held(run_id):
        up = start(NAMING.texts(("web01", "db01", "app01", "ops01")), run_id, NAMING)
        try:
            yield up
        finally:
            up.throw_away()


@pytest.mark.parametrize(
    "served",
    [
        "curl -fsS http://shop.corp.internal/ | grep -q shop-ok",
        'curl -fsS https://shop.corp.internal/healthz | grep -q \'"db": "ok"\'',
        "curl -fsS http://portal.corp.internal/ | grep -q portal-ok",
        "curl -fsS --retry 15 --retry-delay 1 http://ops01.corp.internal:8080/ | grep -q shop-ok",
        "curl -fsS http://ops01.corp.internal:8081/ | grep -q web-ok",
        "test $(getent hosts web01.corp.internal | cut -d' ' -f1) = 10.77.0.10",
    ],
)
def test_users_are_served_under_the_new_names_only(estate: Estate, served: str) -> None:
    done = estate.on_monitor(NAMING.text(served))
    assert done.ok, done.output
    assert not estate.on_monitor(served).ok


def test_no_host_has_an_account_a_unit_or_a_folder_of_an_old_name(estate: Estate) -> None:
    old = {"shop", "portal", "deploy", "j.doe", "nightly-backup", "pgdata"}
    look = (
        "getent passwd | cut -d: -f1; systemctl list-unit-files --plain | cut -d. -f1; ls /opt /srv"
    )
    for name, machine in estate.machines.items():
        assert name == machine.look("hostname").stdout.strip()
        found = machine.look("/bin/sh", "-c", look).stdout.split()
        assert not old & set(found)
        assert NEW["deploy"] in found


def test_canaries_are_seen(estate: Estate) -> None:
    seen = take(estate.machines[NEW["db01"]])
    assert seen["canary:postgresql"].count("\n") >= 50
    assert seen["canary:mariadb"].count("\n") >= 50


def test_the_inventory_tells_the_service_the_new_names(estate: Estate) -> None:
    text = write_inventory(estate).read_text()
    assert NEW["web01"] in text
    assert NAMING.text(text) == text  # nothing is left to rename
