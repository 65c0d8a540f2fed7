"""A failure mode: one way in which hosts fail, as a reviewed YAML file says it.

    id: port-taken                       # kebab-case, the file's name
    title: Another program holds the service's port
    subject: unit                        # what it is about; one hypothesis for each that fits
    cause: "Port {holder.port}, which {unit.name} needs, is held by {holder.unit}"
    prior: 0.05                          # how common among incidents, 0..1
    candidate: unit.failing and length(unit.held) > 0
    let: {holder: first(l for l in unit.held)}
    signs:
      - {if: "...", weight: 2.5, says: "..."}    # weight in natural-log odds; negative: against
    asks:
      - {action: journal.unit, params: {unit: =unit.name, lines: 200}}
    remedies:                            # in order of preference; the first whose `if` holds
      - if: "..."
        steps: [{action: service.stop, params: {unit: =holder.unit}}, {start: unit}]
        person: "..."                    # optional: asks a person whatever the level
    handovers:                           # when to leave it alone
      - {if: "...", because: "..."}
    trial: true                          # optional: its repair may be tried among its rivals
    halts: true                          # optional: where it fits nothing is changed at all

`each: LIST` beside an action runs it once for each of a list, `item` in its parameters.
A parameter that begins with `=` is an expression; anything else is literal. Braces in texts hold
expressions. Three kinds of step are not single actions: `restore: change` puts one changed path
back as the baseline has it, `start: unit` brings a unit up from whatever state it is in,
`renew: unit` lets it read its files again: by a reload where it runs well and can, by a restart
otherwise.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from app.domain.value import Value
from app.errors import KnowledgeError
from app.knowledge.expressions import UNKNOWN, Expression, Facts


def _expression(text: object) -> object:
    if isinstance(text, Expression):
        return text
    try:
        return Expression(str(text))
    except KnowledgeError as error:
        raise ValueError(str(error)) from error


Condition = Annotated[Expression, BeforeValidator(_expression)]


class _Part(Value):
    """A part of a failure mode; conditions are parsed on load, so a bad one never waits."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True
    )


class Sign(_Part):
    """One fact for or against."""

    condition: Condition = Field(alias="if")
    weight: float
    says: str
    otherwise: float = 0.0  # the weight when the condition is known to be false


class Parameterised(_Part):
    """A catalogued action with literal or computed parameters."""

    action: str
    params: dict[str, str | int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parameters_parse(self) -> Parameterised:
        for value in self.params.values():
            computed(value)
        return self


class Ask(Parameterised):
    """A diagnostic that fills facts which the signs read."""

    condition: Condition | None = Field(default=None, alias="if")


class RemedyStep(_Part):
    """One step of a remedy: an action, or one of the composed kinds."""

    action: str | None = None
    params: dict[str, str | int] = Field(default_factory=dict)
    restore: Literal["change", "changes"] | None = None
    access: Literal["change"] | None = None  # only the owner and mode that a changed path had
    start: Condition | None = None  # names a unit's facts
    renew: Condition | None = None  # likewise
    condition: Condition | None = Field(default=None, alias="if")
    each: Condition | None = None  # an action once for each of a list, called `item` in its params

    @model_validator(mode="after")
    def _one_kind(self) -> RemedyStep:
        kinds = (self.action, self.restore, self.access, self.start, self.renew)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a step has exactly one of action, restore, access, start, renew")
        if self.each is not None and self.action is None:
            raise ValueError("`each` belongs to an action")
        for value in self.params.values():
            computed(value)
        return self


class Remedy(_Part):
    """A repair, when it fits, and whether a person must say yes whatever the level."""

    title: str
    condition: Condition | None = Field(default=None, alias="if")
    steps: tuple[RemedyStep, ...] = Field(min_length=1)
    person: str | None = None


class Handover(_Part):
    """When to leave it alone, and what to tell the person it is handed to."""

    condition: Condition = Field(alias="if")
    because: str


Subject = Literal[
    "unit", "change", "mount", "name", "rule", "container", "host",
    "route", "link", "shaper", "setting", "database", "session", "process",
    "difference", "mounting", "covering", "account", "table", "index", "changes", "lock",
    "limit", "script", "package", "certificate", "chain", "access",
    "default", "sequence", "login", "loss", "parameter", "neighbour", "denied",
    "shape", "exposed", "policy", "beside", "balanced",
    "library", "ban", "right", "crowd",
]  # fmt: skip


class FailureMode(_Part):
    """One file of knowledge, checked and compiled."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,60}$")
    title: str
    family: str
    subject: Subject
    cause: str
    prior: float = Field(gt=0, lt=1)
    candidate: Condition
    let: dict[str, Condition] = Field(default_factory=dict)
    signs: tuple[Sign, ...] = ()
    asks: tuple[Ask, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    handovers: tuple[Handover, ...] = ()
    halts: bool = False  # where it fits nothing is changed, whatever else is wrong
    trial: bool = False  # may be tried among rivals: what does not heal is undone and refuted
    recommend: str = ""  # what a person should do when there is no remedy

    def bind(self, facts: Facts) -> dict[str, object]:
        """The facts with the mode's own names added, in the order they stand."""
        bound: dict[str, object] = dict(facts)
        for name, expression in self.let.items():
            value = expression.value(bound)
            if value is not UNKNOWN:
                bound[name] = value
        return bound

    @cached_property
    def conditions(self) -> tuple[Expression, ...]:
        """Every condition in the file, for the linter."""
        optional = [a.condition for a in self.asks] + [r.condition for r in self.remedies]
        return (
            self.candidate,
            *self.let.values(),
            *(s.condition for s in self.signs),
            *(h.condition for h in self.handovers),
            *(c for c in optional if c is not None),
        )


def computed(value: str | int) -> Expression | None:
    """The expression of a computed parameter, None for a literal."""
    return Expression(value[1:]) if isinstance(value, str) and value.startswith("=") else None


def parameters(params: dict[str, str | int], facts: Facts) -> dict[str, str | int] | None:
    """Parameters with their expressions evaluated; None where one is unknown."""
    found: dict[str, str | int] = {}
    for name, value in params.items():
        expression = computed(value)
        got = value if expression is None else expression.value(facts)
        if not isinstance(got, str | int):
            return None
        found[name] = got
    return found


def fill(template: str, facts: Facts) -> str:
    """A text with its braces evaluated; what is unknown reads as such."""

    def _value(match: re.Match[str]) -> str:
        value = Expression(match.group(1)).value(facts)
        return "(unknown)" if value is UNKNOWN else str(value)

    return re.sub(r"\{([^{}]+)\}", _value, template)
