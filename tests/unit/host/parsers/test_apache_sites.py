"""What `apachectl -S` prints."""

from __future__ import annotations

import pytest

from app.host.parsers import ParseError, RawOutput
from app.host.parsers.apache_sites import parse_apache_sites

SEVERAL = """VirtualHost configuration:
10.0.0.7:8080          intranet.example (/etc/apache2/sites-enabled/intranet.conf:3)
*:443                  is a NameVirtualHost
         default server a.example (/etc/apache2/sites-enabled/a.conf:2)
         port 443 namevhost a.example (/etc/apache2/sites-enabled/a.conf:2)
                 alias www.a.example
                 wild alias *.a.example
         port 443 namevhost b.example (/etc/apache2/sites-enabled/b.conf:1)
[::1]:80               local.example (/etc/apache2/sites-enabled/local.conf:1)
ServerRoot: "/etc/apache2"
Main DocumentRoot: "/var/www/html"
User: name="www-data" id=33
"""


def test_every_site_once_with_its_names_and_its_place() -> None:
    found = parse_apache_sites(RawOutput(stdout=SEVERAL, stderr="AH00558: apache2: Could not"))
    assert [(s.names, s.address, s.port, s.line) for s in found.sites] == [
        (("intranet.example",), "10.0.0.7", 8080, 3),
        (("a.example", "www.a.example", "*.a.example"), "*", 443, 2),
        (("b.example",), "*", 443, 1),
        (("local.example",), "[::1]", 80, 1),
    ]
    assert found.sites[2].file == "/etc/apache2/sites-enabled/b.conf"


def test_none_where_there_is_none_and_an_error_where_apache_refuses_its_files() -> None:
    none = RawOutput(stdout='VirtualHost configuration:\nServerRoot: "/etc/apache2"\n')
    assert parse_apache_sites(none).sites == ()
    with pytest.raises(ParseError, match="AH00526"):
        parse_apache_sites(RawOutput(stdout="", stderr="AH00526: Syntax error on line 3"))
