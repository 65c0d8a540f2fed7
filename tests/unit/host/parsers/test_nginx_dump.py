from __future__ import annotations

import json

import pytest

from app.host.facts import NginxFacts, NginxServer, NginxUpstream
from app.host.parsers import ParseError, RawOutput
from app.host.parsers.nginx_dump import parse_nginx_dump, parse_nginx_files
from tests.unit.host.parsers.recordings import printed, said, text_of

ROOT = "/etc/nginx/nginx.conf"


def servers(site: str, **texts: str) -> tuple[NginxServer, ...]:
    files = {ROOT: "http { include sites/*; }", "/etc/nginx/sites/site": site}
    return parse_nginx_files(files | texts).servers


def only(site: str) -> NginxServer:
    (server,) = servers(site)
    return server


def behind(site: str) -> list[tuple[str | None, int | None, str | None]]:
    return [(one.host, one.port, one.socket) for one in only(site).upstreams]


def test_a_recorded_configuration_is_read_in_full() -> None:
    found = parse_nginx_dump(printed("nginx-dump/shop.txt"))
    assert (found.user, found.complete) == ("www-data", True)
    assert found.files[0] == ROOT
    assert len(found.files) == 5
    shop, admin = found.servers
    assert shop == NginxServer(
        file="/etc/nginx/sites-enabled/shop",
        line=5,
        names=("shop.example.net", "www.shop.example.net"),
        listens=("80 default_server", "[::]:80 default_server"),
        ports=(80,),
        root="/srv/shop",
        upstreams=(
            NginxUpstream(url="http://shop_app", host="127.0.0.1", port=8000),
            NginxUpstream(url="http://shop_app", socket="/run/shop/shop.sock"),
            NginxUpstream(
                url="http://localhost:9000/api/", host="localhost", port=9000, location="/api/"
            ),
            NginxUpstream(
                url="unix:/run/php/php8.2-fpm.sock",
                socket="/run/php/php8.2-fpm.sock",
                location="~ \\.php$",
            ),
        ),
        logs=("/var/log/nginx/shop.access.log", "/var/log/nginx/shop.error.log"),
    )
    assert (admin.tls, admin.ports, admin.root) == (True, (8443,), None)
    assert (admin.certificate, admin.certificate_key) == (
        "/etc/nginx/tls/admin.crt",
        "/etc/nginx/tls/admin.key",
    )
    assert admin.logs == ("/var/log/nginx/access.log", "/var/log/nginx/error.log")


def recorded_site() -> str:
    _, _, rest = text_of("nginx-dump/shop.txt").partition("sites-enabled/shop:\n")
    return rest.partition("\n# configuration file")[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda site: ";\n" + site,
        lambda site: site + "}\n",
        lambda site: site.rstrip()[:-1],
        lambda site: site.replace("root /srv/shop;", "root /srv/shop"),
        lambda site: site.replace("8000 max_fails=3;", "8000 max_fails=3"),
        lambda site: site.replace("location /api/ {", "location /api/ { {"),
        lambda site: site.replace("root /srv/shop;", "rooot {;"),
    ],
    ids=["stray ;", "extra }", "missing }", "missing ;", "missing ; in pool", "extra {", "open"],
)
def test_a_file_that_nginx_refuses_still_tells_where_its_servers_lead(spoil: object) -> None:
    assert callable(spoil)
    found = servers(spoil(recorded_site()))
    assert [one.names for one in found] == [
        ("shop.example.net", "www.shop.example.net"),
        ("admin.example.net",),
    ]
    assert ("localhost", 9000) in [(one.host, one.port) for one in found[0].upstreams]
    assert found[1].ports == (8443,)


def test_one_broken_file_does_not_cost_the_others() -> None:
    found = parse_nginx_files(
        {
            ROOT: "http { include /etc/nginx/conf.d/*.conf; }",
            "/etc/nginx/conf.d/a.conf": "server { listen 81; location / { proxy_pass http://a",
            "/etc/nginx/conf.d/b.conf": "server { listen 82; }",
            "/etc/nginx/conf.d/c.txt": "server { listen 83; }",
            "/etc/nginx/conf.d/.d.conf": "server { listen 84; }",
        }
    )
    assert [one.ports for one in found.servers] == [(81,), (82,)]
    assert found.files == (ROOT, "/etc/nginx/conf.d/a.conf", "/etc/nginx/conf.d/b.conf")
    assert found.complete is False


def test_without_the_root_file_the_others_are_read_for_themselves() -> None:
    found = parse_nginx_files({"/etc/nginx/conf.d/a.conf": "server { listen 81; }"})
    assert [one.ports for one in found.servers] == [(81,)]


def test_the_gate_reads_the_files_where_the_test_fails() -> None:
    files = {ROOT: "user www; http { server { listen 80; } }"}
    as_json = said(json.dumps({"files": files, "root": ROOT}), 1)
    as_dump = said(f"# configuration file {ROOT}:\n{files[ROOT]}\n", 1)
    for raw in (as_json, as_dump):
        found = parse_nginx_dump(raw)
        assert (found.user, found.complete, len(found.servers)) == ("www", False, 1)


