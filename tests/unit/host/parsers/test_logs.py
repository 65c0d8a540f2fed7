from __future__ import annotations

import json

import pytest

from app.host.facts import LogFacts, LogLine
from app.host.parsers import ParseError, RawOutput
from app.host.parsers.journal import parse_journal
from app.host.parsers.log_lines import parse_log_lines
from app.host.parsers.log_template import template_of
from tests.unit.host.parsers.recordings import printed, said, text_of


def journal(unit: str) -> LogFacts:
    return parse_journal(printed(f"journal/{unit}.jsonl", unit=f"{unit}.service", lines=200))


def log(name: str, utc_offset_minutes: int | None = None) -> tuple[LogLine, ...]:
    raw = printed(name, path="/var/log/x.log", lines=100)
    return parse_log_lines(raw.model_copy(update={"utc_offset_minutes": utc_offset_minutes})).lines


def log_of(*lines: str) -> tuple[LogLine, ...]:
    text = "".join(f"{line}\n" for line in lines)
    return parse_log_lines(said(text, path="/var/log/x.log", lines=100)).lines


def of(lines: tuple[LogLine, ...], words: str) -> LogLine:
    (found,) = [line for line in lines if words in line.template]
    return found


def test_a_crash_loop_is_a_few_lines_with_their_counts() -> None:
    found = journal("crash")
    assert found.source == "journal:crash.service"
    assert len(found.lines) == 9
    traceback = of(found.lines, "Traceback")
    assert traceback.template == "Traceback: ConnectionRefusedError: [Errno <n>] Connection refused"
    assert traceback.example.startswith("Traceback (most recent call last):\n  File")
    assert traceback.example.endswith("ConnectionRefusedError: [Errno 111] Connection refused")
    assert (traceback.count, traceback.identifier) == (5, "python3")
    assert (traceback.first, traceback.last) == (
        "2026-11-23T09:05:21.172454+00:00",
        "2026-11-23T09:05:22.374281+00:00",
    )
    assert found.lines[-1] == LogLine(
        template="Failed to start crash.service - Crashes with a traceback.",
        example="Failed to start crash.service - Crashes with a traceback.",
        count=1,
        first="2026-11-23T09:05:22.600482+00:00",
        last="2026-11-23T09:05:22.600482+00:00",
        priority=3,
        unit="crash.service",
        identifier="systemd",
    )


def test_paths_stay_and_the_newest_stands_last() -> None:
    lines = journal("nginx").lines
    refused = of(lines, "unexpected")
    assert refused.template.endswith('unexpected ";" in /etc/nginx/sites-enabled/shop:<n>')
    assert refused.count == 2
    assert lines[-1].template.startswith("Started nginx.service")


def test_errors_of_all_units_name_their_unit() -> None:
    found = parse_journal(printed("journal/errors.jsonl", lines=200))
    assert found.source == "journal"
    spawn = of(found.lines, "Failed at step EXEC")
    assert (spawn.unit, spawn.priority) == ("ledger.service", 3)
    assert of(found.lines, "Failed to start billing").count == 12


def test_a_message_may_be_bytes_colours_or_several_lines() -> None:
    lines = parse_journal(printed("journal/errors.jsonl", lines=200)).lines
    assert of(lines, "kernel-ish").template == "kernel-ish colour"
    binary = of(lines, "two lines")
    assert binary.template == "two lines"
    assert binary.example == "two lines\nsecond line \ufffd\ufffd binary"
    told = of(lines, "user <uuid>").template
    assert told == "user <uuid> failed from <address> after <n>s at <hex>"


def test_a_journal_without_entries_is_no_error() -> None:
    assert parse_journal(said("", unit="a.service", lines=5)).lines == ()
    assert parse_journal(printed("journal/none.txt", unit="a.service", lines=5)).lines == ()


