"""The gate on a real network stack, in a network namespace of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.value import JsonObject
from app.host.facts import NetworkFacts, QdiscsFacts
from tests.integration.execution.gate_bench import Bench

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("tc") is None or shutil.which("ip") is None,
    reason="needs root and iproute2",
)

LAYOUT = """
link set lo up
link add out0 type veth peer name out1
link add side0 type veth peer name side1
address add 192.0.2.10/24 dev out0
address add 198.51.100.10/24 dev side0
link set out0 up
link set out1 up
link set side0 up
link set side1 up
route add default via 192.0.2.1 dev out0 proto static
route add 203.0.113.0/24 via 198.51.100.1 dev side0
"""
DEFAULT: dict[str, Any] = {
    "destination": "default", "gateway": "192.0.2.1", "device": "out0",
    "metric": 0, "source": "auto", "protocol": "static", "onlink": "no",
}  # fmt: skip
DAEMON = """
import socket, sys, time
open("/proc/self/comm", "w").write("sshd")
door = socket.create_server((sys.argv[1], 0))
near = socket.create_connection(door.getsockname())
far = door.accept()
print("ready", flush=True)
time.sleep(600)
"""
"""A process named sshd with a client at one of the namespace's own addresses."""


class Networked(Bench):
    """A bench whose gate runs in a namespace with two networks."""

    def __init__(self, folder: Path, holder: int) -> None:
        super().__init__(folder)
        self.enter = ["nsenter", "-t", str(holder), "-n"]
        self.ip("-batch", "-", stdin=LAYOUT)

    def command(self) -> list[str]:
        return [*self.enter, *super().command()]

    def ip(self, *words: str, stdin: str = "") -> str:
        return self.run("ip", *words, stdin=stdin)

    def run(self, *words: str, stdin: str = "") -> str:
        argv = [*self.enter, *words]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=True).stdout

    def routes(self) -> list[str]:
        return sorted(line.strip() for line in self.ip("-4", "route", "show").splitlines())

    def shaped(self) -> str:
        return self.run("tc", "qdisc", "show", "dev", "out0")

    def network(self) -> NetworkFacts:
        return NetworkFacts.model_validate(self.facts("network.show"))


@pytest.fixture
def networked(tmp_path: Path) -> Iterator[Networked]:
    holder = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        yield Networked(tmp_path, holder.pid)
    finally:
        holder.terminate()
        holder.wait(10)
        holder.stdout.close()


@pytest.fixture
def agent(networked: Networked) -> Iterator[str]:
    """The agent's connection: a client of sshd at 192.0.2.10, which the kernel reaches by lo."""
    argv = [*networked.enter, "/usr/bin/python3", "-c", DAEMON, "192.0.2.10"]
    daemon = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    daemon.stdout.readline()
    try:
        yield "192.0.2.10"
    finally:
        daemon.terminate()
        daemon.wait(10)
        daemon.stdout.close()


def went_well(receipt: JsonObject) -> bool:
    assert receipt.get("exit_code") == 0, receipt
    return True


# --- what is seen ---------------------------------------------------------------------------------


def test_routes_links_and_addresses_are_seen(networked: Networked) -> None:
    networked.ip("link", "set", "side0", "down")
    networked.ip("route", "add", "prohibit", "100.64.0.0/10")
    networked.ip("rule", "add", "from", "192.0.2.10", "table", "77", "priority", "1000")
    seen = networked.network()
    default = next(r for r in seen.routes if r.destination == "default")
    assert (default.gateway, default.device, default.protocol) == ("192.0.2.1", "out0", "static")
    assert default.plain
    assert [r.refuses for r in seen.routes if r.destination == "100.64.0.0/10"] == ["prohibit"]
    links = {link.name: link for link in seen.links}
    assert links["out0"].carrier
    assert links["out0"].addresses == ("192.0.2.10/24",)
    assert not links["side0"].up
    assert any("192.0.2.10" in rule for rule in seen.rules)


# --- routes ---------------------------------------------------------------------------------------