def test_cut_output_is_not_complete() -> None:
    text = text_of("nginx-dump/shop.txt")
    cut = RawOutput(stdout=text[: text.index("location /api/")], exit_code=0, truncated=True)
    found = parse_nginx_dump(cut)
    assert found.complete is False
    assert found.servers[0].names == ("shop.example.net", "www.shop.example.net")


@pytest.mark.parametrize(
    ("listen", "ports", "tls"),
    [
        ("", (80,), False),
        ("listen 443 ssl http2;", (443,), True),
        ("listen [::]:443 ssl; listen 80;", (443, 80), True),
        ("listen 127.0.0.1;", (80,), False),
        ("listen [::1];", (80,), False),
        ("listen *:8080-8082;", (8080, 8081, 8082), False),
        ("listen unix:/run/n.sock;", (), False),
        ("listen localhost:8000;", (8000,), False),
        ("listen 443; ssl on;", (443,), True),
    ],
)
def test_what_a_server_listens_on(listen: str, ports: tuple[int, ...], tls: bool) -> None:
    server = only(f"server {{ {listen} }}")
    assert (server.ports, server.tls) == (ports, tls)


@pytest.mark.parametrize(
    ("directives", "leads"),
    [
        ("proxy_pass http://10.0.0.1;", [("10.0.0.1", 80, None)]),
        ("proxy_pass https://api.example.net/x;", [("api.example.net", 443, None)]),
        ("proxy_pass http://[2001:db8::1]:81;", [("2001:db8::1", 81, None)]),
        ("proxy_pass http://unix:/run/a.sock:/x;", [(None, None, "/run/a.sock")]),
        ("uwsgi_pass 127.0.0.1:3031;", [("127.0.0.1", 3031, None)]),
        ("fastcgi_pass unix:/run/p.sock;", [(None, None, "/run/p.sock")]),
        ("grpc_pass grpcs://b.example.net;", [("b.example.net", 443, None)]),
        ("proxy_pass http://$who;", [(None, None, None)]),
        ("set $who 10.0.0.2:82; proxy_pass http://$who;", [("10.0.0.2", 82, None)]),
        ("set $u http://10.0.0.3:83; proxy_pass ${u}/x;", [("10.0.0.3", 83, None)]),
    ],
)
def test_where_a_location_leads(
    directives: str, leads: list[tuple[str | None, int | None, str | None]]
) -> None:
    assert behind(f"server {{ location / {{ {directives} }} }}") == leads


def test_servers_of_a_pool_that_are_down_are_left_out() -> None:
    pool = "upstream p { least_conn; server a:1 weight=2; server b:2 down; server c; keepalive 8; }"
    assert behind(f"{pool} server {{ location / {{ proxy_pass http://p/x; }} }}") == [
        ("a", 1, None),
        ("c", 80, None),
    ]


def test_quotes_comments_and_escapes() -> None:
    server = only(
        """
        server { # listen 81; }
            server_name "quoted name" 'a#b' plain;# no space before
            root "/srv/with \\"quote\\" and ; { }";
            location ~* "\\.(a|b){2}$" { if ($x) { proxy_pass http://h:1; } }
            set $a "${b}c"; return 200 ${host}x;
        }"""
    )
    assert server.names == ("quoted name", "a#b", "plain")
    assert server.root == '/srv/with "quote" and ; { }'
    assert server.upstreams[0].location == "~* \\.(a|b){2}$"


def test_what_a_server_does_not_say_it_inherits() -> None:
    (server,) = parse_nginx_files(
        {
            ROOT: "error_log /var/log/e; http { root /srv; access_log off; ssl_certificate /c;"
            " server { error_log syslog:server=x; location / { access_log /var/log/a main; } } }"
        }
    ).servers
    assert (server.root, server.certificate) == ("/srv", "/c")
    assert server.logs == ("/var/log/a",)


def test_servers_that_speak_no_http_are_left_out() -> None:
    found = parse_nginx_files({ROOT: "stream { server { listen 5432; proxy_pass db:5432; } }"})
    assert found == NginxFacts(files=(ROOT,), complete=False)


def test_files_that_include_each_other_end() -> None:
    doubling = {f"/etc/nginx/{n}": f"include {n + 1}; include {n + 1};" for n in range(30)}
    found = parse_nginx_files({ROOT: "http { include 0; include nginx.conf; }"} | doubling)
    assert found.complete is False


def test_braces_without_end_are_survived() -> None:
    assert parse_nginx_files({ROOT: "http { " + "a {" * 50_000}).servers == ()


@pytest.mark.parametrize(
    "text", ["", "nginx: [emerg] x", "{", '{"files": [1]}', '{"files": {"a": 1}}']
)
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_nginx_dump(said(text, 1))


def test_limits_are_told_with_their_place_and_inherited_where_a_server_has_none() -> None:
    text = (
        "http {\n client_max_body_size 4m;\n proxy_read_timeout 9s;\n server {\n"
        "  client_max_body_size 8m;\n  location /api/ {\n   client_max_body_size 64m;\n  }\n }\n}\n"
    )
    (server,) = parse_nginx_files({ROOT: text}).servers
    assert [(one.directive, one.value, one.line, one.location) for one in server.limits] == [
        ("client_max_body_size", "8m", 5, ""),
        ("client_max_body_size", "64m", 7, "/api/"),
        ("proxy_read_timeout", "9s", 3, ""),
    ]
