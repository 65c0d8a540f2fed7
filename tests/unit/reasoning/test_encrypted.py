"""Renamed files: told from what people and programs rename themselves."""

from __future__ import annotations

import pytest

from app.host.drift import Change, ChangeKind
from app.reasoning.encrypted import encrypted
from tests.unit.reasoning.cases import file


def renamed(*pairs: tuple[str, str], also: tuple[str, ...] = ()) -> tuple[Change, ...]:
    gone = [Change(path=old, kind=ChangeKind.REMOVED, then=file(old), now=None) for old, _ in pairs]
    came = [new for _, new in pairs] + [*also]
    return (
        *gone,
        *(Change(path=p, kind=ChangeKind.ADDED, then=None, now=file(p)) for p in came),
    )


PAGES = [(f"/srv/pages/{n}.html", f"/srv/pages/{n}.html.q7x") for n in range(3)]
NOTE = "/srv/pages/HOW_TO_GET_THEM_BACK_README.txt"


@pytest.mark.parametrize(
    "changes", [renamed(*PAGES), renamed(PAGES[0], also=(NOTE,)), renamed(*PAGES, also=(NOTE,))]
)
def test_one_strange_ending_or_one_with_a_note(changes: tuple[Change, ...]) -> None:
    found = encrypted(changes)
    assert found is not None
    assert found.kind == "files-encrypted"
    assert "*.q7x" in found.subject


def test_what_is_known_as_renamed_is_told_too() -> None:
    changes = tuple(
        Change(path=old, kind=ChangeKind.REMOVED, then=file(old), now=None, renamed_to=new)
        for old, new in PAGES
    )
    assert encrypted(changes) is not None


@pytest.mark.parametrize(
    "changes",
    [
        renamed(PAGES[0]),
        renamed(*((old, f"{old}.bak") for old, _ in PAGES), also=(NOTE,)),
        renamed(*((old, f"{old}.2026-01-01") for old, _ in PAGES), also=(NOTE,)),
        renamed(*((old, f"{old}.gz") for old, _ in PAGES)),
        renamed(*((f"/etc/a/{n}", f"/etc/a/{n}.q7x") for n in range(3))),
        renamed(*((old, f"/srv/other/{n}.q7x") for n, (old, _) in enumerate(PAGES))),
    ],
)
def test_what_is_renamed_every_day_is_no_sign(changes: tuple[Change, ...]) -> None:
    assert encrypted(changes) is None
