"""The page stands alone, says everything that the rows say, and trusts none of it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from app.lab import rowfile, timelines
from app.lab.markup import tag
from app.lab.page import page
from tests.unit.lab.rows import failed, row, written
from tests.unit.lab.test_timelines import service

HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e\ud800"


class Elements(HTMLParser):
    """The names of all elements, with their attributes; they must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((name, dict(attrs)))
        if name != "meta":
            self._open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self._open.pop() == name


def made(tmp_path: Path, *names: str) -> str:
    files = []
    for name in names:
        rows = (row("a"), failed("b", cause=HOSTILE, collateral=[HOSTILE], reason=HOSTILE))
        files.append(rowfile.read(written(tmp_path / f"{name}.jsonl", *rows)))
    return page(files)


def test_it_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    elements = Elements(made(tmp_path, "one", "two")).found
    assert not {name for name, _ in elements} & {"script", "link", "img", "iframe", "form"}
    links = [value for _, given in elements for key, value in given.items() if key == "href"]
    assert all(value and value.startswith("#") for value in links)
    assert "@import" not in page.__globals__["STYLE"].read_text()
    assert "url(" not in page.__globals__["STYLE"].read_text()


def test_what_hosts_say_is_text(tmp_path: Path) -> None:
    text = made(tmp_path, "one")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in text
    assert not set("\x1b\u202e\ud800") & set(text)
    text.encode("utf-8")


def test_a_long_text_is_cut_and_says_so() -> None:
    assert str(tag("p", "x" * 5000)).endswith("xx… (and 3500 more characters)</p>")


def test_every_table_has_a_name_and_headings(tmp_path: Path) -> None:
    elements = Elements(made(tmp_path, "one", "two")).found
    count = [name for name, _ in elements].count
    assert count("table") == count("caption") > 3
    assert all(given.get("scope") for name, given in elements if name == "th")
    assert elements[0] == ("html", {"lang": "en"})


def test_each_further_file_is_a_column(tmp_path: Path) -> None:
    text = made(tmp_path, "service", "says-resolved")
    assert '<th scope="col">says-resolved</th>' in text
    assert "passed in service, failed in says-resolved: none" in text


def test_timelines_are_shown_where_there_are_some(tmp_path: Path) -> None:
    assert "No timelines were kept" in made(tmp_path, "one")
    timelines.keep(tmp_path / "one.jsonl", "a", service(root_cause=HOSTILE))
    text = made(tmp_path, "one")
    assert '<a href="#timeline-0">a</a>' in text
    assert '<details id="timeline-0">' in text
    assert "Users suffer" in text
    assert "margin-left:16.4%;width:83.6%" in text
    assert "<script" not in text
