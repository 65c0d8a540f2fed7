"""The gate on a real firewall, in a network namespace of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.host.parsers.nft import parse_ruleset
from app.host.parsers.raw import RawOutput
from tests.integration.execution.gate_bench import Bench

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft") is None, reason="needs root and nftables"
)
RULES = """
table inet edge {
  chain in { type filter hook input priority 0; policy accept;
    tcp dport 22 accept
    tcp dport 80 counter drop
    tcp dport 443 accept
  }
}
"""


class Walled(Bench):
    """A bench whose gate runs in a namespace with a firewall."""

    def __init__(self, folder: Path, holder: int) -> None:
        super().__init__(folder)
        self.enter = ["nsenter", "-t", str(holder), "-n"]

    def command(self) -> list[str]:
        return [*self.enter, *super().command()]

    def nft(self, *words: str, stdin: str = "") -> str:
        argv = [*self.enter, "nft", *words]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=True).stdout

    def rules(self) -> list[str]:
        listed = self.nft("-j", "-a", "list", "ruleset")
        return [rule.text for rule in parse_ruleset(RawOutput(stdout=listed, exit_code=0)).rules]

    def handle_of(self, text: str) -> int:
        listed = self.nft("-j", "-a", "list", "ruleset")
        rules = parse_ruleset(RawOutput(stdout=listed, exit_code=0)).rules
        return next(rule.handle for rule in rules if text in rule.text)


@pytest.fixture
def walled(tmp_path: Path) -> Iterator[Walled]:
    holder = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    bench = Walled(tmp_path, holder.pid)
    bench.nft("-f", "-", stdin=RULES)
    try:
        yield bench
    finally:
        holder.terminate()
        holder.wait(10)
        holder.stdout.close()


def test_a_rule_is_removed_by_its_content_and_comes_back_where_it_stood(walled: Walled) -> None:
    before = walled.rules()
    place = {"family": "inet", "table": "edge", "chain": "in", "handle": walled.handle_of("drop")}
    seen = walled.facts("firewall.rule", **place)
    receipt = walled.change("i-1", "firewall.remove_rule", {**place, "sha256": seen["sha256"]})
    assert receipt["exit_code"] == 0, receipt
    assert [rule for rule in before if "drop" not in rule] == walled.rules()
    assert walled.facts("firewall.rule", **place) == {"kind": "missing"}
    back = walled.change("i-2", "firewall.restore_rule", {"sha256": seen["sha256"]})
    assert back["exit_code"] == 0, back
    assert walled.rules() == before


def test_the_first_and_the_last_rule_come_back_in_their_places(walled: Walled) -> None:
    before = walled.rules()
    for number, text in enumerate(("dport 22", "dport 443")):
        handle = walled.handle_of(text)
        place = {"family": "inet", "table": "edge", "chain": "in", "handle": handle}
        sha256 = walled.facts("firewall.rule", **place)["sha256"]
        walled.change(f"out-{number}", "firewall.remove_rule", {**place, "sha256": sha256})
        assert len(walled.rules()) == len(before) - 1
        walled.change(f"in-{number}", "firewall.restore_rule", {"sha256": sha256})
        assert walled.rules() == before


def test_another_rule_at_that_handle_is_left_alone(walled: Walled) -> None:
    before = walled.rules()
    handle = walled.handle_of("drop")
    wrong = {"family": "inet", "table": "edge", "chain": "in", "handle": handle, "sha256": "0" * 64}
    receipt = walled.change("i-1", "firewall.remove_rule", wrong)
    assert receipt["exit_code"] == 1
    assert "another rule" in json.dumps(receipt)
    assert walled.rules() == before


def test_a_chain_that_is_not_there_has_no_rules(walled: Walled) -> None:
    place = {"family": "inet", "table": "edge", "chain": "nowhere", "handle": 4}
    assert walled.facts("firewall.rule", **place) == {"kind": "missing"}
