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
        self.enter = ["nsenter", "-t", str(holder), "-n", "-m"]

    def command(self) -> list[str]:
        return [*self.enter, *super().command()]

    def nft(self, *words: str, stdin: str = "") -> str:
        return self.run("nft", *words, stdin=stdin)

    def run(self, *words: str, stdin: str = "") -> str:
        """What a program says in that namespace."""
        argv = [*self.enter, *words]
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
        ["unshare", "-n", "-m", "sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE
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


DECLARED = """flush ruleset
table inet edge {
  chain in { type filter hook input priority 0; policy drop;
    iif "lo" accept
    ct state established,related accept
    tcp dport 22 accept
    tcp dport { 80, 443 } counter accept comment "web"
    oifname "tunnel9" accept
  }
}
"""
IN_EDGE = {"family": "inet", "table": "edge", "chain": "in"}


@pytest.fixture
def declared(walled: Walled, tmp_path: Path) -> Walled:
    """The same host, whose own file declares what runs."""
    file = tmp_path / "nftables.conf"
    file.write_text(DECLARED, encoding="utf-8")
    walled.run("mount", "--bind", str(file), "/etc/nftables.conf")
    walled.nft("-f", str(file))
    return walled


def lose(walled: Walled, *texts: str) -> None:
    for text in texts:
        handle = str(walled.handle_of(text))
        walled.nft("delete", "rule", "inet", "edge", "in", "handle", handle)


@pytest.mark.parametrize(
    "texts", [("iif lo",), ("established",), ("tunnel9",), ("iif lo", "established", "web")]
)
def test_rules_that_the_file_declares_run_again_in_their_places(
    declared: Walled, texts: tuple[str, ...]
) -> None:
    before = declared.rules()
    lose(declared, *texts)
    lost = declared.facts("firewall.lost")["lost"]
    assert [(one["policy"], one["rule"]["chain"]) for one in lost] == [("drop", "in")] * len(texts)
    for number, one in enumerate(lost):
        given = {**IN_EDGE, "sha256": one["sha256"]}
        assert declared.facts("firewall.declared_rule", **given)["kind"] == "missing"
        receipt = declared.change(f"i-{number}", "firewall.add_declared", given)
        assert receipt["exit_code"] == 0, receipt
        assert declared.facts("firewall.declared_rule", **given)["kind"] == "rule"
    assert declared.rules() == before
    assert declared.facts("firewall.lost")["lost"] == []


def test_what_was_let_run_is_taken_back(declared: Walled) -> None:
    lose(declared, "web")
    after = declared.rules()
    (one,) = declared.facts("firewall.lost")["lost"]
    given = {**IN_EDGE, "sha256": one["sha256"]}
    declared.change("i-1", "firewall.add_declared", given)
    receipt = declared.change("i-2", "firewall.remove_declared", given)
    assert receipt["exit_code"] == 0, receipt
    assert declared.rules() == after


def test_a_rule_that_counted_is_none_that_is_lost(declared: Walled) -> None:
    declared.nft("-f", "-", stdin="add rule inet edge in tcp dport 9 counter accept")
    assert declared.facts("firewall.lost")["lost"] == []


def test_what_the_file_does_not_declare_is_not_let_run(declared: Walled) -> None:
    before = declared.rules()
    given = {**IN_EDGE, "sha256": "0" * 64}
    receipt = declared.change("i-1", "firewall.add_declared", given)
    assert receipt["exit_code"] == 1
    assert "declares no such rule" in json.dumps(receipt)
    assert declared.rules() == before


def test_a_file_that_nft_refuses_tells_nothing(declared: Walled, tmp_path: Path) -> None:
    (tmp_path / "nftables.conf").write_text("table inet edge {{\n", encoding="utf-8")
    before = declared.rules()
    (answer,) = declared.read(("firewall.lost", {}))
    assert answer["exit_code"] != 0
    assert "in a network of its own" in json.dumps(answer)
    assert declared.rules() == before
