"""A table in the page: named, with headings that a screen reader can follow, scrolling alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.lab.markup import Markup, tag


def sheet(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    classes: Sequence[str] = (),
) -> Markup:
    """A table whose first column names the rows; `classes` are of the columns after it."""
    head = tag("tr", *(tag("th", each, scope="col") for each in headings))
    body = (_row(first, rest, classes) for first, *rest in rows)
    table = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    # scrolled by keyboard too, so it can have the focus and has a name
    return tag("div", table, class_="scroll", role="region", aria_label=caption, tabindex="0")


def _row(first: str, rest: Sequence[str], classes: Sequence[str]) -> Markup:
    named = [*classes, *[""] * len(rest)]
    cells = (
        tag("td", cell, class_=name) if name else tag("td", cell)
        for cell, name in zip(rest, named, strict=False)
    )
    return tag("tr", tag("th", first, scope="row"), *cells)
