"""What a host is asked about itself where no user would notice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.host import Host
from app.domain.incident import Incident
from app.domain.probe import Probe
from app.host import checks
from app.host.view import HostView
from tests.unit.reasoning.cases import evidence, facts_of, unit

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOST = Host(name="alpha", address="192.0.2.7", services=("ledger",))


def mount(path: str, used: float, **more: Any) -> dict[str, Any]:
    shape = {"mount": path, "source": "x", "fstype": "ext4", "read_only": False}
    return shape | {"used_percent": used} | more


def container(state: str) -> dict[str, Any]:
    return {"containers": [{"name": "pages", "id": "x", "state": state}]}


def view(
    units: list[dict[str, Any]],
    mounts: list[dict[str, Any]],
    *,
    accepted: bool = True,
    pages: str = "running",
) -> HostView:
    facts = facts_of(
        units,
        [],
        mounts=mounts,
        containers__list=container(pages),
        apache__test={"program": "apache2", "ok": accepted, "problems": [{"level": "emerg",
                      "message": "Syntax error on line 3 of /etc/apache2/conf-enabled/x.conf"}]},
    )  # fmt: skip
    return HostView(HOST, evidence(facts))


HEALTHY = view(
    [unit("apache2.service"), unit("rust.timer"), unit("old.service", "failed", "failed")],
    [mount("/", 40), mount("/srv/image", 100), mount("/var/spool/in", 12),
     mount("/run/user/1000", 1)],
)  # fmt: skip


def named(name: str) -> Probe:
    return next(p for p in checks.learned(HEALTHY) if p.name == f"check {name} on alpha")


def test_only_what_held_is_asked_for() -> None:
    names = {
        p.name.removeprefix("check ").removesuffix(" on alpha") for p in checks.learned(HEALTHY)
    }
    assert "runs rust.timer" in names
    assert "config apache2.service" in names
    assert "container pages" in names
    assert "runs old.service" not in names, "it was down before: nobody minds"
    assert "room /srv/image" not in names, "it was full before: it is meant to be"


@pytest.mark.parametrize(
    ("name", "now", "says"),
    [
        ("runs rust.timer", view([unit("rust.timer", "inactive", "dead")], []), "inactive"),
        ("config apache2.service", view([], [], accepted=False), "x.conf"),
        ("room /var/spool/in", view([], [mount("/var/spool/in", 99)]), "99 % full"),
        (
            "room /var/spool/in",
            view([], [mount("/var/spool/in", 3, inodes_used_percent=100)]),
            "100 %",
        ),
        ("writable /", view([], [mount("/", 40, read_only=True)]), "read-only"),
        ("writable /var/spool/in", view([], [mount("/", 4)]), "not mounted"),
        ("container pages", view([], [], pages="exited"), "exited"),
    ],
)
def test_what_does_not_hold_any_more_is_said(name: str, now: HostView, says: str) -> None:
    result = checks.answer(named(name), now, taken_at=NOW, simulated=False)
    assert not result.ok
    assert says in result.detail
    well = checks.answer(named(name), HEALTHY, taken_at=NOW, simulated=False)
    assert well.ok


def test_silence_proves_nothing() -> None:
    result = checks.answer(named("runs rust.timer"), view([], []), taken_at=NOW, simulated=False)
    assert not result.ok
    assert "could not be asked" in result.detail


def incident(text: str, service: str | None = None) -> Incident:
    return Incident(
        number="INC1",
        short_description=text,
        host="alpha",
        claimed_service=service,
        received_at=NOW,
    )


@pytest.mark.parametrize(
    ("name", "text", "concerned"),
    [
        ("runs rust.timer", "The rust report was not made", True),
        ("runs rust.timer", "Pages are slow", False),
        ("room /var/spool/in", "[FIRING] NodeFilesystemFull", True),
        ("room /var/spool/in", "Nothing arrives in /var/spool/in", True),
        ("room /var/spool/in", "Pages are slow", False),
        ("container pages", "docker is broken again", True),
        ("container pages", "Mails are late", False),
    ],
)
def test_a_ticket_concerns_what_it_has_a_word_for(name: str, text: str, *, concerned: bool) -> None:
    assert checks.concerns(named(name), incident(text), HOST) is concerned


def test_what_the_host_is_there_for_always_concerns() -> None:
    probe = named("runs rust.timer").model_copy(update={"subject": "ledger.service"})
    assert checks.concerns(probe, incident("Something is odd"), HOST)


def test_each_is_asked_by_a_diagnostic_that_reads_it() -> None:
    for probe in checks.learned(HEALTHY):
        (call,) = checks.calls(probe, "alpha")
        assert call.host == "alpha"
        assert call.action in {
            "unit.show", "apache.test", "nginx.test", "filesystems.list", "containers.list"
        }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("PROBLEM: alpha is CRITICAL, hard state", True),  # names nothing: may be about anything
        ("the apache2 of alpha is odd", False),  # names something, which is well
    ],
)
def test_a_ticket_that_names_nothing_may_be_about_any_check(text: str, *, asked: bool) -> None:
    rusts = [unit("apache2.service"), unit("rust.timer", "inactive", "dead")]
    now = view(rusts, [mount("/", 40), mount("/srv/image", 100), mount("/var/spool/in", 12)])
    found = checks.doubted(checks.learned(HEALTHY), now, incident(text))
    assert [p.subject for p in found] == (["rust.timer"] if asked else [])


def test_what_a_changed_file_is_for_is_asked_whatever_the_ticket_says() -> None:
    broken = view(
        [unit("apache2.service"), unit("rust.timer")],
        [mount("/", 40), mount("/srv/image", 100), mount("/var/spool/in", 12)],
        accepted=False,
    )
    known = checks.learned(HEALTHY)
    vague = incident("the rust of alpha is odd")  # names something, which is well
    assert checks.doubted(known, broken, vague) == ()
    found = checks.doubted(known, broken, vague, {"apache2.service"})
    assert [(p.check, p.subject) for p in found] == [("config", "apache2.service")]


@pytest.mark.parametrize(
    ("then", "now", "asked", "holds"),
    [
        (False, True, True, False),
        (False, False, True, True),
        (False, None, True, True),  # not known
        (True, True, False, False),  # it was skipped before: it is meant to be
    ],
)
def test_a_job_that_systemd_skips_since_is_told(
    then: bool, now: bool | None, asked: bool, holds: bool
) -> None:
    healthy, later = (
        view([unit("tally.service", "inactive", "dead", condition_failed=failed)], [])
        for failed in (then, now)
    )
    checked = [p for p in checks.learned(healthy) if p.check == "conditions"]
    assert bool(checked) is asked
    for probe in checked:
        said = checks.answer(probe, later, taken_at=NOW, simulated=False)
        assert said.ok is holds
        incident = Incident(
            number="INC1", short_description="the tally is old", host="alpha", received_at=NOW
        )
        assert checks.concerns(probe, incident, HOST)
