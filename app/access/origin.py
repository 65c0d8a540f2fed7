"""Where a request comes from: this machine or elsewhere, our own pages or another site's."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request

FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
LOGIN, HOME = "/login", "/ui"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def address_of(request: Request) -> str:
    """The address of who asks; "unknown" where the connection has none."""
    return request.client.host if request.client is not None else "unknown"


def is_local(request: Request) -> bool:
    """Whether it was sent on this machine itself, and not handed on by a proxy on it."""
    if any(name in request.headers for name in FORWARDED):
        return False
    # nginx, where it is told nothing more, adds no header and asks by the old version
    if request.scope.get("http_version") == "1.0":
        return False
    return _is_loopback(address_of(request))


def names_this_machine(request: Request, own_host: str) -> bool:
    """Whether the Host header does. A site that has its name lead to 127.0.0.1 sends its own."""
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return name == "localhost" or name == own_host.lower() or _is_loopback(name)


def is_of_another_site(request: Request, public_url: str | None) -> bool:
    """Whether a page of another site sent it. Browsers say so in Origin with every POST."""
    origin = request.headers.get("origin")
    if request.method in SAFE_METHODS or origin is None:
        return False
    own = {
        f"http://{request.headers.get('host', '')}",
        f"https://{request.headers.get('host', '')}",
    }
    return origin not in own | {public_url}


def is_for_a_page(request: Request) -> bool:
    """Whether a browser wants to show what it asked for."""
    wanted = request.headers.get("accept", "")
    return request.method == "GET" and "text/html" in wanted and not _is_of_the_api(request)


def _is_of_the_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def login_path(request: Request) -> str:
    """Where to log in, and come back from."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{LOGIN}?{urlencode({'next': here})}"


def local_path(given: str) -> str:
    """A path of ours to go to after a login; HOME for whatever would lead elsewhere."""
    # a backslash counts as a slash to browsers, and two of either begin another site's name
    if not given.startswith("/") or given.startswith(("//", LOGIN)) or "\\" in given:
        return HOME
    return given if given.isprintable() else HOME


def _is_loopback(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