def test_a_missing_route_is_added_and_taken_back(networked: Networked, agent: str) -> None:
    del agent
    networked.ip("route", "del", "default")
    lost = networked.routes()
    assert networked.facts("route.show", destination="default", metric=0) == {"kind": "missing"}
    assert went_well(networked.change("i-1", "route.add", DEFAULT))
    assert any(line.startswith("default via 192.0.2.1 dev out0") for line in networked.routes())
    assert went_well(networked.change("i-2", "route.remove", DEFAULT))
    assert networked.routes() == lost


def test_a_missing_route_is_added_where_nobody_is_connected(networked: Networked) -> None:
    networked.ip("route", "del", "default")
    assert went_well(networked.change("i-1", "route.add", DEFAULT))


def test_a_route_goes_back_to_its_gateway_and_to_what_it_was(
    networked: Networked, agent: str
) -> None:
    del agent
    networked.ip("route", "replace", "default", "via", "192.0.2.99", "dev", "out0", "proto", "boot")
    before = networked.routes()
    captured = networked.facts("route.show", destination="default", metric=0)
    assert captured["gateway"] == "192.0.2.99"
    assert went_well(networked.change("i-1", "route.replace", DEFAULT))
    assert networked.facts("route.show", destination="default", metric=0)["gateway"] == "192.0.2.1"
    undo = {name: captured[name] for name in DEFAULT if name not in ("destination", "metric")}
    assert went_well(networked.change("i-2", "route.replace", {**DEFAULT, **undo}))
    assert networked.routes() == before


def test_nothing_is_replaced_or_removed_where_the_agents_way_is_not_known(
    networked: Networked,
) -> None:
    before = networked.routes()
    other = {**DEFAULT, "gateway": "192.0.2.99"}
    for number, (action, params) in enumerate(
        [("route.replace", other), ("route.remove", DEFAULT), ("link.down", {"device": "side0"})]
    ):
        receipt = networked.change(f"i-{number}", action, params)
        assert receipt["exit_code"] == 1
        assert "how the agent is connected" in json.dumps(receipt)
    assert networked.routes() == before


def test_a_gateway_beyond_the_hosts_own_networks_comes_back_onlink(networked: Networked) -> None:
    networked.ip(*["route", "replace", "default", "via", "203.0.113.1", "dev", "out0", "onlink"])
    before = networked.routes()
    captured = networked.facts("route.show", destination="default", metric=0)
    assert captured["plain"]
    networked.ip("route", "del", "default")
    own = {name: captured[name] for name in DEFAULT}
    assert went_well(networked.change("i-1", "route.add", own))
    assert networked.routes() == before


def test_another_gateways_route_is_not_removed(networked: Networked, agent: str) -> None:
    del agent
    before = networked.routes()
    receipt = networked.change("i-1", "route.remove", {**DEFAULT, "gateway": "192.0.2.77"})
    assert receipt["exit_code"] == 1
    assert networked.routes() == before


def test_a_route_of_another_metric_is_another_route(networked: Networked, agent: str) -> None:
    del agent
    networked.ip(*["route", "add", "default", "via", "192.0.2.9", "dev", "out0", "metric", "50"])
    receipt = networked.change("i-1", "route.remove", {**DEFAULT, "gateway": "192.0.2.9"})
    assert receipt["exit_code"] == 1
    own = {**DEFAULT, "gateway": "192.0.2.9", "metric": 50, "protocol": "boot"}
    assert went_well(networked.change("i-2", "route.remove", own))
    assert any(line.startswith("default via 192.0.2.1") for line in networked.routes())


def test_a_gateway_that_cannot_be_reached_changes_nothing(networked: Networked) -> None:
    networked.ip("route", "del", "default")
    before = networked.routes()
    receipt = networked.change("i-1", "route.add", {**DEFAULT, "gateway": "10.255.255.1"})
    assert receipt["exit_code"] == 1
    assert networked.routes() == before


# --- shapers --------------------------------------------------------------------------------------

SHAPERS = (
    "tbf rate 512kbit burst 16kb latency 400ms",
    "tbf rate 100mbit burst 64kb limit 300000",
)


