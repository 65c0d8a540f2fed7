"""Configuration tests of programs that say where it is wrong."""

from __future__ import annotations

import pytest

from app.host.parsers.config_test import parse_haproxy_test, parse_named_test, parse_sshd_test
from app.host.parsers.raw import ParseError, RawOutput


def test_sshd_names_the_file_and_the_line() -> None:
    said = (
        "/etc/ssh/sshd_config.d/40-local.conf: line 2: Bad configuration option: PermitTunell\n"
        "/etc/ssh/sshd_config: terminating, 1 bad configuration options\n"
    )
    found = parse_sshd_test(RawOutput(stderr=said, exit_code=255))
    assert not found.ok
    (problem,) = found.problems
    assert (problem.file, problem.line) == ("/etc/ssh/sshd_config.d/40-local.conf", 2)


def test_named_names_the_file_and_the_line() -> None:
    said = "/etc/bind/named.conf.options:12: unknown option 'forwardres'\n"
    found = parse_named_test(RawOutput(stdout=said, exit_code=1))
    (problem,) = found.problems
    assert (problem.file, problem.line, problem.subject) == (
        "/etc/bind/named.conf.options", 12, "forwardres"
    )  # fmt: skip
    assert problem.kind == "unknown-word"


def test_haproxy_names_the_file_and_the_line() -> None:
    said = (
        "[NOTICE]   (812) : haproxy version is 2.6.12-1+deb12u1\n"
        "[ALERT]    (812) : config : parsing [/etc/haproxy/haproxy.cfg:31] : unknown keyword "
        "'optoin' in 'frontend' section\n"
        "[ALERT]    (812) : config : Error(s) found in configuration file : /etc/haproxy/x.cfg\n"
        "[ALERT]    (812) : config : Fatal errors found in configuration.\n"
    )
    found = parse_haproxy_test(RawOutput(stderr=said, exit_code=1))
    assert found.problems[0].line == 31
    assert found.problems[0].subject == "optoin"
    assert [p.level for p in found.problems] == ["emerg", "warn"]


@pytest.mark.parametrize("parse", [parse_sshd_test, parse_named_test, parse_haproxy_test])
def test_silence_and_zero_is_acceptance(parse: object) -> None:
    assert callable(parse)
    assert parse(RawOutput(exit_code=0)).ok


def test_a_test_that_did_not_end_tells_nothing() -> None:
    with pytest.raises(ParseError, match="did not end"):
        parse_sshd_test(RawOutput(exit_code=None))
