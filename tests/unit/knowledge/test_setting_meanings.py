"""What settings decide, in the words of those who complain."""

from __future__ import annotations

import re

import pytest

from app.knowledge.setting_meanings import SHIPPED, meant, normal, settings_in
from app.strict_yaml import read


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("UMask=0077", "umask"),
        ("    client_max_body_size 2m;", "client_max_body_size"),
        ("php_admin_value[upload_max_filesize] = 2M", "upload_max_filesize"),
        ("max-connections = 20", "max_connections"),
        ("LimitRequestBody 1024", "limitrequestbody"),
        ("maxmemory-policy noeviction", "maxmemory_policy"),
        ("export LC_ALL=C", "lc_all"),
        ("date.timezone = UTC", "date.timezone"),
        ("storage: local", "storage"),
        ('  "userland-proxy": false,', "userland_proxy"),
    ],
)
def test_what_a_line_gives_a_value(line: str, name: str) -> None:
    assert settings_in(f"# a reason\n{line}\n", changed_only=False) == (name,)


@pytest.mark.parametrize("line", ["# UMask=0077", "; memory_limit = 1M", "}", "", "[Service]"])
def test_what_gives_no_value(line: str) -> None:
    assert settings_in(line, changed_only=False) == ()


def test_of_a_difference_only_what_changed_counts() -> None:
    diff = (
        "--- healthy/site\n+++ now/site\n@@ -1,3 +1,3 @@\n root /srv;\n"
        "-    gzip on;\n+    gzip off;\n+    autoindex on;\n index a;\n"
    )
    assert settings_in(diff, changed_only=True) == ("gzip", "autoindex")


@pytest.mark.parametrize(
    ("setting", "complaint", "so"),
    [
        ("umask", "new invoices are forbidden since monday", True),
        ("umask", "the shop is slow", False),
        ("session.gc_maxlifetime", "everybody is logged out after ten minutes", True),
        ("upload_max_filesize", "attachments of 8 mb are refused", True),
        ("default_charset", "umlauts are garbled in the catalogue", True),
        ("no_such_setting", "everything is forbidden, slow and logged out", False),
    ],
)
def test_whether_a_setting_decides_what_a_ticket_complains_of(
    setting: str, complaint: str, so: bool
) -> None:
    assert (meant((setting,), complaint) == (setting,)) is so


def test_every_meaning_can_be_met() -> None:
    for one in read(SHIPPED.read_text(encoding="utf-8")):
        assert re.compile(one["about"]).search("") is None, "it would be about everything"
        for name in one["sets"]:
            assert settings_in(f"{name} = 1", changed_only=False) == (normal(name),) == (name,)