@pytest.mark.parametrize("shaper", SHAPERS)
def test_a_shaper_is_removed_and_comes_back_as_it_was(networked: Networked, shaper: str) -> None:
    networked.run("tc", *f"qdisc add dev out0 root {shaper}".split())
    before = networked.shaped()
    seen = networked.facts("qdisc.show", device="out0")
    assert seen["restorable"], seen
    change = {"device": "out0", "sha256": seen["sha256"]}
    assert went_well(networked.change("i-1", "qdisc.remove", change))
    assert networked.facts("qdisc.show", device="out0") == {"kind": "missing"}
    assert went_well(networked.change("i-2", "qdisc.restore", change))
    assert networked.shaped() == before
    assert networked.facts("qdisc.show", device="out0") == seen


def test_a_tree_of_classes_is_said_to_be_beyond_putting_back(networked: Networked) -> None:
    outer = "qdisc add dev out0 root handle 1: htb default 10"
    networked.run("tc", *outer.split())
    inner = "class add dev out0 parent 1: classid 1:10 htb rate 1mbit"
    networked.run("tc", *inner.split())
    seen = networked.facts("qdisc.show", device="out0")
    assert (seen["kind"], seen["restorable"]) == ("htb", False)
    change = {"device": "out0", "sha256": seen["sha256"]}
    assert went_well(networked.change("i-1", "qdisc.remove_tree", change))
    assert networked.change("i-2", "qdisc.restore", change)["exit_code"] == 1


def test_another_shaper_than_the_one_that_was_seen_is_left_alone(networked: Networked) -> None:
    networked.run("tc", *f"qdisc add dev out0 root {SHAPERS[0]}".split())
    sha256 = networked.facts("qdisc.show", device="out0")["sha256"]
    networked.run("tc", *f"qdisc replace dev out0 root {SHAPERS[1]}".split())
    before = networked.shaped()
    receipt = networked.change("i-1", "qdisc.remove", {"device": "out0", "sha256": sha256})
    assert receipt["exit_code"] == 1
    assert networked.shaped() == before


def test_queues_that_every_host_has_are_no_shapers(networked: Networked) -> None:
    networked.run("tc", *["qdisc", "add", "dev", "side0", "root", "pfifo", "limit", "100"])
    networked.run("tc", *f"qdisc add dev out0 root {SHAPERS[0]}".split())
    listed = QdiscsFacts.model_validate(networked.facts("qdisc.list")).qdiscs
    assert {q.device for q in listed if q.shapes} == {"out0"}
    assert "tbf rate 512 kbit/s" in next(q.text for q in listed if q.shapes)


# --- links and settings ---------------------------------------------------------------------------


def test_a_device_is_switched_on_and_off_again(networked: Networked, agent: str) -> None:
    del agent
    networked.ip("link", "set", "side0", "down")
    assert went_well(networked.change("i-1", "link.up", {"device": "side0"}))
    assert networked.facts("link.show", device="side0")["carrier"] is True
    assert went_well(networked.change("i-2", "link.down", {"device": "side0"}))
    assert networked.facts("link.show", device="side0")["up"] is False


def test_the_device_that_the_agent_is_connected_over_stays_on(
    networked: Networked, agent: str
) -> None:
    del agent
    receipt = networked.change("i-1", "link.down", {"device": "lo"})
    assert receipt["exit_code"] == 1
    assert "connected over lo" in json.dumps(receipt)


@pytest.mark.parametrize(
    ("name", "value"),
    [("net.core.somaxconn", "16"), ("net.ipv4.ip_local_port_range", "40000:40100")],
)
def test_a_setting_is_set_and_set_back(networked: Networked, name: str, value: str) -> None:
    before = networked.facts("kernel.setting", name=name)
    assert went_well(networked.change("i-1", "kernel.set", {"name": name, "value": value}))
    assert networked.facts("kernel.settings")["values"][name] == value
    back = {"name": name, "value": before["value"]}
    assert went_well(networked.change("i-2", "kernel.set", back))
    assert networked.facts("kernel.setting", name=name) == before


def test_a_value_that_the_kernel_does_not_take_changes_nothing(networked: Networked) -> None:
    name = "net.ipv4.ip_local_port_range"
    before = networked.facts("kernel.setting", name=name)
    receipt = networked.change("i-1", "kernel.set", {"name": name, "value": "500:40"})
    assert receipt["exit_code"] == 1
    assert networked.facts("kernel.setting", name=name) == before
