"""Noise is harmless, bounded, the same each time, and there before the judge's first look."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from app.lab.client import payload
from app.lab.disturbance import CALM, Disturbance
from app.lab.estate import HOSTS
from app.lab.hostlogs import LOGS
from app.lab.noise import BUSY_UNIT, FAILED_UNIT, LINES, noise
from app.lab.scenario import Scenario


def scenario(*hosts: str) -> Scenario:
    return Scenario.model_validate(
        {
            "id": "a-fault",
            "title": "A fault",
            "family": "faults",
            "target": hosts[0],
            "hosts": list(hosts),
            "ticket": {"short_description": "Something is wrong"},
            "healthy": "true",
            "expect": {"outcome": "resolved"},
        }
    )


@pytest.mark.parametrize("target", HOSTS)
def test_the_scripts_parse(target: str) -> None:
    made = noise(scenario(target, *(host for host in HOSTS if host != target)))
    assert set(made.earlier) == set(HOSTS)
    for script in (*made.earlier.values(), *made.meanwhile.values()):
        parsed = subprocess.run(
            ["/bin/bash", "-n"], input=script, text=True, capture_output=True, check=False
        )
        assert (parsed.returncode, parsed.stderr) == (0, "")


def test_it_is_the_same_each_time() -> None:
    assert noise(scenario("web01", "db01")) == noise(scenario("web01", "db01"))


def test_it_begins_after_the_baseline_and_nothing_of_it_stands_before() -> None:
    assert noise(scenario("web01")).standing == {}


def test_the_busy_process_is_nice_and_ends_by_itself() -> None:
    made = noise(scenario("web01", "db01"))
    (work,) = re.findall(r"nice -n 19 timeout (\d+) (.*)", made.earlier["web01"])
    assert int(work[0]) <= 600
    assert "&" not in work[1]
    assert "nice" not in made.earlier["db01"]
    assert made.ends_by_itself == {f"unit:{BUSY_UNIT}.service"}
    assert made.seconds == int(work[0])


def test_with_the_fault_come_log_lines_only() -> None:
    for script in noise(scenario("web01", "db01")).meanwhile.values():
        assert FAILED_UNIT not in script
        assert "systemd-run" not in script


def test_the_failed_job_is_needed_by_nothing() -> None:
    script = noise(scenario("web01")).earlier["web01"]
    assert "[Install]" not in script
    assert "Type=oneshot" in script
    assert "systemctl enable" not in script


def test_the_second_ticket_is_about_another_booted_host() -> None:
    aside = noise(scenario("web01", "db01")).aside
    assert aside is not None
    assert aside.host in {"db01", "ops01"}
    body = payload(aside.ticket, HOSTS[aside.host], aside.number)
    assert body["target"]["ip_address"] == HOSTS[aside.host].address
    assert "service" not in body["target"]


def test_where_one_other_host_is_up_it_is_that_one() -> None:
    aside = noise(scenario("web01")).aside
    assert aside is not None
    assert aside.host == "ops01"


def test_where_no_other_host_is_up_there_is_no_second_ticket() -> None:
    assert noise(scenario("ops01")).aside is None


def test_shipped_lines_fit_logs_that_hosts_have() -> None:
    shipped = yaml.safe_load(LINES.read_text())
    for host in HOSTS:
        assert set(shipped[host].get("files", {})) <= {file.path for file in LOGS[host]}
        assert shipped[host]["tickets"]


def test_no_host_is_locked_out_by_its_own_noise() -> None:
    """fail2ban counts failed logins of an address; the estate's rule bans after several."""
    script = noise(scenario("ops01")).earlier["ops01"] * 2
    assert script.count("Failed password") + script.count("Invalid user") == 0


def test_disturbances_add_up() -> None:
    one = Disturbance(earlier={"web01": "a\n"}, seconds=5)
    two = Disturbance(earlier={"web01": "b\n", "db01": "c\n"}, standing={"web01": "d\n"})
    both = one + two
    assert both.earlier == {"web01": "a\nb\n", "db01": "c\n"}
    assert both.standing == {"web01": "d\n"}
    assert both.seconds == 5
    assert CALM + one == one
    assert both.fingerprint() != one.fingerprint()
