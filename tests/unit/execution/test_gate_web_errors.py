"""The gate's word on what web servers refused users lately."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from app.execution.gate import web_errors
from app.execution.gate.places import Places
from app.host.facts import WebErrorFacts

BROWSER = '"-" "Mozilla/5.0"'


def line(
    status: int, request: str, *, ago: float = 5, zone: str = "+0000", rest: str = BROWSER
) -> str:
    hours = int(zone[:3])
    when = time.gmtime(time.time() - ago + 3600 * hours)
    stamp = time.strftime(f"%d/%b/%Y:%H:%M:%S {zone}", when)
    return f'192.0.2.77 - - [{stamp}] "{request} HTTP/1.1" {status} 21 {rest}\n'


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(web_errors, "_FOLDERS", (str(tmp_path),))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> WebErrorFacts:
    assert web_errors.web_errors({}, Places()) == 0
    return WebErrorFacts.model_validate(json.loads(capsys.readouterr().out))


def test_what_fails_is_told_by_method_and_path_and_how_it_went_last(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (logs / "access.log").write_text(
        line(500, "GET /bills?customer=9", ago=60)
        + line(502, "GET /bills", ago=30)
        + line(500, "POST /bills", ago=20)
        + line(503, "GET /mended", ago=50)
        + line(200, "GET /mended", ago=10)
        + line(413, "POST /pictures", ago=40)
        + line(404, "GET /nothing")
    )
    facts = told(capsys)
    assert facts.answers == 7
    seen = {(f.method, f.path): (f.failed, f.answered, f.fails_still) for f in facts.failing}
    assert seen == {
        ("GET", "/bills"): (2, 0, True),
        ("POST", "/bills"): (1, 0, True),
        ("POST", "/pictures"): (1, 0, True),  # the web server's own limit refused it
        ("GET", "/mended"): (1, 1, False),
    }
    assert facts.failing[0].path == "/bills"
    assert 25 <= facts.failing[0].last_ago <= 40


def test_what_was_served_and_is_withdrawn_and_what_users_gave_up_is_told(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (logs / "access.log").write_text(
        line(200, "GET /forms/leave.pdf", ago=3000)
        + line(404, "GET /forms/leave.pdf", ago=20)
        + line(404, "GET /wp-login.php", ago=15)  # it was never there
        + line(403, "GET /back", ago=14)
        + line(200, "GET /back", ago=12)
        + line(200, "GET /late", ago=60)
        + line(499, "GET /late", ago=11)
        + line(499, "GET /late", ago=10)
        + line(200, "GET /left-once", ago=60)
        + line(499, "GET /left-once", ago=10)
        + line(499, "GET /always-slow", ago=11)
        + line(499, "GET /always-slow", ago=10)
        + line(499, "POST /late", ago=9)
    )
    assert {(f.method, f.path): f.fails_still for f in told(capsys).failing} == {
        ("GET", "/forms/leave.pdf"): True,
        ("GET", "/late"): True,
        ("GET", "/left-once"): False,
        ("GET", "/always-slow"): False,
        ("POST", "/late"): False,
    }


def test_zones_ages_and_our_own_requests_are_minded(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (logs / "site-access.log").write_text(
        line(500, "GET /east", zone="+0900")
        + line(500, "GET /west", zone="-0500")
        + line(500, "GET /long-ago", ago=3000)
        + line(500, "GET /ours", rest='"-" "sre-agent-probe"')
    )
    assert {f.path for f in told(capsys).failing} == {"/east", "/west"}


def test_what_is_no_access_log_or_no_request_is_passed_over(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (logs / "error.log").write_text(line(500, "GET /a"))
    (logs / "access.log.1").write_text(line(500, "GET /b"))
    (logs / "access.log").write_text("nonsense\n" + "[x] " * 500 + '\n"GET / HTTP/1.1" 500 \n')
    (logs / "link-access.log").symlink_to(logs / "error.log")
    assert told(capsys).failing == ()
