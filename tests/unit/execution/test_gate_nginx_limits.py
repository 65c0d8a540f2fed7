"""One limit of nginx raised on its line: nothing else changes; what nginx refuses goes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.execution.gate import nginx_limits
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.execution.gate.store import Store

SITE = """# the site
server {  # of everybody
    listen 80;
    client_max_body_size 2m;  # for now: client_max_body_size
    location / { proxy_read_timeout 2s; proxy_pass http://127.0.0.1:8000; }
}
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's file, and an nginx that accepts everything."""
    path = tmp_path / "site"
    path.write_text(SITE, encoding="utf-8")
    path.chmod(0o640)
    monkeypatch.setattr(nginx_limits, "NGINX", "/bin/true")
    return path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(state=str(tmp_path / "state"))


def raise_it(site: Path, places: Places, line: int, directive: str, value: str) -> str:
    params: dict[str, str | int] = {
        "path": str(site), "line": line, "directive": directive, "value": value,
    }  # fmt: skip
    assert nginx_limits.nginx_set_limit(params, places) == 0
    return site.read_text(encoding="utf-8")


def test_it_is_raised_where_it_stands_and_what_was_there_is_kept(
    site: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    said = raise_it(site, places, 4, "client_max_body_size", "20m")
    assert said == SITE.replace("client_max_body_size 2m;", "client_max_body_size 20m;")
    assert site.stat().st_mode & 0o777 == 0o640
    replaced = capsys.readouterr().out.partition('"replaced":"')[2][:64]
    assert Store(places).get(replaced).decode() == SITE
    said = raise_it(site, places, 5, "proxy_read_timeout", "60s")
    assert "{ proxy_read_timeout 60s; proxy_pass" in said


def test_a_server_without_one_is_given_one(site: Path, places: Places) -> None:
    site.write_text(SITE.replace("    client_max_body_size 2m;", "   "), encoding="utf-8")
    said = raise_it(site, places, 2, "client_max_body_size", "20m")
    assert said.splitlines()[1:4] == [
        "server {  # of everybody",
        "    client_max_body_size 20m;",
        "    listen 80;",
    ]


@pytest.mark.parametrize(
    ("line", "directive", "value", "says"),
    [
        (4, "client_max_body_size", "1m", "raised only"),
        (4, "client_max_body_size", "200m", "to 100 at most"),
        (4, "client_max_body_size", "60s", "raised only"),
        (5, "proxy_read_timeout", "900s", "to 300 at most"),
        (2, "proxy_read_timeout", "60s", "neither holds"),
        (3, "client_max_body_size", "20m", "neither holds"),
        (99, "client_max_body_size", "20m", "no line"),
    ],
)
def test_what_is_not_meant_is_refused(
    site: Path, places: Places, line: int, directive: str, value: str, says: str
) -> None:
    with pytest.raises(Failed, match=says):
        raise_it(site, places, line, directive, value)
    assert site.read_text(encoding="utf-8") == SITE


def test_what_nginx_refuses_is_taken_back(
    site: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nginx_limits, "NGINX", "/bin/false")
    with pytest.raises(Failed, match="all is as it was"):
        raise_it(site, places, 4, "client_max_body_size", "20m")
    assert site.read_text(encoding="utf-8") == SITE
