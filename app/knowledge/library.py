"""The failure modes on disk: the shipped ones and a site's own folder beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from app import strict_yaml
from app.domain.value import fingerprint
from app.errors import KnowledgeError
from app.knowledge.calibration import (
    CALIBRATION,
    NOTHING_LEARNED,
    Calibration,
    read_calibration,
)
from app.knowledge.failure_mode import FailureMode

SHIPPED = Path(__file__).parent / "modes"


class Library:
    """All failure modes, by id. A site's file of the same id replaces the shipped one."""

    def __init__(
        self,
        modes: Iterable[FailureMode],
        digest: str,
        calibration: Calibration = NOTHING_LEARNED,
    ) -> None:
        self.modes = tuple(modes)
        self.digest = digest  # stands in the audit: which knowledge a conclusion was drawn with
        self.calibration = calibration

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
        learned = CALIBRATION.read_text(encoding="utf-8") if CALIBRATION.exists() else ""
        calibration = read_calibration(learned, CALIBRATION)
        return cls(found.values(), fingerprint(texts | {"": learned}), calibration)


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
