"""One entry of the action catalog, as frozen values. What the YAML says, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from app.domain.action import Params, Risk
from app.domain.value import JsonObject, Value

Scalar = str | int | bool | None

EACH = "each"  # `{each}` is an item of the list that an undo goes through
PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)\}")
"""`{unit}` is a parameter of the call, `{before.mode}` a field of what was captured before."""

_LIMIT = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})(m|h|d)")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


class Limit(Value):
    """At most `count` times in `seconds`."""

    count: int
    seconds: int


class Limits(Value):
    """How often an entry may run: on one target (unit or path), on one host, anywhere."""

    per_target: Limit
    per_host: Limit
    fleet: Limit

    @field_validator("*", mode="before")
    @classmethod
    def _from_text(cls, text: object) -> object:
        found = _LIMIT.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            return text
        return {"count": int(found[1]), "seconds": int(found[2]) * _SECONDS[found[3]]}


class CallTemplate(Value):
    """A catalogued action whose parameters are filled in from a call and what it captured."""

    action: str
    params: Params = Field(default_factory=dict)


class Condition(Value):
    """A statement over one field of captured facts. A fact that is not known does not hold."""

    of: str  # the capture's name
    field: str
    one_of: tuple[Scalar, ...] = ()
    none_of: tuple[Scalar, ...] = ()

    def unmet(self, facts: JsonObject, known: Mapping[str, object]) -> str:
        """Why it does not hold, as a sentence; "" where it holds."""
        if self.field not in facts:
            return f"{self.of}.{self.field} is not known"
        value = facts[self.field]
        allowed = tuple(fill(item, known) for item in self.one_of)
        if allowed and value not in allowed:
            return f"{self.of}.{self.field} is {value!r}; expected {_either(allowed)}"
        if value in tuple(fill(item, known) for item in self.none_of):
            return f"{self.of}.{self.field} is {value!r}"
        return ""


class UndoTemplate(CallTemplate):
    """One call that undoes an action, where every condition on what was before holds.

    With `each`, a captured list as `name.field`, one call for each of its items, named `{each}`.
    """

    when: tuple[Condition, ...] = ()
    each: str | None = None


class Check(CallTemplate):
    """What is asked after a change, and what the answer must say within some seconds."""

    field: str
    one_of: tuple[Scalar, ...] = ()
    none_of: tuple[Scalar, ...] = ()
    within: float

    def unmet(self, facts: JsonObject, params: Mapping[str, object]) -> str:
        """Why the check fails on these facts, as a sentence; "" where it passes."""
        condition = Condition(
            of="after", field=self.field, one_of=self.one_of, none_of=self.none_of
        )
        return condition.unmet(facts, params)


class Agentless(Value):
    """What stands in for a builtin on a host that has no gate."""

    argv: tuple[str, ...]
    parser: str


class Examples(Value):
    """Parameters that fit and parameters that must not. Held at every start."""

    match: tuple[dict[str, Any], ...] = Field(min_length=1)
    not_match: tuple[dict[str, Any], ...] = Field(min_length=1)


class CatalogEntry(Value):
    """One thing that may be run on a host."""

    id: str
    title: str
    risk: Risk
    person: str = ""  # why a person must agree, whatever the level; "": the level decides
    params: dict[str, str] = Field(default_factory=dict)  # name -> type's name
    argv: tuple[str, ...] = ()
    builtin: str | None = None  # a function of the gate, instead of `argv`
    parser: str | None = None  # key in app.host.parsers.PARSERS, or "json:<model of facts>"
    agentless: Agentless | None = None
    privilege: Literal["root", "agent"]
    timeout: int = Field(ge=1, le=600)  # seconds; the process group is ended then
    max_bytes: int = Field(ge=1024, le=16 * 1024 * 1024)
    capture: dict[str, CallTemplate] = Field(default_factory=dict)  # asked before a change
    precondition: tuple[Condition, ...] = ()
    undo: tuple[UndoTemplate, ...] = ()
    settle: tuple[UndoTemplate, ...] = ()  # brings what its plan's undo put back into effect
    cuts_off: bool = False  # may shut the agent out: the host undoes it unless it is heard again
    rollback: Literal["none"] | None = None
    rollback_note: str = ""
    verify: tuple[Check, ...] = ()
    limits: Limits | None = None
    examples: Examples

    @property
    def changes(self) -> bool:
        return not self.risk.reads_only

    @property
    def facts_model(self) -> str | None:
        """The model of app/host/facts.py that a builtin's JSON must fit, or None."""
        prefix, _, name = (self.parser or "").partition(":")
        return name if prefix == "json" else None


def fill(template: Scalar, known: Mapping[str, object]) -> Scalar:
    """A template with its placeholders replaced. A lone placeholder keeps the value's type.

    Raises KeyError, naming the placeholder, where `known` lacks it.
    """
    if not isinstance(template, str):
        return template
    whole = PLACEHOLDER.fullmatch(template)
    if whole is not None:
        value = known[whole[1]]
        return value if isinstance(value, str | int | bool) else None
    return PLACEHOLDER.sub(lambda found: str(known[found[1]]), template)


def _either(values: tuple[Scalar, ...]) -> str:
    return " or ".join(repr(value) for value in values)
