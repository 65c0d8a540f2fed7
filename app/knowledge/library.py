"""The failure modes on disk: the shipped ones and a site's own folder beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from app import strict_yaml
from app.domain.value import Value, fingerprint
from app.errors import KnowledgeError
from app.knowledge.failure_mode import FailureMode

SHIPPED = Path(__file__).parent / "modes"
LEARNED = Path(__file__).parent / "learned.yaml"
"""Priors that lab runs taught (`sre-agent lab calibrate --write`)."""


class Library:
    """All failure modes, by id. A site's file of the same id replaces the shipped one."""

    def __init__(
        self, modes: Iterable[FailureMode], digest: str, learned: Mapping[str, float] | None = None
    ) -> None:
        declared = tuple(modes)
        taught = learned or {}
        self.declared = {mode.id: mode.prior for mode in declared}  # as their files have them
        self.modes = tuple(
            mode.model_copy(update={"prior": taught.get(mode.id, mode.prior)}) for mode in declared
        )
        self.digest = digest  # stands in the audit: which knowledge a conclusion was drawn with

    @classmethod
    def load(cls, *folders: Path) -> Library:
        """Load the shipped modes and those of further folders.

        Raises KnowledgeError, naming file and field, for the first file that is not right.
        """
        found: dict[str, FailureMode] = {}
        texts: dict[str, str] = {}
        for folder in (SHIPPED, *folders):
            for file in sorted(folder.glob("*.yaml")):
                text = file.read_text(encoding="utf-8")
                mode = parse(text, file)
                found[mode.id] = mode
                texts[mode.id] = text
        learned = LEARNED.read_text(encoding="utf-8") if LEARNED.exists() else ""
        priors = learned_priors(learned, LEARNED)
        return cls(found.values(), fingerprint(texts | {"": learned}), priors)


class _Prior(Value):
    """What runs taught of one failure mode."""

    prior: float = Field(gt=0, lt=1)
    runs: int = Field(ge=0)
    right: int = Field(ge=0)


class _Learned(Value):
    """The file of what runs taught."""

    priors: dict[str, _Prior] = Field(default_factory=dict)


def learned_priors(text: str, file: Path) -> dict[str, float]:
    """Priors by mode, from the text of the file of what runs taught. Raises KnowledgeError."""
    try:
        found = _Learned.model_validate(strict_yaml.read(text) or {})
    except (strict_yaml.YamlError, ValidationError) as error:
        told = _told(error) if isinstance(error, ValidationError) else str(error)
        hint = "Make it anew: `sre-agent lab calibrate ROWS.jsonl --write FILE`."
        raise KnowledgeError(f"{file}: {told}.", hint=hint) from error
    return {mode: one.prior for mode, one in found.priors.items()}


def parse(text: str, file: Path) -> FailureMode:
    """One failure mode from its file's text."""
    try:
        raw = strict_yaml.read(text)
    except strict_yaml.YamlError as error:
        raise KnowledgeError(f"{file} is not YAML: {error}") from error
    try:
        mode = FailureMode.model_validate(raw)
    except ValidationError as error:
        raise KnowledgeError(f"{file}: {_told(error)}.") from error
    if mode.id != file.stem:
        raise KnowledgeError(
            f"{file} has the id {mode.id!r}.", hint=f"Name the file {mode.id}.yaml."
        )
    return mode


def _told(error: ValidationError) -> str:
    """Every complaint with its place, the first three of them."""
    told = (
        f"{'.'.join(str(part) for part in one['loc']) or 'the file'}: {one['msg']}"
        for one in error.errors()[:3]
    )
    return "; ".join(told)
