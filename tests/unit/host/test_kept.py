"""What no user notices to be other than it was, and the tickets that speak of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.host import Host
from app.domain.incident import Incident
from app.host import checks, kept
from app.host.drift import Change, ChangeKind
from app.host.facts import Manifest
from app.host.view import HostView
from tests.unit.reasoning.cases import evidence, file

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOST = Host(name="alpha", address="192.0.2.7")


def ticket(text: str) -> Incident:
    return Incident(number="INC1", short_description=text, host="alpha", received_at=NOW)


def changed(path: str, then: Manifest.File | None = None) -> Change:
    kind = ChangeKind.ADDED if then is None else ChangeKind.CONTENT
    return Change(path=path, kind=kind, then=then, now=file(path, "b" * 64))


def themes(path: str, text: str, *jobs: str) -> list[str]:
    change = changed(path, file(path))
    return list(kept.themes([change], ticket(text), frozenset(jobs)))


@pytest.mark.parametrize(
    ("path", "text", "theme"),
    [
        ("/etc/localtime", "Reports are stamped five hours late", "time zone"),
        ("/etc/localtime", "Reports are empty", None),
        ("/usr/local/share/ca-certificates/own.crt", "issuer unknown", "trusted roots"),
        ("/usr/local/share/ca-certificates/own.crt", "see https://wiki/x: page is slow", None),
        ("/etc/nologin", "Nobody can log in any more", "logins"),
        ("/tmp", "The importer cannot create its files", "who may use a folder"),
        ("/etc/cron.d/ledger-export", "The ledger export did not come", "job ledger-export"),
        ("/etc/cron.d/ledger-export", "Pages are slow", None),
        ("/etc/systemd/system/rates.timer", "Exchange rates are stale", "job rates"),
        ("/etc/systemd/system/rates.timer.d/x.conf", "Exchange rates are stale", "job rates"),
        ("/etc/systemd/system/rates.service", "Exchange rates are stale", "job rates"),
        ("/etc/systemd/system/site.service", "The site is slow", None),  # no job: a service
        ("/etc/motd", "ledger", None),
    ],
)
def test_a_change_belongs_to_what_the_ticket_is_about(
    path: str, text: str, theme: str | None
) -> None:
    assert themes(path, text, "rates.service") == ([] if theme is None else [theme])


def judged(then: Manifest.File | None, now: dict[str, Any]) -> bool | None:
    path = "/etc/localtime"
    (probe,) = kept.probes_of(HOST, [changed(path, then)])
    said = checks.judge(probe, HostView(HOST, evidence({f"file.state path={path}": now})))
    return None if said is None else said[0]


AS_IT_WAS = {"path": "/etc/localtime", "kind": "file", "sha256": "a" * 64, "owner": "root",
             "group": "root", "mode": "0644"}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "holds"),
    [({}, True), ({"sha256": "c" * 64}, False), ({"mode": "0600"}, False),
     ({"owner": "kim"}, False), ({"kind": "missing"}, False)],
)  # fmt: skip
def test_a_file_holds_where_content_owner_and_mode_are_as_they_were(
    more: dict[str, Any], holds: bool
) -> None:
    assert judged(file("/etc/localtime"), AS_IT_WAS | more) is holds


def test_what_was_not_there_holds_where_it_is_gone() -> None:
    assert judged(None, AS_IT_WAS) is False
    assert judged(None, {"path": "/etc/localtime", "kind": "missing"}) is True


def test_a_file_that_was_not_looked_at_is_not_judged() -> None:
    (probe,) = kept.probes_of(HOST, [changed("/etc/localtime", file("/etc/localtime"))])
    assert checks.judge(probe, HostView(HOST, ())) is None
    (call,) = checks.calls(probe, "alpha")
    assert (call.action, call.params) == ("file.state", {"path": "/etc/localtime"})
