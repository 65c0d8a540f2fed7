from __future__ import annotations

import pytest

from app.host.facts import Listener, Process
from app.host.parsers import ParseError, RawOutput
from app.host.parsers.cgroup_path import unit_of_cgroup
from app.host.parsers.ps import parse_processes
from app.host.parsers.ss import parse_listeners
from tests.unit.host.parsers.recordings import printed, said, text_of


def test_each_socket_is_told_once_with_its_master_process_and_unit() -> None:
    found = parse_listeners(printed("ss/cgroup.txt")).listeners
    assert len(found) == 6
    assert found[1] == Listener(
        protocol="tcp",
        address="0.0.0.0",
        port=80,
        process="nginx",
        pid=186,
        unit="nginx.service",
        queue=0,
        backlog=511,
    )
    assert [(one.address, one.port, one.unit) for one in found if ":" in one.address] == [
        ("::", 80, "nginx.service"),
        ("::", 22, "ssh.service"),
    ]


def test_without_the_cgroup_column_the_unit_is_unknown() -> None:
    found = parse_listeners(printed("ss/plain.txt")).listeners
    assert len(found) == 6
    assert {one.unit for one in found} == {None}


def test_forms_of_addresses_and_queues() -> None:
    lines = (
        "udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\n"
        "tcp LISTEN 3 128 [fe80::1]%eth0:8080 [::]:*\n"
        'tcp LISTEN 0 5 *:5 *:* users:(("systemd",pid=1,fd=9),("app",pid=77,fd=3))\n'
    )
    udp, scoped, activated = parse_listeners(said(lines)).listeners
    assert (udp.address, udp.port, udp.queue, udp.backlog) == ("127.0.0.53", 53, None, None)
    assert (scoped.address, scoped.queue, scoped.pid) == ("fe80::1", 3, None)
    assert (activated.address, activated.process, activated.pid) == ("*", "app", 77)


def test_a_host_where_nothing_listens_is_no_error_and_a_failing_ss_is() -> None:
    assert parse_listeners(said("")).listeners == ()
    with pytest.raises(ParseError, match="not permitted"):
        parse_listeners(RawOutput(exit_code=255, stderr="Operation not permitted"))


def test_a_cut_line_is_left_out() -> None:
    text = text_of("ss/cgroup.txt")
    at = text.index("pid=44")
    found = parse_listeners(RawOutput(stdout=text[:at], exit_code=0, truncated=True)).listeners
    assert [one.port for one in found] == [8000, 80]


def test_processes_with_their_units() -> None:
    found = {one.pid: one for one in parse_processes(printed("ps/cgroup-v1.txt")).processes}
    assert found[1].unit == "init.scope"
    nginx = [one for one in found.values() if one.command == "nginx"]
    assert {one.unit for one in nginx} == {"nginx.service"}
    assert {one.user for one in nginx} == {"root", "www-data"}
    assert found[1].rss_bytes == 12452 * 1024


def test_processes_on_a_host_with_unified_cgroups() -> None:
    found = parse_processes(printed("by-knowledge/ps-cgroup-v2.txt")).processes
    assert [one.unit for one in found] == [
        "init.scope",
        "httpd.service",
        "httpd.service",
        "docker-4f5a.scope",
        "user@1000.service",
        None,
    ]
    assert found[2] == Process(
        pid=1050,
        ppid=1042,
        user="apache",
        state="Z",
        seconds=12,
        rss_bytes=0,
        cpu_percent=0.0,
        command="httpd",
        unit="httpd.service",
    )
    assert (found[4].state, found[4].command) == ("D", "tmux: server")


@pytest.mark.parametrize("text", ["", "error: unsupported option (BSD syntax)\n"])
def test_no_process_at_all_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_processes(said(text))


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        (
            "/system.slice/system-postgresql.slice/postgresql@15-main.service",
            "postgresql@15-main.service",
        ),
        ("0::/", None),
        ("-", None),
        ("4:memory:/docker/0af,1:name=systemd:/system.slice/ssh.service", "ssh.service"),
        ("0::/user.slice/user-0.slice/session-3.scope", "session-3.scope"),
        ("unreachable:1", None),
    ],
)
def test_unit_of_a_cgroup(cgroup: str, unit: str | None) -> None:
    assert unit_of_cgroup(cgroup) == unit
