"""What the gate makes of the words of ip, tc and ss, and of a host's own files."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from app.execution.catalog import Catalog
from app.execution.gate import (
    agent_paths,
    kernel_settings,
    links,
    neighbours,
    network,
    policy_rules,
    routes,
    shaping,
)
from app.execution.gate.agent_paths import Path as Way
from app.execution.gate.agent_paths import clients_of
from app.execution.gate.declared_routes import declared
from app.execution.gate.kernel_settings import NAMES
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.facts import PortConnectionsFacts, UnixSocketFacts

ESTABLISHED = """\
0      0      192.0.2.7:22        198.51.100.4:50122 users:(("sshd",pid=91,fd=4),("sshd",pid=88,fd=4))
0      0      [::ffff:192.0.2.7]:22 [::ffff:198.51.100.9]:41000 users:(("sshd-session",pid=7,fd=7))
0      0      [2001:db8::7]:2222  [2001:db8::9]:41000 users:(("sshd",pid=70,fd=7))
0      0      192.0.2.7:443       203.0.113.5:60000  users:(("nginx",pid=11,fd=3))
0      0      192.0.2.7:22        203.0.113.6:60000
"""  # noqa: E501


def test_every_client_of_sshd_may_be_the_agent() -> None:
    assert clients_of(ESTABLISHED) == ("198.51.100.4", "198.51.100.9", "2001:db8::9")


# --- the agent's own way --------------------------------------------------------------------------

ROUTE: dict[str, Any] = {
    "destination": "default", "gateway": "192.0.2.1", "device": "ens3",
    "metric": 0, "source": "auto", "protocol": "boot", "onlink": "no",
}  # fmt: skip


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What ip was told to do, on a host with a default route; the agent comes over it."""
    told: list[list[str]] = []

    def program(argv: list[str]) -> tuple[int, str, str]:
        told.append(argv[1:])
        return 0, "", ""

    row = {"dst": "default", "gateway": "192.0.2.1", "dev": "ens3", "protocol": "boot"}
    way = {"198.51.100.4": Way("default", "192.0.2.1", "ens3")}
    monkeypatch.setattr(routes, "read_program", program)
    monkeypatch.setattr(links, "read_program", program)
    monkeypatch.setattr(routes, "rows", lambda _family: [row])
    monkeypatch.setattr(agent_paths, "paths", lambda: way)  # known_paths reads it there
    return told


@pytest.mark.parametrize("change", [routes.route_replace, routes.route_remove])
def test_the_route_that_the_agent_comes_over_is_not_touched(ran: list[Any], change: Any) -> None:
    with pytest.raises(Failed, match="the agent itself"):
        change(ROUTE, Places())
    assert ran == []


def test_the_device_that_the_agent_comes_over_is_not_switched_off(ran: list[Any]) -> None:
    with pytest.raises(Failed, match="the agent itself"):
        links.link_down({"device": "ens3"}, Places())
    assert ran == []


