from __future__ import annotations

import pytest

from app.host.facts import ConfigProblem, ConfigTestFacts
from app.host.parsers import ParseError, RawOutput
from app.host.parsers.apache_test import parse_apache_test
from app.host.parsers.nginx_test import parse_nginx_test
from tests.unit.host.parsers.recordings import text_of

SITE = "/etc/nginx/sites-enabled/shop"
HOST = "/etc/apache2/sites-enabled/000-default.conf"


def nginx(name: str, exit_code: int = 1) -> ConfigTestFacts:
    stderr = text_of(f"nginx-test/{name}.stderr")
    return parse_nginx_test(RawOutput(exit_code=exit_code, stderr=stderr))


def apache(name: str, exit_code: int = 1) -> ConfigTestFacts:
    stderr = text_of(f"apache-test/{name}.stderr")
    return parse_apache_test(RawOutput(exit_code=exit_code, stderr=stderr))


@pytest.mark.parametrize(
    ("name", "kind", "subject", "file", "line"),
    [
        ("missing-semicolon", "syntax", "root", SITE, 10),
        ("stray-semicolon", "syntax", ";", SITE, 1),
        ("unknown-directive", "unknown-word", "rooot", SITE, 9),
        ("invalid-arguments", "syntax", "root", SITE, 9),
        ("unexpected-end", "syntax", "}", SITE, 30),
        ("unexpected-brace", "syntax", "}", SITE, 31),
        ("quote", "syntax", "a", SITE, 14),
        ("not-allowed-here", "syntax", "proxy_pass", SITE, 2),
        ("unknown-variable", "syntax", "nosuchvar", None, None),
        ("upstream-unknown-port", "syntax", "localhost:99999/api/", SITE, 17),
        ("host-not-found", "host-not-found", "api.internal.example.net", SITE, 17),
        ("host-not-found-server", "host-not-found", "app.internal.example.net", SITE, 2),
        ("certificate-missing", "file-missing", "/etc/nginx/tls/nosuch.crt", None, None),
        ("key-missing", "file-missing", "/etc/nginx/tls/nosuch.key", None, None),
        ("key-mismatch", "certificate", "/etc/nginx/tls/other.key", None, None),
        ("certificate-garbage", "certificate", "/etc/nginx/tls/garbage.crt", None, None),
        ("include-missing", "file-missing", "/etc/nginx/snippets/nosuch.conf", SITE, 20),
        ("log-folder-missing", "file-missing", "/var/log/shopp/error.log", None, None),
        ("permission", "permission", "/etc/nginx/tls/admin.key", None, None),
        ("address-in-use", "bind", "0.0.0.0:80", None, None),
        ("duplicate-default", "duplicate", "0.0.0.0:80", SITE, 6),
        ("duplicate-upstream", "duplicate", "shop_app", SITE, 2),
        ("duplicate-location", "duplicate", "/", SITE, 16),
        ("duplicate-directive", "duplicate", "root", SITE, 9),
    ],
)
def test_nginx_says_what_is_wrong_and_where(
    name: str, kind: str, subject: str, file: str | None, line: int | None
) -> None:
    found = nginx(name)
    assert not found.ok
    worst = found.problems[0]
    assert (worst.level, worst.kind, worst.subject) == ("emerg", kind, subject)
    assert (worst.file, worst.line) == (file, line)


def test_nginx_that_passes_may_still_warn() -> None:
    assert nginx("ok", exit_code=0) == ConfigTestFacts(program="nginx", ok=True)
    warned = nginx("ssl-warn", exit_code=0)
    assert warned.ok
    assert [(one.level, one.line) for one in warned.problems] == [("warn", 25)]


def test_nginx_repeats_a_complaint_five_times_and_it_is_told_once() -> None:
    subjects = [one.subject for one in nginx("address-in-use").problems]
    assert subjects == ["0.0.0.0:80", "[::]:80", "127.0.0.1:8443", None]


def test_a_word_of_nginx_that_is_not_known_here_is_a_fault_of_the_place_it_names() -> None:
    line = 'nginx: [emerg] the size 5 of shared zone "z" is bad in /etc/nginx/a.conf:7\n'
    problem = parse_nginx_test(RawOutput(exit_code=1, stderr=line)).problems[0]
    assert (problem.kind, problem.subject, problem.line) == ("syntax", "z", 7)


