"""One option taken out of what /etc/fstab declares for a place."""

from __future__ import annotations

import re

from .answers import Params, answer
from .mounts import unescaped
from .places import Places
from .refusal import Failed
from .rewriting import rewrite

FSTAB = "/etc/fstab"
_OPTIONS = {"ro": re.compile(r"ro"), "size": re.compile(r"size=[^,]*")}
_FIELDS = re.compile(r"(\s*\S+\s+(\S+)\s+\S+\s+)(\S+)(.*)")


def mount_drop_option(params: Params, places: Places) -> int:
    """Take `ro` or `size=` out of the one line for a place; nothing else changes."""
    path, option = str(params["path"]), str(params["option"])

    def change(lines: list[str]) -> None:
        numbers = [n for n, line in enumerate(lines) if _place_of(line) == path]
        if len(numbers) != 1:
            raise Failed(f"{FSTAB} has {len(numbers)} lines for {path}; expected one")
        lines[numbers[0]] = _without(lines[numbers[0]], _OPTIONS[option], f"{path} has no {option}")

    before = rewrite(FSTAB, change, lambda: None, places)
    return answer({"path": path, "option": option, "replaced": before})


def _place_of(line: str) -> str | None:
    found = _FIELDS.fullmatch(line)
    if found is None or line.lstrip().startswith("#"):
        return None
    return unescaped(found[2]).rstrip("/") or "/"


def _without(line: str, option: re.Pattern[str], otherwise: str) -> str:
    found = _FIELDS.fullmatch(line)
    assert found is not None
    options = found[3].split(",")
    kept = [one for one in options if not option.fullmatch(one)]
    if len(kept) == len(options):
        raise Failed(f"{otherwise} in {FSTAB}")
    return f"{found[1]}{','.join(kept) or 'defaults'}{found[4]}"
