from __future__ import annotations

import json

import pytest

from app.host.facts import FirewallFacts, FirewallRule, ResolveFacts, RouteFacts
from app.host.parsers import ParseError, RawOutput
from app.host.parsers.getent import parse_resolve
from app.host.parsers.network import parse_addresses, parse_routes
from app.host.parsers.nft import parse_ruleset
from app.host.parsers.who import parse_persons
from tests.unit.host.parsers.recordings import printed, said, text_of


def test_a_name_and_its_addresses_in_order() -> None:
    raw = printed("getent/localhost.txt", name="localhost").model_copy(update={"seconds": 0.02})
    assert parse_resolve(raw) == ResolveFacts(
        name="localhost", ok=True, addresses=("::1", "127.0.0.1"), seconds=0.02
    )


def test_a_name_that_is_unknown_or_not_answered_is_facts() -> None:
    unknown = parse_resolve(RawOutput(params={"name": "x"}, exit_code=2))
    silent = parse_resolve(RawOutput(params={"name": "x"}, exit_code=None, seconds=15.0))
    assert (unknown.ok, unknown.error) == (False, "not-found")
    assert (silent.ok, silent.error) == (False, "timeout")


def test_a_getent_that_did_not_run_is_refused() -> None:
    for raw in (
        RawOutput(params={"name": "x"}, exit_code=127, stderr="getent: not found"),
        RawOutput(params={"name": "x"}, exit_code=None),
        said("hello", name="x"),
        said("", 2),
    ):
        with pytest.raises(ParseError):
            parse_resolve(raw)


def test_addresses_and_links_that_are_down() -> None:
    found = parse_addresses(printed("ip/addr.json"))
    assert {"127.0.0.1", "192.0.2.10", "2001:db8::10"} <= set(found.addresses)
    assert found.links_down == ("peer1", "eth1")


def test_routes_as_people_write_them() -> None:
    assert parse_routes(printed("ip/route.json")).routes == (
        RouteFacts(destination="default", gateway="192.0.2.1", device="eth0"),
        RouteFacts(destination="192.0.2.0/24", device="eth0"),
        RouteFacts(destination="blackhole 198.51.100.0/24"),
        RouteFacts(destination="203.0.113.0/24", gateway="192.0.2.1", device="eth0"),
        RouteFacts(destination="203.0.113.0/24", gateway="192.0.2.2", device="eth0"),
    )


def test_the_kernels_own_routes_are_left_out() -> None:
    found = parse_routes(printed("ip/route-all.json")).routes
    assert [one.destination for one in found] == [
        "default",
        "192.0.2.0/24",
        "2001:db8::/64",
        "fe80::/64",
        "fe80::/64",
    ]


def test_a_host_without_routes_and_output_that_is_none() -> None:
    assert parse_routes(said("[ ]\n")).routes == ()
    assert parse_routes(said("")).routes == ()
    for text in ("Object garbage", '[{"a": 1}]', "{}"):
        with pytest.raises(ParseError):
            parse_routes(said(text))


def test_cut_output_gives_the_links_that_are_whole() -> None:
    found = parse_addresses(said(text_of("ip/addr.json")[:900]))
    assert found.addresses == ("127.0.0.1", "::1")


def test_rules_read_as_nft_writes_them() -> None:
    found = parse_ruleset(printed("nft/full.json"))
    assert [rule.text for rule in found.rules] == [
        "ct state established,related accept",
        "ct state invalid drop",
        "iif lo accept",
        "tcp dport 22 accept",
        'tcp dport { 80, 443, 8000-8003 } counter accept comment "web"',
        "ip saddr @blocked drop",
        'ip saddr 192.0.2.50 tcp dport 80 drop comment "SEC-4411 abuse block"',
        "ip6 saddr 2001:db8::/64 udp dport != 53 reject with icmpv6 admin-prohibited",
        "tcp flags & (syn | ack) == syn limit rate 10/second accept",
        "icmp type echo-request accept",
        "tcp dport 9000 reject with tcp reset",
        'iifname eth1 log prefix "eth1: " jump extra',
        "numgen random mod 100 < 30 drop",
        "return",
        "ct mark set 1",
        "tcp sport 5432 drop",
        "tcp dport 8080 dnat to 192.0.2.20:80",
        "tcp dport 8081 redirect to :81",
        "oifname eth0 masquerade",
    ]
    assert found.policies["inet/filter/input"] == "drop"
    assert found.rules[6] == FirewallRule(
        family="inet",
        table="filter",
        chain="input",
        handle=12,
        text='ip saddr 192.0.2.50 tcp dport 80 drop comment "SEC-4411 abuse block"',
        verdict="drop",
        ports=(80,),
    )


