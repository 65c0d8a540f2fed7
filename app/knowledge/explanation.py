"""Failure modes in words: what one is for, what speaks for it, what comes of it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from app.knowledge.failure_mode import Ask, FailureMode, Remedy, RemedyStep, Sign

WIDTH = 100


def decision(mode: FailureMode) -> str:
    """What comes of it where it stands out, in a few words."""
    if mode.halts:
        return "nothing is changed at all"
    if not mode.remedies:
        return "a person is told"
    asked = [remedy.person is not None for remedy in mode.remedies]
    if all(asked):
        return "repaired if a person agrees"
    word = "tried and proven" if mode.trial else "repaired"
    return f"{word}; in some cases if a person agrees" if any(asked) else word


def explanation(mode: FailureMode) -> str:
    """All of a mode, for a terminal."""
    return "\n".join(_lines(mode))


def _lines(mode: FailureMode) -> Iterator[str]:
    yield f"{mode.id}: {mode.title}"
    yield from _wrapped(f"Said of a host: {mode.cause}")
    yield ""
    yield f"Family {mode.family}, about a {mode.subject}; {decision(mode)}."
    yield f"Before anything is seen, {mode.prior:.0%} of incidents are taken to be this."
    yield ""
    yield "It fits where"
    yield from _wrapped(condition_text(mode.candidate.text), "    ")
    for name, expression in mode.let.items():
        yield from _wrapped(f"{name} is {condition_text(expression.text)}", "    ")
    yield from _part("What speaks for and against it", map(sign_text, mode.signs))
    yield from _part("What is asked to know more", map(ask_text, mode.asks))
    yield from _part("What is done, the first that fits", map(remedy_text, mode.remedies))
    reasons = (f"{h.because}, where {condition_text(h.condition.text)}" for h in mode.handovers)
    yield from _part("It is left alone, and a person told", reasons)
    if mode.recommend:
        yield from _part("What a person is told to do", [mode.recommend])


def _part(heading: str, items: Iterable[str]) -> Iterator[str]:
    told = list(items)
    if not told:
        return
    yield ""
    yield heading
    for item in told:
        yield from _wrapped(item, "  - ")


def _wrapped(text: str, indent: str = "") -> list[str]:
    rest = " " * len(indent)
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=rest,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


def condition_text(text: str) -> str:
    """A condition on one line."""
    return " ".join(text.split())


def sign_text(sign: Sign) -> str:
    """A sign with its weights."""
    otherwise = f" (not so: {sign.otherwise:+g})" if sign.otherwise else ""
    return f"{sign.weight:+g}{otherwise}: {sign.says}, where {condition_text(sign.condition.text)}"


def ask_text(ask: Ask) -> str:
    """A question with its parameters."""
    where = "" if ask.condition is None else f", where {condition_text(ask.condition.text)}"
    return f"{_call(ask.action, ask.params)}{where}"


def remedy_text(remedy: Remedy) -> str:
    """A repair with its steps."""
    steps = ", then ".join(map(step_text, remedy.steps))
    where = "" if remedy.condition is None else f", where {condition_text(remedy.condition.text)}"
    person = "" if remedy.person is None else f"; only if a person agrees: {remedy.person}"
    return f"{remedy.title}{where}: {steps}{person}"


def step_text(step: RemedyStep) -> str:
    """A step as people read it."""
    if step.restore is not None:
        return "put back what changed"
    if step.start is not None:
        return f"bring up {step.start.text}"
    if step.renew is not None:
        return f"let {step.renew.text} read its files again"
    each = "" if step.each is None else f" for each of {condition_text(step.each.text)}"
    return f"{_call(step.action or '', step.params)}{each}"


def _call(action: str, params: dict[str, str | int]) -> str:
    shown = " ".join(f"{name}={str(value).removeprefix('=')}" for name, value in params.items())
    return f"{action} {shown}".strip()
