"""Questions that users ask: derived from a host, taught by its healthy answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.host.learned_probes import learn, linked
from app.host.probes import HEALTH_PATHS, candidates, derive, serves_nothing
from app.host.view import HostView

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOST = Host(name="alpha", address="192.0.2.7", names=("alpha", "www.example.net"))


def view(host: Host = HOST, **facts: Any) -> HostView:
    """A view over evidence given as action (dots as underscores) = facts."""
    return HostView(
        host,
        [
            Evidence(
                id=number, host=host.name, action=action.replace("__", "."), ok=True, exit_code=0,
                facts=fact, taken_at=NOW, simulated=False,
            )
            for number, (action, fact) in enumerate(facts.items(), start=1)
        ],
    )  # fmt: skip


def listener(port: int, address: str = "0.0.0.0", unit: str | None = "x.service") -> dict[str, Any]:
    return {"protocol": "tcp", "address": address, "port": port, "unit": unit, "process": "x"}


SITE = {
    "servers": [
        {
            "file": "/etc/nginx/conf.d/a.conf", "line": 1, "names": ["_", "www.example.net"],
            "listens": ["80", "443 ssl"], "ports": [80, 443], "tls": True,
        },
        {
            "file": "/etc/nginx/conf.d/b.conf", "line": 1, "names": ["inner"],
            "listens": ["127.0.0.1:8081"], "ports": [8081],
        },
    ]
}  # fmt: skip


def test_sites_are_asked_by_their_name_on_each_port_that_others_reach() -> None:
    found = derive(view(nginx__dump=SITE))
    assert [(p.port, p.tls, p.host_header) for p in found] == [
        (80, False, "www.example.net"),
        (443, True, "www.example.net"),
    ]


def test_sites_of_apache_are_asked_by_their_names_too() -> None:
    place = {"address": "*", "file": "/etc/apache2/sites-enabled/x.conf", "line": 1}
    sites = [
        place | {"names": ["desk.example.net", "*.desk.example.net"], "port": 80},
        place | {"names": ["vault.example.net"], "port": 443},
        place | {"names": ["inner.example.net"], "port": 8081, "address": "127.0.0.1"},
        place | {"names": ["alpha"], "port": 8080},
    ]
    seen = view(apache__sites={"sites": sites}, sockets__listening={"listeners": [listener(80)]})
    assert [(p.name, p.tls) for p in derive(seen)] == [
        ("http desk.example.net:80/", False),
        ("https vault.example.net:443/", True),
        ("http www.example.net:8080/", False),
    ]


def test_open_ports_are_asked_and_inner_or_clients_ones_are_not() -> None:
    listening = {
        "listeners": [
            listener(5432), listener(9000, "127.0.0.1"), listener(22), listener(40000, unit=None)
        ]
    }  # fmt: skip
    found = derive(view(sockets__listening=listening))
    assert [(p.kind, p.port) for p in found] == [(ProbeKind.TCP, 5432)]


def test_a_blamed_service_is_asked_even_where_nothing_listens() -> None:
    found = derive(view(sockets__listening={"listeners": []}), service="nginx")
    assert [(p.kind, p.port) for p in found] == [(ProbeKind.HTTP, 80)]


def test_what_the_ticket_blames_is_not_asked_of_a_host_that_has_no_such_service() -> None:
    names = ("nginx.service", "postgresql@.service", "redis-server.service")
    files = {"files": [{"name": name, "state": "enabled"} for name in names]}
    nobody: dict[str, Any] = {"listeners": []}

    def ports(service: str) -> list[int]:
        seen = view(sockets__listening=nobody, unit_files__list=files)
        return [probe.port for probe in derive(seen, service=service)]

    found = [ports(name) for name in ("nginx", "postgresql", "redis", "memcached")]
    assert found == [[80], [5432], [6379], []]


def test_declared_probes_win() -> None:
    mine = Probe(name="mine", kind=ProbeKind.TCP, address="192.0.2.7", port=7)
    host = HOST.model_copy(update={"probes": (mine,)})
    assert derive(view(host, nginx__dump=SITE)) == (mine,)
    assert candidates(view(host, nginx__dump=SITE)) == (mine,)


def test_health_pages_are_candidates_of_every_site() -> None:
    paths = {p.path for p in candidates(view(nginx__dump=SITE))}
    assert paths == {"/", *HEALTH_PATHS}


def test_a_site_with_a_certificate_is_also_asked_for_it() -> None:
    server = SITE["servers"][0] | {"listens": ["443 ssl"], "ports": [443], "tls": True}
    found = candidates(view(nginx__dump=SITE | {"servers": [server]}))
    assert [(p.kind, p.host_header) for p in found if p.kind is ProbeKind.TLS] == [
        (ProbeKind.TLS, "www.example.net")
    ]


def test_a_name_server_is_asked_for_a_name() -> None:
    host = HOST.model_copy(update={"names": ("alpha", "alpha.example")})
    found = candidates(view(host, sockets__listening={"listeners": [listener(53)]}))
    assert [p.host_header for p in found if p.kind is ProbeKind.DNS] == ["alpha.example"]


def test_a_database_is_asked_for_its_first_words() -> None:
    listening = {"listeners": [listener(5432) | {"process": "postgres"}, listener(6390)]}
    found = candidates(view(sockets__listening=listening))
    kinds = [(p.kind, p.port) for p in found]
    assert kinds == [(ProbeKind.POSTGRESQL, 5432), (ProbeKind.TCP, 6390)]


@pytest.mark.parametrize(
    ("program", "port", "asked"),
    [
        ("haproxy", 8080, True),
        ("haproxy", 18080, True),  # whichever port it is: its own stays open without a server
        ("haproxy", 3306, False),  # it passes on what a database says
        ("gunicorn", 7000, True),
        ("lpd", 7000, False),
    ],
)
def test_who_serves_pages_is_asked_for_one_at_every_port(
    program: str, port: int, *, asked: bool
) -> None:
    listening = {"listeners": [listener(port) | {"process": program}]}
    found = candidates(view(sockets__listening=listening))
    assert any(p.kind is ProbeKind.HTTP and p.port == port for p in found) is asked


def answer(probe: Probe, body: str, *, ok: bool = True, status: int = 200) -> ProbeResult:
    return ProbeResult(
        probe=probe, ok=ok, status=status, body=body, seconds=0.1, taken_at=NOW, simulated=False
    )


def test_a_healthy_answer_teaches_its_constant_words_only() -> None:
    (probe, *_) = derive(view(nginx__dump=SITE))
    one = answer(probe, "<h1>Tickets</h1> order 77 sessionAAA")
    two = answer(probe, "<h1>Tickets</h1> order 78 sessionBBB")
    (taught,) = learn([one], [two])
    assert set(taught.expect_text) == {"Tickets", "order"}
    assert taught.expect_status == (200,)
    assert taught.slow_after_seconds == 2.0


def test_what_did_not_answer_well_twice_is_not_kept() -> None:
    (probe, *_) = derive(view(nginx__dump=SITE))
    good, bad = answer(probe, "x"), answer(probe, "x", ok=False, status=404)
    assert learn([good], [bad]) == ()
    assert learn([good], [answer(probe, "x", status=204)]) == ()


def test_a_packaged_welcome_page_serves_nobody() -> None:
    assert serves_nothing("<title>Welcome to nginx!</title>")
    assert not serves_nothing("<title>Tickets</title>")


def test_what_a_page_is_made_of_is_asked_for_too() -> None:
    page = derive(view(nginx__dump=SITE))[0]
    body = (
        '<script src="/app.3f9c01.js"></script><link href="/v2/look.css" rel="stylesheet">'
        '<link rel="stylesheet" href="/assets/a.css"><script src=js/b.js></script>'
        '<img src="https://elsewhere.example/c.png"><img src="//cdn.example/d.png">'
        '<a href="/page.html">x</a><img src="/e.svg">'
    )
    shape = {"status": 200, "body": body, "taken_at": NOW, "simulated": False}
    found = linked([ProbeResult(probe=page, ok=True, **shape)])
    assert [p.path for p in found] == ["/assets/a.css", "/js/b.js"]
    assert found[0].host_header == page.host_header
    assert linked([ProbeResult(probe=page, ok=False, **shape)]) == ()
    assert linked([ProbeResult(probe=found[0], ok=True, **shape)]) == (), "only of start pages"


def test_a_name_server_is_asked_for_those_who_depend_on_it() -> None:
    server = {"listeners": [listener(53)]}
    others = [
        Host(name="beta", address="192.0.2.8", names=("beta", "beta.example.net")),
        Host(name="gamma", address="192.0.2.9"),
    ]
    asked = candidates(view(sockets__listening=server), others)
    names = [p for p in asked if p.kind is ProbeKind.DNS]
    assert [p.host_header for p in names] == ["www.example.net", "beta.example.net"]
    assert {p.address for p in names} == {HOST.address}
    shape: dict[str, Any] = {"ok": True, "taken_at": NOW, "simulated": False}
    results = [
        [ProbeResult(probe=names[1], body=body, **shape)]
        for body in ("192.0.2.8 192.0.2.88", "192.0.2.8")
    ]
    (taught,) = learn(*results)
    assert taught.expect_text == ("192.0.2.8",)


def test_names_to_which_a_web_server_passes_requests_are_asked_of_the_name_server() -> None:
    """It looks them up when it starts, and does not start without them."""
    passed = [
        {"url": f"http://{name}", "host": name, "port": 80}
        for name in ("back.example.net", "192.0.2.9", "pool")
    ]
    site = SITE["servers"][0] | {"upstreams": passed}
    resolver = Host(name="ns", address="192.0.2.53", services=("named",))
    other = Host(name="files", address="192.0.2.54", services=("nginx",))
    host = HOST.model_copy(update={"depends_on": ("ns", "files")})
    found = candidates(view(host, nginx__dump={"servers": [site]}), (resolver, other))
    asked = [(p.address, p.host_header) for p in found if p.kind is ProbeKind.DNS]
    assert asked == [("192.0.2.53", "back.example.net")]