def test_a_cut_journal_gives_its_whole_entries() -> None:
    text = text_of("journal/nginx.jsonl")
    cut = RawOutput(stdout=text[: len(text) // 2], exit_code=0, truncated=True)
    assert 0 < sum(line.count for line in parse_journal(cut).lines) < 24


@pytest.mark.parametrize(
    "message",
    [None, [], [300], [[1]], 5, {"a": 1}],
    ids=["null", "none", "byte", "list", "int", "map"],
)
def test_a_message_that_is_none_is_passed_over(message: object) -> None:
    entry = json.dumps({"__REALTIME_TIMESTAMP": "1", "MESSAGE": message})
    assert parse_journal(said(entry)).lines == ()


def test_what_is_no_journal_is_refused() -> None:
    for raw in (said("hello\n"), said('{"a": 1}\n'), RawOutput(exit_code=1, stderr="No access")):
        with pytest.raises(ParseError):
            parse_journal(raw)


def test_nginx_error_log() -> None:
    lines = log("logs/nginx-error.log", utc_offset_minutes=0)
    socket = of(lines, "unix:/run/shop/shop.sock failed")
    assert (socket.priority, socket.count) == (2, 1)
    assert socket.last == "2026-11-23T09:13:20+00:00"
    refused = [
        line for line in lines if "connect() failed (<n>: Connection refused)" in line.template
    ]
    assert sum(line.count for line in refused) == 5


def test_a_time_without_a_zone_is_unknown_unless_the_hosts_is_known() -> None:
    assert {line.last for line in log("logs/nginx-error.log")} == {None}
    in_tokyo = log("logs/nginx-error.log", utc_offset_minutes=540)
    assert {line.last for line in in_tokyo} == {
        "2026-11-23T00:13:20+00:00",
        "2026-11-23T00:13:21+00:00",
    }


def test_access_log_keeps_what_was_asked_and_the_status() -> None:
    found = {line.template: line.count for line in log("logs/nginx-access.log")}
    assert found["GET / HTTP/<n> -> 200"] == 3
    assert found["GET <path> HTTP/<n> -> 502"] == 6
    assert log("logs/nginx-access.log")[-1].last == "2026-11-23T09:13:21+00:00"


def test_syslog_and_apache() -> None:
    failed = of(log("logs/syslog"), "Failed to start nginx.service")
    assert (failed.identifier, failed.count, failed.last is not None) == ("systemd", 2, True)
    warned = of(log("logs/apache-error.log", utc_offset_minutes=0), "Session Cache")
    assert (warned.priority, warned.last) == (4, "2026-11-23T09:11:56+00:00")


def test_a_traceback_in_a_file_is_one_line() -> None:
    said_before, traceback = log("logs/traceback.log")
    assert said_before.template == "connecting to <address> attempt <n>"
    assert traceback.template == "Traceback: ConnectionRefusedError: [Errno <n>] Connection refused"
    assert traceback.example.count("\n") == 5


def test_applications_own_forms() -> None:
    lines = log("by-knowledge/application.log")
    found = {line.template: (line.priority, line.last and line.last[11:19]) for line in lines}
    assert found["Traceback: OperationalError: connection refused"] == (3, "09:00:00")
    assert found["ready"] == (6, "09:00:00")
    assert found["slow query <n> ms"] == (4, "09:00:01")
    assert found["ERROR shop.cart: no stock for item <n>"] == (3, None)
    assert found["[<n>] [INFO] Booting worker with pid: <n>"] == (6, "09:00:03")
    assert of(lines, "password authentication").last == "2026-11-23T09:00:04.250000+00:00"
    assert of(lines, "InnoDB").priority == 3
    assert of(lines, "kex_exchange").identifier == "sshd"
    java = of(lines, "request failed")
    assert (java.priority, java.example.count("\n")) == (3, 2)


def test_strings_are_kept_while_they_are_few_and_marked_when_they_are_many() -> None:
    few = log_of(*[f'cannot read "{name}" of shop' for name in ("a", "b", "c")])
    assert [line.template for line in few] == [
        'cannot read "a" of shop',
        'cannot read "b" of shop',
        'cannot read "c" of shop',
    ]
    (many,) = log_of(*[f'cannot read "{name}" of /srv/shop' for name in "abcdef"])
    assert (many.template, many.count) == ('cannot read "<text>" of /srv/shop', 6)
    assert many.example == 'cannot read "f" of /srv/shop'


def test_a_log_that_begins_within_a_traceback_or_ends_in_one() -> None:
    lines = log_of(
        '  File "/a.py", line 1, in x', "ValueError: a", "Traceback (most recent call last):"
    )
    assert len(lines) == 3


def test_examples_are_capped_and_keep_their_end() -> None:
    (line,) = log_of("begin " + "x" * 5000 + " end")
    assert len(line.example) == 1200
    assert line.example.startswith("begin ")
    assert line.example.endswith(" end")


def test_an_empty_log_is_no_error_and_a_missing_one_is() -> None:
    assert log_of() == ()
    raw = RawOutput(params={"path": "/var/log/x"}, exit_code=1, stderr="No such file or directory")
    with pytest.raises(ParseError, match="No such file"):
        parse_log_lines(raw)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("took 12 of 3.5 GB", "took <n> of <n> GB"),
        ("php8.2-fpm on web01 (utf8)", "php8.2-fpm on web01 (utf8)"),
        ("from 192.0.2.7:443 and [2001:db8::1]:80", "from <address> and <address>"),
        ("peer 2001:db8:0:1::5 left", "peer <address> left"),
        ("at 2026-11-23T09:00:00.1Z, 09:00:00", "at <time>, <time>"),
        ("commit 3f2a9c81d0 of 0xdeadbeef", "commit <hex> of <hex>"),
        ("worker[12]: pid=99", "worker[<n>]: pid=<n>"),
        ("defaced cafe", "defaced cafe"),
    ],
)
def test_marks(text: str, template: str) -> None:
    assert template_of(text) == template
