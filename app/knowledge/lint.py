"""Everything that is wrong with files of failure modes, each with its file, line and expectation.

Loading refuses what is no failure mode at all. Here is asked what would load and yet never work:
facts that nobody gathers, conditions that cannot be true, repairs that the catalog does not have,
modes that no evidence could tell apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from app import strict_yaml
from app.knowledge.actions import Actions
from app.knowledge.failure_mode import FailureMode
from app.knowledge.lint_conditions import condition_problems, scope_of
from app.knowledge.lint_remedies import action_problems, proof_problems
from app.knowledge.satisfiable import may_hold, negated
from app.knowledge.schema import Scope
from app.strict_yaml import Place

WEIGHT_MOST = 6.0
"""Natural-log odds of one sign, either way: four hundred times. Nothing seen is surer than that."""


class Problem(NamedTuple):
    """One thing that is wrong."""

    file: Path
    line: int
    said: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.said}"


@dataclass(frozen=True)
class ModeFile:
    """A file that holds a failure mode, and where in it everything stands."""

    path: Path
    mode: FailureMode
    lines: Mapping[Place, int]

    def problem(self, place: Place, said: str) -> Problem:
        """Something wrong at a place."""
        return Problem(self.path, _line(self.lines, place), said)


Check = Callable[[FailureMode, Scope], Iterable[tuple[Place, str]]]


def lint(paths: Iterable[Path], vocabulary: Mapping[str, Scope], actions: Actions) -> list[Problem]:
    """Every problem of files that stand beside one another, by file and line."""
    problems: list[Problem] = []
    files: list[ModeFile] = []
    for path in paths:
        read = read_mode(path)
        if isinstance(read, ModeFile):
            files.append(read)
        else:
            problems.extend(read)
    for file in files:
        names = vocabulary.get(file.mode.subject)
        if names is None:
            expected = f"expected one of {', '.join(sorted(vocabulary))}"
            problems.append(file.problem(("subject",), f"no facts of such are known; {expected}"))
            continue
        scope = scope_of(file.mode, names)
        found = [
            *_of_numbers(file.mode),
            *condition_problems(file.mode, names),
            *action_problems(file.mode, scope, actions),
            *proof_problems(file.mode, actions),
        ]
        problems.extend(file.problem(place, said) for place, said in found)
    problems.extend(_twice(files))
    problems.extend(_inseparable(files, vocabulary))
    return sorted(set(problems), key=lambda one: (str(one.file), one.line, one.said))


def read_mode(path: Path) -> ModeFile | list[Problem]:
    """A file's mode; what is wrong where it holds none."""
    try:
        text = path.read_text(encoding="utf-8")
        raw, lines = strict_yaml.read(text), strict_yaml.lines(text)
    except strict_yaml.YamlError as error:
        told = " ".join(str(error).split())
        return [Problem(path, strict_yaml.line_of(error), f"not YAML: {told}")]
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(path, 1, f"cannot be read: {error}")]
    try:
        return ModeFile(path, FailureMode.model_validate(raw), lines)
    except ValidationError as error:
        return [
            Problem(path, _line(lines, one["loc"]), f"{_shown(one['loc'])}: {one['msg']}")
            for one in error.errors(include_input=False, include_url=False)
        ]


def _shown(place: Place) -> str:
    return ".".join(map(str, place)) or "the file"


def _line(lines: Mapping[Place, int], place: Place) -> int:
    """The line of a place, or of the nearest thing around it that is there."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _of_numbers(mode: FailureMode) -> Iterator[tuple[Place, str]]:
    for index, sign in enumerate(mode.signs):
        place: Place = ("signs", index)
        for name, weight in (("weight", sign.weight), ("otherwise", sign.otherwise)):
            if not -WEIGHT_MOST <= weight <= WEIGHT_MOST:
                said = f"expected natural-log odds from {-WEIGHT_MOST:g} to {WEIGHT_MOST:g}"
                yield (*place, name), f"the {name} {weight:g} is out of range; {said}"
        if not sign.weight and not sign.otherwise:
            yield (*place, "weight"), "a sign that weighs nothing; expected a weight other than 0"
    if not any(max(sign.weight, sign.otherwise) > 0 for sign in mode.signs):
        yield ("signs",), "nothing speaks for it; expected a sign with a weight above 0"


def _twice(files: Iterable[ModeFile]) -> Iterator[Problem]:
    """Names that stand twice, and names that are not their file's."""
    by_id: dict[str, list[ModeFile]] = defaultdict(list)
    by_title: dict[str, list[ModeFile]] = defaultdict(list)
    for file in files:
        by_id[file.mode.id].append(file)
        by_title[file.mode.title.casefold()].append(file)
        if file.mode.id != file.path.stem:
            said = f"the id is {file.mode.id!r}; expected {file.path.stem!r}, the file's name"
            yield file.problem(("id",), said)
    for first, *others in by_id.values():
        for other in others:
            said = f"the id {other.mode.id!r} stands in {first.path} too; expected one of its own"
            yield other.problem(("id",), said)
    for first, *others in by_title.values():
        for other in others:
            said = f"{first.mode.id} has the same title; expected one that tells them apart"
            yield other.problem(("title",), said)


def _inseparable(files: Iterable[ModeFile], vocabulary: Mapping[str, Scope]) -> Iterator[Problem]:
    """Modes that fit the same, with the same evidence for them: only chance tells them apart."""
    alike: dict[object, list[ModeFile]] = defaultdict(list)
    for file in files:
        mode = file.mode
        signs = sorted(
            (" ".join(s.condition.text.split()), s.weight, s.otherwise) for s in mode.signs
        )
        alike[(mode.subject, tuple(signs))].append(file)
    for together in alike.values():
        for index, file in enumerate(together):
            for other in together[:index]:
                if _fit_the_same(file.mode, other.mode, vocabulary.get(file.mode.subject, {})):
                    said = (
                        f"no condition separates it from {other.mode.id}: both fit the same "
                        "subjects and have the same signs; expected a sign or candidate of its own"
                    )
                    yield file.problem(("candidate",), said)


def _fit_the_same(one: FailureMode, other: FailureMode, scope: Scope) -> bool:
    a, b = one.candidate.tree, other.candidate.tree
    if not may_hold([a, b], scope):
        return False
    return not may_hold([a, negated(b)], scope) and not may_hold([b, negated(a)], scope)
