"""The action catalog: loaded once, checked whole, then asked about every call.

A model, a failure mode or a person picks an id and typed parameters; the argument vector is rebuilt
from the entry here, and nowhere is a shell string composed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from app import strict_yaml
from app.domain.action import ActionCall, Params, Risk
from app.domain.host import Host
from app.domain.value import JsonObject, Value, fingerprint
from app.errors import ActionRejected, CatalogError
from app.execution.catalog_lint import lint
from app.execution.entry import EACH, CallTemplate, CatalogEntry, Scalar, UndoTemplate, fill
from app.execution.gate.parameters import Unfit, check_all
from app.execution.gate.units import why_not

SHIPPED = Path(__file__).with_name("catalog.yaml")


class Undo(Value):
    """The calls that take a change back, in order; `note` says what cannot be, and why.

    `settle` brings into effect what the plan's other steps put back: a unit reads its files again,
    or is started where reading them has ended it. It follows every undo of the plan.
    """

    calls: tuple[ActionCall, ...] = ()
    note: str = ""
    settle: tuple[ActionCall, ...] = ()


class Catalog(Value):
    """Every entry by id, and the types of their parameters."""

    version: int
    types: dict[str, dict[str, Any]]
    actions: dict[str, CatalogEntry] = Field(repr=False)

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Catalog:
        """Read and check a catalog; CatalogError names every rule that an entry breaks."""
        try:
            data = strict_yaml.read(path.read_text(encoding="utf-8"))
            for name, entry in data["actions"].items():
                entry["id"] = name
            catalog = cls.model_validate(data)
        except (OSError, strict_yaml.YamlError, KeyError, TypeError, AttributeError) as error:
            raise CatalogError(f"{path} is not a catalog: {error}") from error
        except ValidationError as error:
            raise CatalogError(f"{path} is not a catalog: {error}") from error
        problems = lint(catalog.types, catalog.actions)
        if problems:
            raise CatalogError(f"{path} breaks the catalog's rules: " + "; ".join(problems))
        return catalog

    @cached_property
    def digest(self) -> str:
        """The sha256 of what the catalog says; part of every plan, grant and receipt."""
        return fingerprint(self.model_dump(mode="json"))

    def entry(self, action: str) -> CatalogEntry:
        """The entry of that id; ActionRejected where there is none."""
        found = self.actions.get(action)
        if found is None:
            raise ActionRejected(
                f"There is no action {ascii(action)[:80]} in the catalog.",
                hint="See docs/reference/catalog.md for those there are.",
            )
        return found

    def risk(self, call: ActionCall) -> Risk:
        return self.entry(call.action).risk

    def check(self, call: ActionCall, host: Host) -> CatalogEntry:
        """The entry of a call that is whole, typed, and bound to `host`; else ActionRejected."""
        entry = self.fit(call, host)
        self.bind(call, host)
        return entry

    def fit(self, call: ActionCall, host: Host, *, left_out: Collection[str] = ()) -> CatalogEntry:
        """The entry of a call for `host` whose parameters are of its types; else ActionRejected.

        `left_out`: parameters that are not there yet, since only the host can tell them.
        """
        entry = self.entry(call.action)
        if call.host != host.name:
            raise ActionRejected(f"{call.label()} is for another host than {host.name}.")
        types = {n: kind for n, kind in self.types_of(entry).items() if n not in left_out}
        try:
            check_all(types, call.params)
        except Unfit as problem:
            raise ActionRejected(f"{call.action}: {problem}.") from None
        return entry

    def bind(self, call: ActionCall, host: Host) -> None:
        """ActionRejected where a fitting change names a unit that is not `host`'s to change."""
        entry = self.entry(call.action)
        if entry.changes:
            self._require_bound_units(entry, call.params, host)

    def accepts(self, call: ActionCall, host: Host) -> bool:
        """Whether `check` would let the call pass."""
        try:
            self.check(call, host)
        except ActionRejected:
            return False
        return True

    def types_of(self, entry: CatalogEntry) -> dict[str, dict[str, Any]]:
        """An entry's parameters with their whole types, as the host's gate gets them."""
        return {name: self.types[type_name] for name, type_name in entry.params.items()}

    def render(self, call: ActionCall) -> tuple[str, ...]:
        """The argument vector of a checked call; for a builtin ("gate", id, "name=value", ...)."""
        entry = self.entry(call.action)
        if entry.builtin is not None:
            shown = [f"{name}={value}" for name, value in sorted(call.params.items())]
            return ("gate", call.action, *shown)
        return tuple(str(fill(word, call.params)) for word in entry.argv)

    def captures(self, call: ActionCall) -> dict[str, ActionCall]:
        """The diagnostics that must be run, and their facts kept, before a change; by name."""
        entry = self.entry(call.action)
        return {
            name: _filled(template, call, call.params) for name, template in entry.capture.items()
        }

    def unmet(self, call: ActionCall, before: Mapping[str, JsonObject]) -> tuple[str, ...]:
        """Sentences on the preconditions that captured facts do not meet; () where all hold."""
        entry = self.entry(call.action)
        reasons = [
            condition.unmet(before.get(condition.of, {}), call.params)
            for condition in entry.precondition
        ]
        return tuple(reason for reason in reasons if reason)

    def is_so(self, call: ActionCall, before: Mapping[str, JsonObject]) -> bool:
        """Whether captured facts already say what would be asked for after the change."""
        captured = self.captures(call)
        checks = self.entry(call.action).verify
        return bool(checks) and all(
            any(
                _filled(check, call, call.params) == asked
                and not check.unmet(before.get(name, {}), call.params)
                for name, asked in captured.items()
            )
            for check in checks
        )

    def undo(self, call: ActionCall, before: Mapping[str, JsonObject], host: Host) -> Undo:
        """What takes the change back, made from the state captured before it."""
        entry = self.entry(call.action)
        left: list[str] = []
        try:
            calls = self._fitting(entry.undo, call, before, host, left)
            settle = self._fitting(entry.settle, call, before, host, left)
        except (KeyError, ActionRejected) as problem:
            return Undo(note=f"The state before cannot be put back: {problem}")
        note = "" if calls else entry.rollback_note or "There is nothing to take back."
        return Undo(calls=calls, note=" ".join([note, *left]).strip(), settle=settle)

    def _fitting(
        self,
        templates: tuple[UndoTemplate, ...],
        call: ActionCall,
        before: Mapping[str, JsonObject],
        host: Host,
        left: list[str],
    ) -> tuple[ActionCall, ...]:
        """The templates whose conditions held before the change, filled and checked.

        An item of a list that the host's rules do not allow is left, and said in `left`: the rest
        is worth putting back.
        """
        known = _known(call, before)
        fitting: list[ActionCall] = []
        for template in templates:
            if any(c.unmet(before.get(c.of, {}), known) for c in template.when):
                continue
            for one in _each(template, known):
                filled = _filled(template, call, one)
                try:
                    self.check(filled, host)
                except ActionRejected as problem:
                    if template.each is None:
                        raise
                    left.append(f"Not put back: {problem}")
                else:
                    fitting.append(filled)
        return tuple(fitting)

    def _require_bound_units(self, entry: CatalogEntry, params: Params, host: Host) -> None:
        for name, type_name in entry.params.items():
            if self.types[type_name]["kind"] != "unit" or name not in params:
                continue
            reason = why_not(str(params[name]), host.services, host.units.model_dump())
            if reason:
                raise ActionRejected(
                    f"{entry.id} on {host.name}: {reason}.",
                    hint="The inventory's `services` and `units` say what may be changed.",
                )


def _known(call: ActionCall, before: Mapping[str, JsonObject]) -> dict[str, object]:
    """What placeholders may name: the call's parameters, and captured fields as `name.field`."""
    known: dict[str, object] = dict(call.params)
    for name, facts in before.items():
        known |= {f"{name}.{field}": value for field, value in facts.items() if value is not None}
    return known


def _each(template: UndoTemplate, known: dict[str, object]) -> Iterator[dict[str, object]]:
    """What one template is filled with: once, or for every item of the list that it names."""
    if template.each is None:
        yield known
        return
    items = known[template.each]
    for item in items if isinstance(items, list) else ():
        yield {**known, EACH: item}


def _filled(template: CallTemplate, call: ActionCall, known: Mapping[str, object]) -> ActionCall:
    params = {name: _plain(fill(value, known)) for name, value in template.params.items()}
    return ActionCall(action=template.action, host=call.host, params=params)


def _plain(value: Scalar) -> str | int:
    return value if isinstance(value, str | int) else str(value)
