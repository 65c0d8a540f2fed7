"""What ServiceNow may send, made plain."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.v1.ticket import DEPTH_MAX, LONG_MAX, SHORT_MAX, Ticket
from app.api.v1.ticket_examples import EXAMPLES, FLAT
from app.domain.incident import Priority


def ticket(**fields: Any) -> Ticket:
    return Ticket.model_validate({"incident_number": "INC1", "short_description": "down"} | fields)


@pytest.mark.parametrize("body", EXAMPLES.values(), ids=EXAMPLES)
def test_all_documented_shapes_mean_the_same(body: dict[str, Any]) -> None:
    read = Ticket.model_validate(body)
    assert read.incident_number.startswith("INC001000")
    assert read.title == "Web server down - 500 errors"
    assert read.affected.hostname == "web-prod-01.company.com"
    assert read.urgency is Priority.CRITICAL
    assert read.state == "2"


@pytest.mark.parametrize("empty", ["", None, {"link": "https://x/y", "value": ""}, {}])
def test_empty_references_are_empty(empty: object) -> None:
    read = ticket(cmdb_ci=empty, assignment_group=empty, priority=empty, description=empty)
    assert (read.cmdb_ci, read.assignment_group, read.description) == ("", "", "")
    assert read.affected.hostname is None
    assert read.urgency is Priority.MODERATE


def test_an_empty_target_is_none_and_the_configuration_item_is_used() -> None:
    assert ticket(target="", cmdb_ci="web01").affected.hostname == "web01"
    assert ticket(target={"hostname": ""}, cmdb_ci="web01").affected.hostname == "web01"


def test_a_target_goes_before_the_configuration_item() -> None:
    read = ticket(target={"ip_address": "10.0.0.1"}, cmdb_ci="web01")
    assert (read.affected.ip_address, read.affected.hostname) == ("10.0.0.1", None)


def test_a_reference_without_a_name_is_looked_up_by_its_key() -> None:
    key = "b0c4030ac0a8000001c9dd3f2b8b3b8b"
    assert ticket(cmdb_ci={"link": "https://x", "value": key}).affected.hostname == key


@pytest.mark.parametrize("service", [None, "", 7, ["nginx"], {"x": 1}, "nginx; rm -rf /"])
def test_a_wrong_service_never_rejects(service: object) -> None:
    read = ticket(target={"hostname": "web01", "service": service})
    assert read.affected.hostname == "web01"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1 - Critical", Priority.CRITICAL),
        ("1", Priority.CRITICAL),
        (2, Priority.HIGH),
        ("Critical", Priority.CRITICAL),
        ({"display_value": "4 - Low", "value": "4"}, Priority.LOW),
        ("urgent!!", Priority.MODERATE),
        (["1"], Priority.MODERATE),
    ],
)
def test_priorities(said: object, meant: Priority) -> None:
    assert ticket(priority=said).urgency is meant


@pytest.mark.parametrize(
    "number", ["", " ", "INC 1", "INC\u0000", "I" * 41, "ÏNC1", "INC1\nINC2", None, [], {"a": 1}]
)
def test_an_implausible_number_is_refused(number: object) -> None:
    with pytest.raises(ValidationError, match="incident_number"):
        ticket(incident_number=number)


@pytest.mark.parametrize(
    "target",
    [
        {"hostname": "web01; reboot"},
        {"hostname": "web01\u0000"},
        {"hostname": "w" * 254},
        {"hostname": "../../etc"},
        {"ip_address": "10.0.0.256"},
        {"ip_address": "10.0.0.1 "[:-1] + "/24"},
        {"ip_address": ["10.0.0.1"]},
        "web01",
        ["web01"],
    ],
)
def test_a_target_that_is_no_name_or_address_is_refused(target: object) -> None:
    with pytest.raises(ValidationError, match="target"):
        ticket(target=target)


def test_one_spelling_of_an_address() -> None:
    assert ticket(target={"ip_address": " 2001:DB8:0::1"}).affected.ip_address == "2001:db8::1"


def test_control_characters_and_lone_surrogates_are_dropped() -> None:
    read = ticket(description="a\x00b\x1b[31mc\ud800d\r\ne\tf")
    assert read.description == "ab[31mcd\ne\tf"
    read.description.encode()


def test_long_texts_are_cut_and_say_so() -> None:
    read = ticket(short_description="x" * 5000, description="y" * 100_000)
    assert len(read.short_description) == SHORT_MAX
    assert len(read.description) == LONG_MAX
    assert read.description.endswith("[cut: 100000 characters]")


def test_a_missing_title_is_taken_from_the_text() -> None:
    assert ticket(short_description="", description="line one\nline two").title == "line one"
    with pytest.raises(ValidationError, match="short_description"):
        ticket(short_description=" ")


def test_deep_nesting_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(DEPTH_MAX + 1):
        deep = {"u_x": deep}
    with pytest.raises(ValidationError, match="nested"):
        ticket(**deep)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "display_value", "link", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


ASKED_FOR = ["autonomy_level", "level", "approved", "approved_by", "plan", "steps", "action",
             "mode", "simulated", "live", "host", "policy", "execution_id", "u_run"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(ASKED_FOR), ANYTHING, min_size=1))
def test_no_field_of_a_strangers_making_says_anything(more: dict[str, Any]) -> None:
    """Neither a level nor an approval, a host, a plan or a mode can be sent along."""
    assert Ticket.model_validate(FLAT | more) == Ticket.model_validate(FLAT)
    inside = FLAT | {"target": FLAT["target"] | more}
    assert Ticket.model_validate(inside) == Ticket.model_validate(FLAT)


@given(st.dictionaries(st.sampled_from([*FLAT, "cmdb_ci", "result", "sys_id", "number"]), ANYTHING))
def test_whatever_is_sent_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        read = Ticket.model_validate(body)
    except ValidationError:
        return
    assert read.title
    assert 1 <= len(read.incident_number) <= 40
    shown = read.affected.hostname or ""
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs")], "controls, surrogates"
    read.model_dump_json()
