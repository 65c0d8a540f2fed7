"""Answers of the tools on a host become keys and values that can be compared."""

from __future__ import annotations

from app.lab.snapshot import READERS


def read(kind: str, text: str) -> dict[str, str]:
    return dict(READERS[kind](text))


def test_a_running_unit_is_known_by_its_invocation() -> None:
    text = (
        "Type=notify\nId=nginx.service\nActiveState=active\nSubState=running\nInvocationID=abc\n"
        "\n"
        "Type=simple\nId=shop.service\nActiveState=inactive\nSubState=dead\nInvocationID=old\n"
    )
    assert read("units", text) == {
        "unit:nginx.service": "active abc",
        "unit:shop.service": "inactive",
    }


def test_a_finished_job_counts_only_when_it_failed() -> None:
    text = "Type=oneshot\nId=logrotate.service\nActiveState={}\nInvocationID=x\n"
    assert read("units", text.format("inactive")) == {"unit:logrotate.service": "idle"}
    assert read("units", text.format("activating")) == {"unit:logrotate.service": "idle"}
    assert read("units", text.format("failed")) == {"unit:logrotate.service": "failed"}


def test_each_firewall_table_stands_for_itself() -> None:
    text = "table inet filter {\n\tchain input {\n\t}\n}\ntable inet tmp {\n}\n"
    assert set(read("nft", text)) == {"nft:inet filter", "nft:inet tmp"}


def test_counters_are_no_settings() -> None:
    text = (
        "net.ipv4.ip_forward = 1\nnet.netfilter.nf_conntrack_count = 7\n"
        "net.ipv4.conf.veth6f1ef80.accept_local = 0\n"  # made anew at each start of a container
    )
    assert read("sysctl", text) == {"sysctl:net.ipv4.ip_forward": "1"}


def test_a_question_on_its_way_is_no_open_door() -> None:
    text = (
        "tcp LISTEN 0 511 0.0.0.0:80 0.0.0.0:*\n"
        "udp UNCONN 0 0 10.77.0.10:45678 0.0.0.0:*\n"
        "udp UNCONN 0 0 127.0.0.1:323 0.0.0.0:*\n"
    )
    assert set(read("port", text)) == {"port:tcp 0.0.0.0:80", "port:udp 127.0.0.1:323"}


def test_nothing_said_is_nothing_known() -> None:
    assert all(read(kind, "") == {} for kind in READERS)
