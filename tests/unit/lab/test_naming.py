"""Names of the estate in other words: which words are names, and which only look like one."""

from __future__ import annotations

import pytest

from app.lab.estate import HOSTS, MONITOR_ADDRESS, with_resolver
from app.lab.naming import PLAIN, Naming, Rename

NAMING = Naming(
    (
        Rename("shop", "kiosk"),
        Rename("web01", "srv17"),
        Rename("ops01", "muc11"),
        Rename("price-feed", "walnut-feed"),
        Rename("j.doe", "r.silva"),
        Rename("dba", "dbowner", exact=True),
        Rename("corp.internal", "plant.lan"),
        Rename("8000", "9191", exact=True, not_preceded=r"-gt |\*", not_followed="ms"),
        Rename("reports", "barn", exact=True, only_preceded="/srv/"),
        Rename("10.77", "172.25", exact=True, only_followed=r"\\?[.]\d"),
    )
)


@pytest.mark.parametrize(
    ("plain", "renamed"),
    [
        ("systemctl restart shop.service", "systemctl restart kiosk.service"),
        ("/opt/shop/current /var/log/shop", "/opt/kiosk/current /var/log/kiosk"),
        ("shop_app shop-worker shop@db01", "kiosk_app kiosk-worker kiosk@db01"),
        ("SHOP_DB_URL=postgres:///shop", "KIOSK_DB_URL=postgres:///kiosk"),
        ("Shop down: ShopHealthFailed", "Kiosk down: KioskHealthFailed"),
        (r'b"user\x00shop\0shop\0"', r'b"user\x00kiosk\0kiosk\0"'),
        (r"printf 'a\tshop\nshop'", r"printf 'a\tkiosk\nkiosk'"),
        (r"\bshop\b", r"\bkiosk\b"),
        ("price_feed, Price feed, PriceFeedStale", "walnut_feed, Walnut feed, WalnutFeedStale"),
        (r"j\.doe", r"r\.silva"),
        (r"web01.corp.internal web01\.corp\.internal", r"srv17.plant.lan srv17\.plant\.lan"),
        ("127.0.0.1:8000; port 8000", "127.0.0.1:9191; port 9191"),
        ("install -d /srv/reports/old", "install -d /srv/barn/old"),
        (r"10.77.0.5/24 10\.77\.0\.11", r"172.25.0.5/24 172\.25\.0\.11"),
    ],
)
def test_a_name_is_renamed_where_it_stands_as_a_word(plain: str, renamed: str) -> None:
    assert NAMING.text(plain) == renamed


@pytest.mark.parametrize(
    "text",
    [
        "workshop shopping shops",  # longer words
        "tweb01 web011",
        "says the DBA",  # exact
        "test $size -gt 8000; b'x' *8000; 8000ms; 18000",  # amounts
        "took 10.77 seconds",
        "monitoring reports /var/lib/reports",
        "doe jdoe j.doering",
        "nginx.service www-data /etc/nginx/nginx.conf mariadb postgresql@15-main",
    ],
)
def test_what_only_looks_like_a_name_stays(text: str) -> None:
    assert NAMING.text(text) == text


def test_all_names_change_at_once() -> None:
    swapped = Naming((Rename("shop", "portal"), Rename("portal", "shop")))
    assert swapped.text("shop portal") == "portal shop"


def test_hosts_go_by_their_new_names_and_are_made_from_the_same_files() -> None:
    spec = NAMING.hosts["srv17"]
    assert spec.names == ("srv17", "srv17.plant.lan", "kiosk.plant.lan")
    assert spec.address == "172.25.0.10"
    assert spec.services == ("nginx", "kiosk")
    assert "muc11" in spec.depends_on
    assert spec.small_file_systems[0].path == "/var/log/kiosk"
    assert spec.files == "web01"
    assert NAMING.text(MONITOR_ADDRESS) == "172.25.0.5"


def test_the_resolver_comes_along_by_whatever_name() -> None:
    specs = with_resolver(("srv17",), NAMING.hosts)
    assert [spec.name for spec in specs] == ["srv17", "muc11"]


def test_a_plain_run_has_the_estate_as_it_is() -> None:
    assert PLAIN.hosts == HOSTS
    assert PLAIN.text("shop on web01") == "shop on web01"
