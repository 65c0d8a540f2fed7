"""Pages that a ticket names: which are asked for, and what counts of their answers."""

from __future__ import annotations

import pytest

from app.domain.host import Host
from app.domain.probe import Probe, ProbeKind, ProbeResult, likeness
from app.host.ticket_pages import bears_out, failing_pages, misplaced, named_pages
from app.host.view import HostView
from tests.unit.host.test_network_state import incident
from tests.unit.host.test_probes import listener
from tests.unit.reasoning.cases import NOW, case, evidence

FILES = Host(name="alpha", address="192.0.2.8", names=("files.example",))


def test_a_slow_file_that_a_ticket_names_is_asked_for_whole() -> None:
    text = "http://files.example:8080/pub/list.bin is slow, http://files.example:8080/pub/list.bin!"
    (probe,) = named_pages(incident(text), FILES)
    assert (probe.kind, probe.port, probe.path) == (ProbeKind.HTTP, 8080, "/pub/list.bin")
    assert probe.whole
    assert probe.address == "192.0.2.8"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (
            "Error on https://files.example/wiki/Home_page.",
            ("files.example", 443, "/wiki/Home_page"),
        ),
        ("open FILES.example/stock.php, it fails", ("files.example", 80, "/stock.php")),
        ("(see http://192.0.2.8:9000/assets/rates)", ("192.0.2.8", 9000, "/assets/rates")),
    ],
)
def test_a_page_of_the_host_is_asked_for_as_its_writer_asks(
    text: str, asked: tuple[str, int, str]
) -> None:
    (probe,) = named_pages(incident(text), FILES)
    assert (probe.host_header, probe.port, probe.path) == asked
    assert not probe.whole


@pytest.mark.parametrize(
    "text",
    [
        "http://elsewhere.example/pub/list.bin is slow",
        "http://files.example.evil.example/pub/list.bin fails",
        "http://files.example@evil.example/pub/list.bin fails",
        "http://files.example/orders/delete?id=7 is slow",
        "http://files.example/list.php?drop=1 is slow",
        "http://files.example/admin/restart is slow",
        "http://files.example/jobs/run-now fails",
        "http://files.example/a/../../x.bin is slow",
        "http://files.example:99999/x fails",
        "mail ann@files.example/team about it",
        "read /srv/files.example/notes.txt first",
    ],
)
def test_nothing_else_is_asked_for_on_a_tickets_word(text: str) -> None:
    assert named_pages(incident(text), FILES) == ()


def test_no_more_than_two_are_asked_for() -> None:
    text = " ".join(f"http://files.example/page-{letter}" for letter in "abcdef")
    assert [p.path for p in named_pages(incident(text), FILES)] == ["/page-a", "/page-b"]


def failing(path: str, **more: object) -> dict[str, object]:
    return {"method": "GET", "path": path, "failed": 3, "last_ago": 9, "last_status": 500} | more


def test_pages_that_users_are_refused_are_asked_for_at_each_site() -> None:
    refused = [
        failing("/bills"),
        failing("/bills", method="POST"),
        failing("/mended", last_status=200),
        failing("/jobs/delete"),
        failing("/odd%20one"),
        failing("/news"),
        failing("/more"),
    ]
    view = HostView(FILES, evidence({"web.errors": {"failing": refused}}))
    site = Probe(
        name="http files.example:80/", kind=ProbeKind.HTTP, address="192.0.2.8", port=80,
        host_header="files.example", expect_status=(200,), expect_text=("welcome",),
    )  # fmt: skip
    port = Probe(name="tcp", kind=ProbeKind.TCP, address="192.0.2.8", port=25)
    asked = failing_pages(view, [site, port])
    assert [(p.name, p.path) for p in asked] == [
        ("page http files.example:80/bills", "/bills"),
        ("page http files.example:80/news", "/news"),
    ]
    assert {(p.expect_status, p.expect_text) for p in asked} == {((), ())}


@pytest.mark.parametrize(
    ("answer", "text", "ports", "counts"),
    [
        ({"status": 200, "ok": True}, "it answers 200", (80,), False),
        ({"status": 502}, "the page is broken", (80,), True),
        ({"status": 404}, "the page is broken", (80,), False),
        ({"status": 404}, "we get a 404", (80,), True),
        ({"status": 404}, "a click on a person gives Not Found", (80,), True),
        ({"status": 403}, "a click on a person gives Not Found", (80,), False),
        ({"status": 403}, "order 14031 is lost", (80,), False),
        ({"error": "timeout"}, "the page is broken", (80,), True),
        ({"error": "refused"}, "the page is broken", (80,), True),
        ({"error": "refused"}, "the page is broken", (22,), False),
        ({"error": "timeout"}, "the page is broken", (22,), False),
        ({"error": "not-recorded"}, "the page is broken", (80,), False),
    ],
)
def test_an_answer_counts_only_where_it_can_be_no_ones_intention(
    answer: dict[str, object], text: str, ports: tuple[int, ...], counts: bool
) -> None:
    told = incident(f"{text}: http://files.example/orders")
    (probe,) = named_pages(told, FILES)
    known = {"probe": probe, "ok": False, "taken_at": NOW, "simulated": False}
    result = ProbeResult.model_validate(known | answer)
    heard = {"sockets.listening": {"listeners": [listener(port) for port in ports]}}
    view = HostView(FILES, evidence(heard))
    assert bears_out(result, told, view) is counts


START = "<h1>Welcome</h1> visit 12 of today"


@pytest.mark.parametrize(
    ("text", "body", "counts"),
    [
        ("the list opens the start page", "<h1>Welcome</h1> visit 13 of today", True),
        ("the list opens the start page", "<h1>List</h1>", False),
        ("the list is empty", "<h1>Welcome</h1> visit 13 of today", False),  # nobody says so
        ("the list opens the start page", "", False),
    ],
)
def test_the_start_page_in_the_place_of_another_counts_where_the_ticket_says_so(
    text: str, body: str, counts: bool
) -> None:
    given = case({}, status=200, body=START)
    (start,) = given.probes
    page = start.probe.model_copy(update={"name": "page list", "path": "/list"})
    shown = start.model_copy(update={"probe": page, "body": body})
    incident = given.incident.model_copy(update={"short_description": text, "description": ""})
    found = misplaced((start, shown), (page,), incident)
    assert len(found) == counts
    for one in found:  # it is asked for so from now on
        assert one.unlike == likeness("<h1>Welcome</h1> visit 99 of today")