def test_a_route_that_turns_the_agents_way_is_taken_back(
    ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = iter([
        {"198.51.100.4": Way("default", "192.0.2.1", "ens3")},
        {"198.51.100.4": Way("198.51.100.0/24", "192.0.2.99", "ens3")},
    ])  # fmt: skip
    monkeypatch.setattr(routes, "paths", lambda: next(ways))
    wrong = {**ROUTE, "destination": "198.51.100.0/24", "gateway": "192.0.2.99"}
    with pytest.raises(Failed, match="taken back"):
        routes.route_add(wrong, Places())
    assert [argv[2] for argv in ran] == ["add", "del"]


CARD: dict[str, str | int] = {
    "address": "192.0.2.7",
    "device": "ens3",
    "hardware": "02:00:00:00:00:07",
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What ip was told to do, on a host where one neighbour was written down; see `ran`."""
    told: list[list[str]] = []

    def program(argv: list[str]) -> tuple[int, str, str]:
        if "show" not in argv:
            told.append(argv[1:])
            return 0, "", ""
        rows = [
            {"dst": "192.0.2.7", "dev": "ens3", "lladdr": "02:00:00:00:00:07", "state": []},
            {"dst": "224.0.0.22", "dev": "ens3", "lladdr": "01:00:5e:00:00:16"},
            {"dst": "192.0.2.8", "dev": "lo"},
        ]
        return 0, json.dumps(rows), ""

    monkeypatch.setattr(neighbours, "read_program", program)
    monkeypatch.setattr(
        neighbours, "paths", lambda: {"198.51.100.4": Way("default", "192.0.2.1", "ens3")}
    )
    return told


def test_exactly_the_neighbour_that_was_written_down_is_forgotten(written: list[Any]) -> None:
    assert neighbours.permanent() == [CARD]
    neighbours.neighbour_remove(CARD, Places())
    assert written == [["neighbour", "del", "192.0.2.7", "dev", "ens3"]]
    with pytest.raises(Failed, match="no entry any more"):
        neighbours.neighbour_remove(CARD | {"hardware": "02:00:00:00:00:08"}, Places())
    assert len(written) == 1


@pytest.mark.parametrize(
    ("address", "why"),
    [("192.0.2.1", "the agent itself"), ("192.0.2.7", "already"), ("999.0.2.1", "IPv4 or IPv6")],
)
def test_what_the_agent_comes_over_is_never_written_down(
    written: list[Any], address: str, why: str
) -> None:
    with pytest.raises((Failed, ValueError), match=why):
        neighbours.neighbour_add(CARD | {"address": address}, Places())
    assert written == []


RULE: dict[str, Any] = {
    "priority": 500, "source": "all", "destination": "203.0.113.9/32", "table": "99",
}  # fmt: skip
EVERY_HOSTS = [
    {"priority": 0, "src": "all", "table": "local"},
    {"priority": 32766, "src": "all", "table": "main"},
]


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What ip was told to do, on a host with one rule of its own; see `ran`."""
    told: list[list[str]] = []

    def program(argv: list[str]) -> tuple[int, str, str]:
        if "show" not in argv:
            told.append(argv[1:])
            return 0, "", ""
        own = {"priority": 500, "src": "all", "dst": "203.0.113.9", "table": "99"}
        marked = own | {"priority": 600, "fwmark": "0x1"}
        return 0, json.dumps([*EVERY_HOSTS, *([own, marked] if "-4" in argv else [])]), ""

    monkeypatch.setattr(policy_rules, "read_program", program)
    monkeypatch.setattr(policy_rules, "clients", lambda: ("198.51.100.4",))
    return told


def test_exactly_the_rule_that_is_described_is_removed(led: list[Any]) -> None:
    assert policy_rules.policy_rules()[0] == {**RULE, "plain": True}
    policy_rules.policy_rule_remove(RULE, Places())
    said = "-4 rule del priority 500 to 203.0.113.9/32 lookup 99"
    assert led == [said.split()]
    for other in ({"table": "98"}, {"priority": 600}, {"destination": "203.0.113.0/24"}):
        with pytest.raises(Failed, match="no rule"):
            policy_rules.policy_rule_remove(RULE | other, Places())
    assert len(led) == 1


def test_a_host_without_ipv6_and_a_rule_with_bits_of_a_host_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def program(argv: list[str]) -> tuple[int, str, str]:
        if "-6" in argv:
            return 2, "", "Operation not supported"
        own = {"priority": 7, "src": "192.0.2.7", "srclen": 24, "dst": "203.0.113.9", "table": "9"}
        return 0, json.dumps([own]), ""

    monkeypatch.setattr(policy_rules, "read_program", program)
    (rule,) = policy_rules.policy_rules()
    assert (rule["source"], rule["destination"]) == ("192.0.2.0/24", "203.0.113.9/32")


def test_no_rule_that_is_about_the_agents_own_way_is_touched(led: list[Any]) -> None:
    about = RULE | {"destination": "198.51.100.0/24"}
    with pytest.raises(Failed, match="the agent itself"):
        policy_rules.policy_rule_add(about, Places())
    with pytest.raises(Failed, match="already"):
        policy_rules.policy_rule_add(RULE, Places())
    assert led == []


@pytest.mark.parametrize(
    "given",
    [
        {"destination": "192.0.2.7/24"},  # bits of a host in a network
        {"destination": "999.0.2.0/24"},
        {"gateway": "192.0.2.1000"},
        {"gateway": "fe80::1"},  # of the other family
    ],
)
def test_what_is_no_route_is_refused(ran: list[Any], given: dict[str, str]) -> None:
    with pytest.raises(Failed):
        routes._change("add", {**ROUTE, **given})
    assert ran == []


@pytest.mark.parametrize(
    ("more", "plain"),
    [
        ({}, True),
        ({"flags": ["linkdown"]}, True),
        ({"flags": ["onlink"]}, True),
        ({"flags": ["pervasive"]}, False),
        ({"metrics": [{"mtu": 1400}]}, False),
        ({"nexthops": []}, False),
        ({"type": "blackhole"}, False),
        ({"gateway": None}, False),
    ],
)
def test_a_route_with_more_to_it_is_not_called_plain(more: dict[str, Any], plain: bool) -> None:
    row = {"dst": "default", "gateway": "192.0.2.1", "dev": "ens3", "flags": []} | more
    assert routes.described(row)["plain"] is plain


# --- shapers --------------------------------------------------------------------------------------


def tree(kind: str, **options: Any) -> list[dict[str, Any]]:
    return [{"kind": kind, "handle": "8001:", "root": True, "options": options}]


@pytest.mark.parametrize(
    ("shaped", "words"),
    [
        (
            tree("tbf", rate=64000, burst=16384, lat=400000),
            "tbf rate 512000bit burst 16384b latency 400000us",
        ),
        (
            tree("tbf", rate=125000, burst=32768, limit=10000),
            "tbf rate 1000000bit burst 32768b limit 10000",
        ),
        (
            tree("netem", limit=1000, delay={"delay": 0.1, "jitter": 0, "correlation": 0}),
            "netem limit 1000 delay 100000us",
        ),
        (
            tree("netem", limit=1000, **{"loss-random": {"loss": 0.3, "correlation": 0}}),
            "netem limit 1000 loss 30% 0%",
        ),
        (
            tree("netem", limit=500, rate={"rate": 125000, "packetoverhead": 0}),
            "netem limit 500 rate 1000000bit",
        ),
    ],
)
def test_what_can_be_put_back_is_told_to_tc(shaped: list[dict[str, Any]], words: str) -> None:
    found = shaping.words_for(shaped)
    assert found is not None
    assert " ".join(found) == words


@pytest.mark.parametrize(
    "shaped",
    [
        tree("htb", r2q=10),
        tree("tbf", rate=125000, burst=32768, minburst=1500, lat=50000),  # its peak is not told
        tree("netem", limit=1000, delay={"delay": 0.1, "jitter": 0.02, "correlation": 0}),
        tree("netem", limit=1000, reorder={"reorder": 0.25, "correlation": 0.5}, gap=5),
        [*tree("tbf", rate=1, burst=2, lat=3), {"kind": "sfq", "parent": "8001:1"}],
    ],
)
def test_what_cannot_be_put_back_whole_is_not_called_restorable(
    shaped: list[dict[str, Any]],
) -> None:
    assert shaping.words_for(shaped) is None


# --- files and settings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("etc/network/interfaces",
         ("iface lo inet loopback\niface ens3 inet static\n  address 192.0.2.7/24\n"
         "  # gateway 192.0.2.9\n  gateway 192.0.2.1\n"), ("192.0.2.1", "ens3")),
        ("etc/systemd/network/10-up.network",
         ("[Match]\nName=ens3\n[Network]\nAddress=192.0.2.7/24\nGateway=192.0.2.1\n"
         "[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.9\n"), ("192.0.2.1", "ens3")),
        ("etc/netplan/50.yaml",
         ("network:\n  ethernets:\n    ens3:\n      routes:\n        - to: default\n"
         "          via: 192.0.2.1\n        - to: 10.0.0.0/8\n          via: 192.0.2.9\n"),
         ("192.0.2.1", "")),
        ("etc/NetworkManager/system-connections/up.nmconnection",
         "[connection]\ninterface-name=ens3\n[ipv4]\naddress1=192.0.2.7/24,192.0.2.1\n",
         ("192.0.2.1", "ens3")),
        ("etc/sysconfig/network-scripts/ifcfg-ens3",
         'IPADDR=192.0.2.7\nGATEWAY="192.0.2.1"\n', ("192.0.2.1", "ens3")),
        ("etc/network/interfaces", "iface ens3 inet dhcp\n", None),
    ],
)  # fmt: skip
def test_gateways_that_files_declare(
    tmp_path: Path, name: str, text: str, found: tuple[str, str] | None
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    told = [(one.gateway, one.device) for one in declared(str(tmp_path))]
    assert told == ([] if found is None else [found])
    assert all(one.file == f"/{name}" for one in declared(str(tmp_path)))


def test_no_other_setting_of_the_kernel_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_settings, "ROOT", str(tmp_path))
    secret = tmp_path / "kernel" / "core_pattern"
    secret.parent.mkdir()
    secret.write_text("core")
    with pytest.raises(Failed, match="none of the settings"):
        kernel_settings.kernel_set({"name": "kernel.core_pattern", "value": "1"}, Places())
    assert secret.read_text() == "core"