@pytest.mark.parametrize(
    ("message", "kind", "subject"),
    [
        ('open() "/var/log/x" failed (28: No space left on device)', "disk-full", "/var/log/x"),
        (
            'open() "/run/nginx.pid" failed (30: Read-only file system)',
            "read-only",
            "/run/nginx.pid",
        ),
        (
            'getpwnam("www") failed (2: No such file) in /etc/nginx/nginx.conf:1',
            "user-missing",
            "www",
        ),
        (
            "bind() to 10.0.0.9:80 failed (99: Cannot assign requested address)",
            "bind",
            "10.0.0.9:80",
        ),
        ("bind() to 0.0.0.0:80 failed (13: Permission denied)", "permission", "0.0.0.0:80"),
        (
            'no "ssl_certificate" is defined for the "listen ... ssl" directive in /a:3',
            "certificate",
            "ssl_certificate",
        ),
    ],
)
def test_more_words_of_nginx(message: str, kind: str, subject: str) -> None:
    raw = RawOutput(exit_code=1, stderr=f"2026/11/23 09:11:13 [emerg] 7#7: {message}\n")
    problem = parse_nginx_test(raw).problems[0]
    assert (problem.kind, problem.subject) == (kind, subject)


def test_an_older_nginx_words_a_missing_certificate_otherwise() -> None:
    stderr = text_of("by-knowledge/nginx-1.16-certificate.stderr")
    problem = parse_nginx_test(RawOutput(exit_code=1, stderr=stderr)).problems[0]
    assert (problem.kind, problem.subject) == ("file-missing", "/etc/pki/nginx/server.crt")


@pytest.mark.parametrize(
    ("name", "kind", "subject", "file", "line"),
    [
        ("unknown-command", "unknown-word", "DocumentRooot", HOST, 12),
        ("arguments", "syntax", None, HOST, 12),
        ("unclosed", "syntax", "<VirtualHost>", HOST, 1),
        ("include-missing", "file-missing", "/etc/apache2/nosuch.conf", HOST, 12),
        ("certificate-missing", "file-missing", "/etc/nosuch.crt", HOST, 13),
        ("module-missing", "file-missing", "/usr/lib/apache2/modules/mod_nosuch.so", HOST, 1),
        ("log-folder-missing", "file-missing", "/var/log/nosuch/", None, None),
        ("address-in-use", "bind", "[::]:80", None, None),
    ],
)
def test_apache_says_what_is_wrong_and_where(
    name: str, kind: str, subject: str | None, file: str | None, line: int | None
) -> None:
    found = apache(name)
    assert not found.ok
    assert (found.problems[0].kind, found.problems[0].subject) == (kind, subject)
    assert (found.problems[0].file, found.problems[0].line) == (file, line)


def test_apache_that_passes_may_still_warn() -> None:
    assert apache("ok", exit_code=0) == ConfigTestFacts(program="apache2", ok=True)
    warned = apache("docroot-missing", exit_code=0)
    assert warned.ok
    assert warned.problems == (
        ConfigProblem(
            level="warn",
            message="AH00112: Warning: DocumentRoot [/var/www/nosuch] does not exist",
            kind="file-missing",
            subject="/var/www/nosuch",
        ),
    )


def test_httpd_puts_its_fault_before_its_remark() -> None:
    stderr = text_of("by-knowledge/httpd-test.stderr")
    fault, remark = parse_apache_test(RawOutput(exit_code=1, stderr=stderr)).problems
    assert (fault.file, fault.line) == ("/etc/httpd/conf.modules.d/00-site.conf", 3)
    assert (fault.kind, remark.level) == ("file-missing", "warn")


def test_no_verdict_at_all_is_refused() -> None:
    absent = RawOutput(exit_code=127, stderr="sudo: nginx: command not found\n")
    for parse in (parse_nginx_test, parse_apache_test):
        with pytest.raises(ParseError, match="command not found"):
            parse(absent)
