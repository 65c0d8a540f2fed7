"""Whatever is done to a chain without its key is found, and said of the right entry."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.entry import Entry
from app.audit.findings import Fault
from app.domain.fact import FactKind
from app.domain.value import canonical_json
from tests.unit.audit.chains import KEY, OTHER, chain, sign, walk

OTHER_VALUES: dict[str, Any] = {
    "previous": "00" * 32,
    "kind": "changed",
    "about": "command_intent",
    "row_id": "77",
    "content": canonical_json({"id": 5, "execution_id": 2, "ok": True}),
    "execution_id": 2,
    "execution_seq": 9,
    "at": "2026-03-01T12:00:05.000001+00:00",
    "actor": "mallory",
    "key_id": OTHER.id,
    "hash": "00" * 32,
}


def faults(entries: list[Entry]) -> set[Fault]:
    return {finding.fault for finding in walk(entries)}


def test_a_chain_as_it_was_made_is_sound() -> None:
    assert walk(chain(30)) == []
    assert walk([]) == []


@pytest.mark.parametrize("column", sorted(OTHER_VALUES))
def test_a_field_that_was_overwritten_is_named_with_its_entry(column: str) -> None:
    entries = chain(9)
    entries[5] = entries[5].model_copy(update={column: OTHER_VALUES[column]})
    (finding,) = [found for found in walk(entries, KEY, OTHER) if found.seq == 6]
    assert finding.fault is Fault.ENTRY_CHANGED
    if column not in ("content", "at", "actor"):  # nothing tells what these were
        assert f"its {column} was overwritten" in finding.sentence


def test_entries_that_are_missing_are_counted_by_their_numbers() -> None:
    entries = chain(12)
    (one,) = walk(entries[:5] + entries[6:])
    assert (one.fault, one.seq, one.sentence) == (
        Fault.ENTRIES_MISSING, 6, "Entry 6 is missing.",
    )  # fmt: skip
    (some,) = walk(entries[:5] + entries[8:])
    assert some.sentence == "Entries 6 to 8 are missing."
    (first,) = walk(entries[1:])
    assert first.sentence == "Entry 1 is missing."


def test_a_missing_entry_whose_successors_were_renumbered_is_found() -> None:
    entries = chain(9)
    del entries[4]
    entries = [e.model_copy(update={"seq": n}) for n, e in enumerate(entries, start=1)]
    found = walk(entries)
    assert [(f.fault, f.seq) for f in found][:1] == [(Fault.ENTRY_MOVED, 5)]
    assert "was made as entry 6" in found[0].sentence


def test_an_entry_that_was_inserted_is_told_from_those_it_pushed_on() -> None:
    entries = chain(9)
    forged = entries[4].model_copy(update={"actor": "mallory", "hash": "ab" * 32})
    entries.insert(4, forged)
    entries = [e.model_copy(update={"seq": n}) for n, e in enumerate(entries, start=1)]
    found = walk(entries)
    assert (found[0].fault, found[0].seq) == (Fault.ENTRY_FORGED, 5)
    assert {f.fault for f in found[1:]} == {Fault.ENTRY_MOVED}


def test_an_entry_that_was_replaced_by_one_made_with_another_key_is_found() -> None:
    entries = chain(9)
    entries[4] = sign(entries[4].model_copy(update={"actor": "mallory"}), OTHER)
    (found,) = walk(entries)
    assert (found.fault, found.seq) == (Fault.ENTRY_FORGED, 5)
    assert "nobody who holds the key made it" in found.sentence


def test_a_genuine_entry_of_another_version_of_history_does_not_fit() -> None:
    entries = chain(9)
    entries[4] = sign(entries[4].model_copy(update={"actor": "ann"}))
    (found,) = walk(entries)
    assert (found.fault, found.seq) == (Fault.ENTRY_FORGED, 5)


def test_two_entries_that_were_swapped_are_both_named() -> None:
    entries = chain(9)
    entries[4], entries[5] = (
        entries[5].model_copy(update={"seq": 5}),
        entries[4].model_copy(update={"seq": 6}),
    )
    found = walk(entries)
    assert [(f.fault, f.seq) for f in found] == [
        (Fault.ENTRY_MOVED, 5), (Fault.ENTRY_MOVED, 6),
    ]  # fmt: skip


def test_a_retired_key_makes_no_further_entries() -> None:
    entries = chain(4)
    change = entries[-1].model_copy(
        update={
            "seq": 5,
            "previous": entries[-1].hash,
            "kind": FactKind.KEY,
            "content": canonical_json({"next_key_id": OTHER.id}),
            "execution_id": None,
            "execution_seq": None,
        }
    )
    entries.append(sign(change))
    nexts = entries[-1].model_copy(
        update={"seq": 6, "previous": entries[-1].hash, "kind": FactKind.EVENT, "content": "{}"}
    )
    right = sign(nexts.model_copy(update={"key_id": OTHER.id}), OTHER)
    assert walk([*entries, right], KEY, OTHER) == []
    (wrong,) = walk([*entries, sign(nexts)], KEY, OTHER)
    assert (wrong.fault, wrong.seq) == (Fault.KEY_UNKNOWN, 6)


def _cut(entries: list[Entry], place: int, _other: int) -> list[Entry]:
    return entries[:place] + entries[place + 1 :]


def _double(entries: list[Entry], place: int, other: int) -> list[Entry]:
    return [*entries[:place], entries[other], *entries[place:]]


def _swap(entries: list[Entry], place: int, other: int) -> list[Entry]:
    swapped = list(entries)
    swapped[place], swapped[other] = swapped[other], swapped[place]
    return swapped


def _overwrite(entries: list[Entry], place: int, other: int) -> list[Entry]:
    column = sorted(OTHER_VALUES)[other % len(OTHER_VALUES)]
    changed = list(entries)
    changed[place] = entries[place].model_copy(update={column: OTHER_VALUES[column]})
    return changed


def _renumbered(entries: list[Entry]) -> list[Entry]:
    return [e.model_copy(update={"seq": n}) for n, e in enumerate(entries, start=1)]


@settings(max_examples=150)
@given(
    length=st.integers(3, 20),
    places=st.tuples(st.integers(0, 18), st.integers(0, 18)),
    harm=st.sampled_from([_cut, _double, _swap, _overwrite]),
    renumber=st.booleans(),
)
def test_no_harm_goes_unseen(
    length: int, places: tuple[int, int], harm: Any, *, renumber: bool
) -> None:
    entries = chain(length)
    place, other = (at % (length - 1) for at in places)  # not the last: that is truncation
    harmed = harm(entries, place, other)
    if renumber:
        harmed = _renumbered(harmed)
    if harmed != entries:
        assert walk(harmed), (harm.__name__, place, other)
