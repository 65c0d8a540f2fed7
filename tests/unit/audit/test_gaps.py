"""What is missing from a chain is excused where all of it was archived, and only there."""

from __future__ import annotations

import pytest

from app.audit.gaps import Gaps, Range, ranges_of


def gaps(*ranges: tuple[int, int, str]) -> Gaps:
    known = Gaps()
    known.add(Range(first=first, last=last, hash=hash_) for first, last, hash_ in ranges)
    return known


def test_entries_side_by_side_are_one_range_with_the_hash_of_its_last() -> None:
    found = ranges_of([(2, "b"), (3, "c"), (7, "g"), (9, "i"), (10, "j")])
    assert [(one.first, one.last, one.hash) for one in found] == [
        (2, 3, "c"), (7, 7, "g"), (9, 10, "j"),
    ]  # fmt: skip
    assert ranges_of([]) == ()


@pytest.mark.parametrize(
    ("first", "last", "bound_to"),
    [
        (5, 9, "i"),
        (7, 9, "i"),  # what was seen of it was archived afterwards
        (5, 14, "n"),  # of two archives
        (5, 8, None),  # the entry 9 stands there, and was archived: it is somebody's copy
        (4, 9, None),
        (5, 15, None),
        (20, 21, None),
    ],
)
def test_a_gap_is_bridged_by_ranges_without_a_hole(
    first: int, last: int, bound_to: str | None
) -> None:
    assert gaps((10, 14, "n"), (5, 9, "i"), (18, 19, "s")).across(first, last) == bound_to


def test_what_lies_behind_is_forgotten() -> None:
    known = gaps((5, 9, "i"), (12, 14, "n"))
    known.forget_before(10)
    assert known.across(5, 9) is None
    assert known.across(12, 14) == "n"
