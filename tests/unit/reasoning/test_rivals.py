"""Causes that are rivals of each other, and such as only seem so."""

from __future__ import annotations

from typing import Any

from app.domain.action import ActionCall, Params
from app.reasoning.matching import Candidate
from app.reasoning.port import Repair
from app.reasoning.rivals import without_doubles


def call(action: str, **params: str | int) -> ActionCall:
    given: Params = dict(params)
    return ActionCall(action=action, host="web", params=given)


def candidate(key: str, *steps: ActionCall, puts_back: bool = True, **more: Any) -> Candidate:
    repair = Repair(cause=key, title=key, steps=steps, puts_back=puts_back)
    told = {
        "mode": key, "host": "web", "subject": "x", "text": key, "score": 1.0, "supports": (),
        "asks": (), "handovers": (), "recommend": "", "halts": False, "trial": True,
    }  # fmt: skip
    return Candidate.model_validate({"key": key, "repair": repair} | told | more)


BACK = call("file.restore", path="/etc/x.conf", sha256="a" * 64)


def test_the_same_change_seen_from_two_sides_is_one_cause() -> None:
    restart, reload = call("service.restart", unit="x.service"), call("daemon.reload")
    likelier, same = candidate("one", BACK, restart), candidate("two", BACK, reload)
    other = candidate("three", call("file.restore", path="/etc/y.conf", sha256="b" * 64))
    assert without_doubles([likelier, same, other]) == [likelier, other]


def test_reasons_to_leave_it_to_a_person_are_kept() -> None:
    likelier, careful = candidate("one", BACK), candidate("two", BACK, handovers=("a reason",))
    assert without_doubles([likelier, careful]) == [likelier, careful]


def test_what_puts_nothing_back_is_a_cause_of_its_own() -> None:
    start = call("service.start", unit="x.service")
    found = [candidate("one", start, puts_back=False), candidate("two", start, puts_back=False)]
    assert without_doubles(found) == found


def test_who_must_be_asked_is_not_forgotten_for_a_double_that_asks_nobody() -> None:
    likelier = candidate("one", BACK)
    asks = candidate("two", BACK)
    assert asks.repair is not None
    repair = asks.repair.model_copy(update={"requires_person": "people decide"})
    careful = asks.model_copy(update={"repair": repair})
    assert without_doubles([likelier, careful]) == [likelier, careful]
    assert without_doubles([careful, likelier]) == [careful]