def test_the_gate_and_the_catalog_know_the_same_settings() -> None:
    assert tuple(Catalog.load().types["kernel_setting"]["of"]) == NAMES


def test_a_device_that_does_not_take_a_size_of_packets_is_told(
    ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "links", lambda: [{"name": "ens3", "mtu": 1500}])
    with pytest.raises(Failed, match="did not take an MTU of 9000; it has 1500"):
        links.link_set_mtu({"device": "ens3", "mtu": 9000}, Places())
    assert ran == [["link", "set", "dev", "ens3", "mtu", "9000"]]


def test_a_device_keeps_its_addresses_of_ipv6(
    ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = {"name": "ens3", "mtu": 1000, "addresses": ["192.0.2.4/24", "2001:db8::4/64"]}
    monkeypatch.setattr(links, "links", lambda: [spare])
    with pytest.raises(Failed, match="would lose its addresses of IPv6"):
        links.link_set_mtu({"device": "ens3", "mtu": 1000}, Places())
    assert ran == []
    spare["addresses"] = ["192.0.2.4/24"]
    assert links.link_set_mtu({"device": "ens3", "mtu": 1000}, Places()) == 0


def test_what_the_kernel_sets_with_forwarding_comes_back_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_settings, "ROOT", str(tmp_path))
    places, conf = Places(state=str(tmp_path / "state")), tmp_path / "net/ipv4/conf"
    beside = {"all/accept_redirects": "0", "ens3/forwarding": "1", "all/forwarding": "0"}
    for name, value in {**beside, "../ip_forward": "0"}.items():
        (conf / name).parent.mkdir(parents=True, exist_ok=True)
        (conf / name).write_text(value)
    asked: dict[str, str | int] = {"name": "net.ipv4.ip_forward"}
    kernel_settings.kernel_set({**asked, "value": "1"}, places)
    (conf / "all/forwarding").write_text("1")
    kernel_settings.kernel_set({**asked, "value": "0"}, places)
    (conf / "all/forwarding").write_text("0")
    (conf / "all/accept_redirects").write_text("1")  # as the kernel does it
    kernel_settings.kernel_set({**asked, "value": "1"}, places)
    assert (conf / "all/accept_redirects").read_text() == "0"
    assert (conf / "ens3/forwarding").read_text() == "1"


