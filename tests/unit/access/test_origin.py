"""This machine or elsewhere, our pages or another site's."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from app.access import origin


def request(
    client: str | None = "127.0.0.1", method: str = "POST", path: str = "/x", **headers: str
) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": raw,
            "scheme": "http",
            "server": ("127.0.0.1", 8000),
            "client": (client, 1) if client else None,
        }
    )


@pytest.mark.parametrize(
    ("client", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True),
     ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("localhost", False), (None, False)],
)  # fmt: skip
def test_local_is_by_address(client: str | None, local: bool) -> None:
    assert origin.is_local(request(client)) is local


def test_what_a_proxy_here_hands_on_is_not_local() -> None:
    for name in ("x_forwarded_for", "forwarded", "x_real_ip", "x_forwarded_host", "via"):
        assert not origin.is_local(request(**{name: "127.0.0.1"}))
    bare = request()  # nginx with nothing but proxy_pass
    bare.scope["http_version"] = "1.0"
    assert not origin.is_local(bare)


@pytest.mark.parametrize(
    ("host", "this"),
    [("127.0.0.1:8000", True), ("localhost:8000", True), ("[::1]:8000", True), ("sre", True),
     ("evil.example", False), ("127.0.0.1.evil.example", False), ("", False)],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_not_ours(host: str, this: bool) -> None:
    assert origin.names_this_machine(request(host=host), "sre") is this


@pytest.mark.parametrize(
    ("given", "other"),
    [("http://sre:8000", False), ("https://sre:8000", False), ("https://public.example", False),
     ("http://evil.example", True), ("null", True), ("http://sre", True)],
)  # fmt: skip
def test_another_sites_page_is_known_by_its_origin(given: str, other: bool) -> None:
    asked = request(host="sre:8000", origin=given)
    assert origin.is_of_another_site(asked, "https://public.example") is other


def test_reading_is_no_forgery() -> None:
    asked = request(method="GET", host="sre:8000", origin="http://evil.example")
    assert not origin.is_of_another_site(asked, None)


@pytest.mark.parametrize(
    ("given", "path"),
    [("/ui?x=1", "/ui?x=1"), ("//evil.example", "/ui"), ("https://evil.example", "/ui"),
     ("/\\evil.example", "/ui"), ("ui", "/ui"), ("", "/ui"), ("/login?next=/", "/ui"),
     ("/a\r\nSet-Cookie: x", "/ui"), ("javascript:alert(1)", "/ui")],
)  # fmt: skip
def test_a_login_leads_to_no_other_site(given: str, path: str) -> None:
    assert origin.local_path(given) == path
