"""Scenario files: read, checked strictly, and complained about by file and line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from app import strict_yaml
from app.lab.errors import BadScenario
from app.lab.estate import HOSTS

KEBAB = r"^[a-z0-9]+(-[a-z0-9]+)*$"
KINDS = ("unit", "enabled", "nft", "sysctl", "route", "mount", "package")
Scripts = Mapping[str, str]  # host -> bash
_OF_SPEED = re.compile(
    r"(?:^|-)(?:cpu|memory|load|slow|stalls|timeout|bloat|comes-and-goes)(?:-|$)"
)


class Outcome(StrEnum):
    """How an execution may rightly end."""

    RESOLVED = "resolved"
    ESCALATED = "escalated"
    NO_FAULT = "no_fault"


class Strict(BaseModel):
    """Unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Ticket(BaseModel):
    """What a monitoring tool or a person files; further ServiceNow fields pass through."""

    model_config = ConfigDict(extra="allow", frozen=True)

    short_description: str = Field(min_length=1)
    description: str = ""
    priority: str = "3 - Moderate"
    category: str = "Software"
    service: str | None = None  # what the ticket claims; not a host's field, so sent as target


class Expect(Strict):
    """What a right run looks like; the agent never sees it."""

    outcome: Outcome
    cause: str = ".*"
    approval: bool = False
    may_change: tuple[str, ...] = ()

    @field_validator("cause")
    @classmethod
    def _a_regular_expression(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"a regular expression, but {error}") from error
        return value

    @field_validator("may_change")
    @classmethod
    def _known_kinds(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if not entry.startswith("/") and entry.partition(":")[0] not in KINDS:
                kinds = ", ".join(f"{kind}:" for kind in KINDS)
                raise ValueError(f"{entry!r}: a path glob that begins with /, or one of {kinds}")
        return entries


class Limits(Strict):
    """How long it may take, and how many commands."""

    seconds: int = Field(default=90, gt=0)
    commands: int = Field(default=60, gt=0)


class Scenario(Strict):
    """One real fault on real hosts, its ticket, and checks that the agent never sees."""

    id: str = Field(pattern=KEBAB)
    title: str = Field(min_length=1)
    family: str = Field(min_length=1)
    target: str
    hosts: tuple[str, ...] = Field(min_length=1)
    source: str = "own"
    ticket: Ticket
    baseline: bool = True
    setup: Scripts = {}
    inject: Scripts = {}
    settle: float = Field(default=0, ge=0)
    healthy: str = Field(min_length=1)
    fix: Scripts | None = None
    guard: Scripts = {}
    expect: Expect
    limits: Limits = Limits()

    @model_validator(mode="before")
    @classmethod
    def _scripts_by_host(cls, data: Any) -> Any:
        """A script given as text belongs to the target."""
        if not isinstance(data, dict):
            return data
        spread = dict(data)
        for name in ("setup", "inject", "fix", "guard"):
            if isinstance(spread.get(name), str):
                spread[name] = {spread.get("target"): spread[name]}
            elif name in spread and spread[name] is None and name != "fix":
                spread[name] = {}
        return spread

    @model_validator(mode="after")
    def _hosts_exist(self) -> Scenario:
        unknown = [name for name in (self.target, *self.hosts) if name not in HOSTS]
        if unknown:
            raise ValueError(f"no host {unknown[0]!r} on the estate: there are {', '.join(HOSTS)}")
        if self.target not in self.hosts:
            raise ValueError(f"hosts must name the target {self.target!r}, and name it first")
        booted = {*self.hosts, "ops01"}
        for name in ("setup", "inject", "fix", "guard"):
            for host in getattr(self, name) or {}:
                if host not in booted:
                    raise ValueError(f"{name} names {host!r}, which is not among hosts")
        return self

    @property
    def is_about_speed(self) -> bool:
        """Whether its symptom is how long something takes, or how busy a host is."""
        return _OF_SPEED.search(self.family) is not None

    def fingerprint(self) -> str:
        """Changes with anything in the file that matters."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def load(path: Path) -> Scenario:
    """Read one scenario file; `BadScenario` says where and what was expected."""
    try:
        node = yaml.compose(path.read_text(), Loader=yaml.SafeLoader)  # for the lines of complaints
        data = strict_yaml.read(path.read_text())
    except strict_yaml.YamlError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise BadScenario(f"{path}:{line}: not valid YAML: {error}") from error
    if not isinstance(node, yaml.MappingNode):
        raise BadScenario(f"{path}:1: expected a mapping of the scenario's keys")
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise BadScenario("\n".join(_complaints(path, node, error))) from error
    if scenario.id != path.stem:
        line = _line(node, ("id",))
        raise BadScenario(f"{path}:{line}: id: expected {path.stem!r}, the file's name")
    return scenario


def load_folder(folder: Path, only: tuple[str, ...] = ()) -> list[Scenario]:
    """Every scenario of a folder in the order of their ids; all complaints at once."""
    if not folder.is_dir():
        raise BadScenario(f"{folder}: no such folder of scenarios")
    found: list[Scenario] = []
    complaints: list[str] = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        if only and path.stem not in only:
            continue
        try:
            found.append(load(path))
        except BadScenario as bad:
            complaints.append(str(bad))
    if complaints:
        raise BadScenario("\n".join(complaints))
    absent = sorted(set(only) - {scenario.id for scenario in found})
    if absent:
        raise BadScenario(f"{folder}: no scenario named {', '.join(absent)}")
    if not found:
        raise BadScenario(f"{folder}: no scenario files (*.yaml)")
    return found


def _complaints(path: Path, node: yaml.Node, error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        place = tuple(problem["loc"])
        name = ".".join(str(part) for part in place) or "scenario"
        message = problem["msg"].removeprefix("Value error, ")
        yield f"{path}:{_line(node, place)}: {name}: {message}"


def _line(node: yaml.Node, place: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to a place."""
    line = node.start_mark.line + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == part]
            if not found:
                return line
            line = found[0][0].start_mark.line + 1
            node = found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line