def test_ipv6_is_not_switched_off_where_addresses_would_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_settings, "ROOT", str(tmp_path))
    spare = {"name": "ens3", "addresses": ["2001:db8::4/64"]}
    monkeypatch.setattr(kernel_settings, "links", lambda: [spare])
    setting = tmp_path / "net/ipv6/conf/all/disable_ipv6"
    setting.parent.mkdir(parents=True)
    setting.write_text("0")
    asked: dict[str, str | int] = {"name": "net.ipv6.conf.all.disable_ipv6", "value": "1"}
    with pytest.raises(Failed, match="gone for good"):
        kernel_settings.kernel_set(asked, Places(state=str(tmp_path / "state")))
    assert setting.read_text() == "0"


# --- connections at a port ------------------------------------------------------------------------

CONNECTED = """\
ESTAB      0      0      192.0.2.7:8460  198.51.100.4:5432 users:(("feed",pid=91,fd=4))
CLOSE-WAIT 1      0      192.0.2.7:8460  198.51.100.9:443
"""


def test_who_is_connected_from_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "unit_of", lambda pid: f"of-{pid}.service")
    assert network.connected(CONNECTED) == [
        {"state": "estab", "peer": "198.51.100.4:5432", "process": "feed", "pid": 91,
         "unit": "of-91.service"},
        {"state": "close-wait", "peer": "198.51.100.9:443", "process": None, "pid": None,
         "unit": None},
    ]  # fmt: skip


