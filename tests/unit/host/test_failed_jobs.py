"""Jobs that fail, and ports at which datagrams are no longer taken."""

from __future__ import annotations

from typing import Any

from app.host import checks, datagrams, failed_jobs
from app.host.view import HostView
from tests.unit.host.test_probes import view
from tests.unit.reasoning.cases import unit


def units(*found: dict[str, Any]) -> HostView:
    return view(units__show={"units": list(found)})


def job(name: str, state: str = "failed", **more: Any) -> dict[str, Any]:
    return unit(name, state, state, type="oneshot", result="exit-code", exec_main_status=3, **more)


def test_a_job_that_fails_since_is_asked_for_though_nobody_had_seen_it() -> None:
    now = units(job("pack.service"), job("old.service"), unit("web.service", "failed", "failed"))
    then = units(job("old.service"))
    (probe,) = failed_jobs.doubted(now, then)
    assert probe.subject == "pack.service"
    said = checks.judge(probe, now)
    assert said == (
        False,
        "the job pack.service fails (exit-code, status 3), and did not while healthy",
    )
    assert checks.judge(probe, units(job("pack.service", "inactive"))) is not None
    assert (checks.judge(probe, units(job("pack.service", "inactive"))) or (False,))[0]
    assert checks.judge(probe, units()) is None


def listening(*entries: tuple[str, str, int, str | None]) -> HostView:
    found = [
        {"protocol": protocol, "address": address, "port": port, "unit": owner, "process": "x"}
        for protocol, address, port, owner in entries
    ]
    return view(sockets__listening={"listeners": found})


TIME = ("udp", "0.0.0.0", 123, "chrony.service")


def test_a_port_for_datagrams_that_is_gone_is_told() -> None:
    well = listening(
        TIME,
        ("udp", "127.0.0.1", 323, "chrony.service"),
        ("udp", "0.0.0.0", 40000, "named.service"),
        ("udp", "0.0.0.0", 68, "dhclient.service"),
        ("tcp", "0.0.0.0", 80, "web.service"),
    )
    assert datagrams.taken(well) == ("chrony.service 123",)
    asked = [p for p in checks.learned(well) if p.check == datagrams.CHECK]
    assert [checks.unit_of(p) for p in asked] == ["chrony.service"]
    (probe,) = asked
    assert (checks.judge(probe, well) or (False,))[0]
    assert checks.judge(probe, listening()) == (
        False,
        "chrony.service does not listen on UDP port 123 any more",
    )


def test_a_job_at_work_that_was_not_while_healthy_is_waited_for() -> None:
    now = units(job("pack.service", "activating"), job("long.service", "activating"))
    (probe,) = failed_jobs.at_work(now, units(job("long.service", "activating")))
    assert probe.subject == "pack.service"
    assert checks.judge(probe, now) == (False, "the job pack.service is at work")
    assert (checks.judge(probe, units(job("pack.service"))) or (False,))[0]
    assert failed_jobs.at_work(units(unit("web.service", "activating", "start")), None) == ()
