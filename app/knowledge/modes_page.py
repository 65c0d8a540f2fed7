"""The failure modes as a page of the manual: `python -m app.knowledge.modes_page` prints it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator

from app.knowledge.explanation import condition_text, decision, step_text
from app.knowledge.failure_mode import FailureMode, Remedy
from app.knowledge.library import Library

_HEAD = """# The failure modes

Every way of failing that the agent knows. Made from `app/knowledge/modes/*.yaml` by
`python -m app.knowledge.modes_page`; a test holds the two together. What stands in the conditions:
[conditions.md](conditions.md). How a cause is told from its lookalikes:
[diagnosis.md](../discussions/diagnosis.md). `sre-agent knowledge show NAME` has all of a mode, with
the weight of every sign; a site's own modes go into the folder `KNOWLEDGE_DIR`.
"""


def page(modes: Iterable[FailureMode]) -> str:
    """The whole page, by family."""
    families: dict[str, list[FailureMode]] = defaultdict(list)
    for mode in sorted(modes, key=lambda one: one.id):
        families[mode.family].append(mode)
    parts = [_HEAD, *_summary(families)]
    for family in sorted(families):
        parts.append(f"\n## {family}")
        for mode in families[family]:
            parts.extend(_of(mode))
    return "\n".join(parts) + "\n"


def _summary(families: dict[str, list[FailureMode]]) -> Iterator[str]:
    yield "| mode | what it is | what comes of it |"
    yield "|---|---|---|"
    for mode in sorted((m for some in families.values() for m in some), key=lambda one: one.id):
        yield f"| [`{mode.id}`](#{mode.id}) | {_cell(mode.title)} | {decision(mode)} |"


def _of(mode: FailureMode) -> Iterator[str]:
    yield f"\n### {mode.id}\n"
    yield f"{mode.title}. It is about a {mode.subject}; {decision(mode)}.\n"
    yield f"Fits where `{condition_text(mode.candidate.text)}`.\n"
    signs = ", ".join(f"{_plain(s.says)} ({s.weight or s.otherwise:+g})" for s in mode.signs)
    yield f"- Signs: {signs}."
    if mode.asks:
        asked = ", ".join(dict.fromkeys(f"`{ask.action}`" for ask in mode.asks))
        yield f"- Asks: {asked}."
    for remedy in mode.remedies:
        yield f"- Repair: {_repair(remedy)}."
    for handover in mode.handovers:
        yield f"- Left alone: {_plain(handover.because)}."
    if mode.recommend:
        yield f"- Tells a person: {_plain(mode.recommend).removesuffix('.')}."


def _repair(remedy: Remedy) -> str:
    steps = ", then ".join(dict.fromkeys(_step(step_text(step)) for step in remedy.steps))
    person = "" if remedy.person is None else f"; a person must agree: {_plain(remedy.person)}"
    return f"{remedy.title} ({steps}){person}"


def _step(text: str) -> str:
    """A step without its parameters: those stand in the mode."""
    first = text.split(" ", 1)[0]
    return f"`{first}`" if "." in first else text


def _plain(text: str) -> str:
    """A text whose braces are names of facts, as code."""
    return text.replace("}{", "} {").replace("{", "`").replace("}", "`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page(Library.load().modes))