def test_both_ends_of_a_connection_are_found_at_their_ports(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as asking:
            port = asking.getsockname()[1]
            assert network.sockets_at_port({"port": port}, Places()) == 0
            told = PortConnectionsFacts.model_validate(json.loads(capsys.readouterr().out))
            assert [(one.state, one.pid) for one in told.connections] == [("estab", os.getpid())]
        assert network.sockets_at_port({"port": listening.getsockname()[1]}, Places()) == 0
    told = PortConnectionsFacts.model_validate(json.loads(capsys.readouterr().out))
    assert all(one.state != "listen" for one in told.connections)


# --- Unix sockets ---------------------------------------------------------------------------------

LISTENING = """\
u_str LISTEN 0      4096   /run/systemd/private 1531 * 0 users:(("systemd",pid=1,fd=17))
u_str LISTEN 0      2048   /run/app/http.sock 60414 * 0 users:(("gunicorn",pid=812,fd=5))
u_str LISTEN 0      128    @/tmp/.X11-unix/X0 60412 * 0
"""


@pytest.mark.parametrize(
    ("path", "pid"),
    [("/run/app/http.sock", 812), ("@/tmp/.X11-unix/X0", 0), ("/run/app/http", None)],
)
def test_who_listens_at_a_path(path: str, pid: int | None) -> None:
    assert network.listening_at(path, LISTENING) == pid


def test_a_socket_whose_file_was_removed_is_told_from_one_that_nobody_listens_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "http.sock"

    def told() -> UnixSocketFacts:
        assert network.socket_state({"path": str(path)}, Places()) == 0
        return UnixSocketFacts.model_validate(json.loads(capsys.readouterr().out))

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()
        well = told()
        assert (well.kind, well.listening, well.error, well.is_lost) == (
            "socket",
            True,
            None,
            False,
        )
        path.unlink()
        lost = told()
        assert (lost.kind, lost.listening, lost.is_lost) == ("missing", True, True)
    assert told().is_lost is False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    dead = told()
    assert (dead.kind, dead.listening, dead.error) == ("socket", False, "refused")
