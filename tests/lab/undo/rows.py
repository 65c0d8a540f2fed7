"""The rows: which host, in which state, for each changing action. One YAML file for a family."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from app import strict_yaml
from app.domain.action import Params
from app.domain.value import Value

FOLDER = Path(__file__).parent


class Asked(Value):
    """An action that is run by the gate while the state is prepared."""

    action: str
    params: Params = Field(default_factory=dict)
    keep: dict[str, str] = Field(default_factory=dict)
    """What of its facts later parameters may name: name -> place such as `lost.0.sha256`."""


class Row(Value):
    """One action tried on one host.

    Scripts are bash, run as root on the host, and must succeed. A line `name=value` that one of
    them prints can be named in parameters and in later scripts as `{name}`.
    """

    host: Literal["web01", "app01", "db01", "ops01"]
    state: str  # the prepared state in words, for the table
    prepare: tuple[str | Asked, ...] = ()
    params: Params = Field(default_factory=dict)
    look: str = ""
    """What the host itself shows of the change. The same before it and after its undo, and
    something else in between: the product's own facts are not the only witness."""
    renamed: str = ""
    """Why captured facts cannot be the same: what comes back has another name. `look` decides."""
    restore: str = ""  # for the rows after it: what of the prepared state would be in their way


def load() -> dict[str, Row]:
    """Every row by its name. ValueError for a name that two have."""
    rows: dict[str, Row] = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        for name, row in strict_yaml.read(file.read_text(encoding="utf-8")).items():
            if name in rows:
                raise ValueError(f"{file.name}: {name} has a row already")
            rows[name] = Row.model_validate(row)
    return rows


def action_of(name: str) -> str:
    """`file.restore, missing`: the action, and which of its undos is tried."""
    return name.partition(",")[0]