def test_ports_are_those_that_a_rule_is_about() -> None:
    ports = {rule.handle: rule.ports for rule in parse_ruleset(printed("nft/full.json")).rules}
    assert ports[10] == (80, 443, 8000, 8001, 8002, 8003)
    assert ports[13] == ()  # all but 53
    assert ports[21] == (5432,)  # what the server of that port sends


def rules(*items: object) -> tuple[FirewallRule, ...]:
    return parse_ruleset(said(json.dumps({"nftables": list(items)}))).rules


def rule(*expr: object) -> dict[str, object]:
    place = {"family": "inet", "table": "t", "chain": "c", "handle": 1}
    return {"rule": {**place, "expr": list(expr)}}


DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}


def test_named_sets_wide_ranges_and_verdict_maps() -> None:
    named = {
        "set": {"family": "inet", "table": "t", "name": "web", "elem": [80, {"range": [90, 91]}]}
    }
    jump = {"jump": {"target": "x"}}
    sport = {"payload": {"protocol": "tcp", "field": "sport"}}
    by_name, wide, mapped, leaving = rules(
        named,
        rule({"match": {"op": "==", "left": DPORT, "right": "@web"}}, {"drop": None}),
        rule({"match": {"op": "==", "left": DPORT, "right": {"range": [1024, 65535]}}}),
        rule({"vmap": {"key": DPORT, "data": {"set": [[22, {"accept": None}], [80, jump]]}}}),
        rule({"match": {"op": "==", "left": sport, "right": 8080}}, {"drop": None}),
    )
    assert by_name.ports == (80, 90, 91)
    assert leaving.ports == (8080,), "what the server of that port sends is about it too"
    assert (wide.ports, wide.text) == ((1024, 65535), "tcp dport 1024-65535")
    assert (mapped.text, mapped.verdict) == ("tcp dport vmap { 22 : accept, 80 : jump x }", "vmap")


def test_what_is_not_known_is_shown_as_json() -> None:
    (odd,) = rules(rule({"xt": None}, {"tproxy": {"port": 1}}, {"match": {"left": {"rt": 1}}}, 5))
    assert odd.text == 'xt tproxy {"port":1} {"rt":1} None 5'


def test_an_empty_ruleset_is_facts_and_other_output_is_not() -> None:
    assert parse_ruleset(printed("nft/empty.json")) == FirewallFacts()
    assert parse_ruleset(said("")) == FirewallFacts()
    for raw in (
        said("{}"),
        said("[]"),
        said("table inet"),
        RawOutput(exit_code=1, stderr="denied"),
    ):
        with pytest.raises(ParseError):
            parse_ruleset(raw)


def test_who_is_logged_in() -> None:
    assert parse_persons(printed("who/one.txt")).logged_in == (
        "root pts/0 since Nov 23 09:25 from 192.0.2.10",
    )
    assert parse_persons(said("")).logged_in == ()
    dated = "alice    pts/1        2026-11-23 09:04 (192.0.2.5)\nbob  tty1  2026-11-23 09:05\n"
    assert parse_persons(said(dated)).logged_in == (
        "alice pts/1 since 2026-11-23 09:04 from 192.0.2.5",
        "bob tty1 since 2026-11-23 09:05",
    )
