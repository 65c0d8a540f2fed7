"""The report as one HTML page that stands alone: it can be mailed, archived and read offline.

The first file is what the page is about; every further one is a column to compare it with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.lab import untrusted
from app.lab.comparison import changed, figures, turns
from app.lab.judge import Row
from app.lab.listing import listing, result
from app.lab.markup import Markup, document, joined, tag
from app.lab.rowfile import RowFile
from app.lab.sheet import sheet
from app.lab.storyline import storylines
from app.lab.tally import Spread, Tally, in_order, matrix, tally

STYLE = Path(__file__).with_name("page.css")


def page(files: Sequence[RowFile]) -> str:
    """The whole page."""
    main, others = files[0], files[1:]
    rows = list(main.rows.values())
    title = f"Lab report: {main.name}"
    sections = [
        tag("header", tag("h1", title), _headline(tally(rows))),
        _section("Numbers", _figures(files)),
        _section("Outcomes and families", _expected(rows), _matrix(rows)),
        _section("What failed, and why", _failures(rows)),
    ]
    if others:
        sections.append(_section("What changed", *map(_turned, [main] * len(others), others)))
        sections.append(_section("Not the same in all", _differing(files)))
    sections.append(_section("Scenarios", listing(main, others)))
    sections.append(_section("Timelines", storylines(main)))
    complaints = [complaint for file in files for complaint in file.complaints]
    if complaints:
        sections.append(_section("Lines left out", _list(complaints)))
    return document(title, STYLE.read_text(encoding="utf-8"), tag("main", *sections))


def _headline(totals: Tally) -> Markup:
    """What one looks for first; what must be 0 says so when it is not."""
    numbers = [
        ("passed", str(totals.passed), totals.passed.part == totals.passed.whole),
        ("falsely resolved", str(totals.false_resolved), not totals.false_resolved),
        ("with collateral damage", str(totals.collateral), not totals.collateral),
        ("median until healthy", _median(totals.to_healthy), True),
        ("median until the end", _median(totals.to_end), True),
    ]
    cards = (
        tag("div", tag("dt", name), tag("dd", value, class_="fine" if good else "bad"))
        for name, value, good in numbers
    )
    return tag("dl", *cards, class_="cards")


def _figures(files: Sequence[RowFile]) -> Markup:
    runs = [list(file.rows.values()) for file in files]
    rows = [[name, *cells] for name, cells in figures(runs)]
    return sheet("What each run amounts to", ["", *(file.name for file in files)], rows)


def _matrix(rows: Sequence[Row]) -> Markup:
    counts = matrix(rows)
    outcomes = in_order(row.outcome for row in rows)
    lines = [
        [
            family,
            *(_cell(counts[family, each, True], counts[family, each, False]) for each in outcomes),
            str(passed),
        ]
        for family, passed in tally(rows).by_family.items()
    ]
    heading = "Families by the outcome that they had"
    return sheet(heading, ["family", *outcomes, "passed"], lines, ("number",) * (len(outcomes) + 1))


def _cell(passed: int, failed: int) -> Markup:
    """How many, and how many of them should not be there."""
    if not failed:
        return joined(str(passed or ""))
    return joined(str(passed + failed), " ", tag("span", f"({failed} failed)", class_="bad"))


def _expected(rows: Sequence[Row]) -> Markup:
    lines = [[outcome, str(passed)] for outcome, passed in tally(rows).by_expected.items()]
    return sheet("Passed, by the outcome that is right", ["right outcome", "passed"], lines)


def _failures(rows: Sequence[Row]) -> Markup:
    lines = [[row.id, result(row), row.reason] for row in rows if not row.passed]
    if not lines:
        return tag("p", "Nothing failed.")
    return sheet("Failed scenarios", ["scenario", "result", "reason"], lines)


def _turned(first: RowFile, later: RowFile) -> Markup:
    passed_first, passed_later = turns(first, later)
    lists = [
        (f"passed in {first.name}, failed in {later.name}", passed_first),
        (f"failed in {first.name}, passed in {later.name}", passed_later),
        (f"run in {first.name} only", [name for name in first.rows if name not in later.rows]),
        (f"run in {later.name} only", [name for name in later.rows if name not in first.rows]),
    ]
    return tag(
        "div",
        tag("h3", f"{first.name} and {later.name}"),
        *(tag("p", f"{len(names)} {told}: ", ", ".join(names) or "none") for told, names in lists),
    )


def _differing(files: Sequence[RowFile]) -> Markup:
    lines = [[name, *map(_why, rows)] for name, rows in changed(files)]
    if not lines:
        return tag("p", "Every scenario has the same result in all of them.")
    return sheet("Results that differ", ["scenario", *(file.name for file in files)], lines)


def _why(row: Row | None) -> Markup:
    reason = row.reason if row is not None else ""
    return joined(result(row), tag("div", untrusted.line(reason, 200)) if reason else "")


def _section(heading: str, *content: str) -> Markup:
    return tag("section", tag("h2", heading), *content)


def _list(lines: Sequence[str]) -> Markup:
    return tag("ul", *(tag("li", line) for line in lines))


def _median(seconds: Spread | None) -> str:
    return "-" if seconds is None else f"{seconds.median:.1f} s"
