"""Parts of a log file: its beginning, and the lines that hold some words."""

from __future__ import annotations

import re
import sys

from . import disk
from .answers import Params
from .files import TEXT_BYTES
from .places import Places

_SEARCHED_BYTES = 16 * 1024 * 1024
_LONGEST_LINE = 4096  # what is behind it is not searched: lines of megabytes hold no words


def log_head(params: Params, _: Places) -> int:
    """The first lines of a log file, as they are."""
    whole = disk.head_of(str(params["path"]), TEXT_BYTES).splitlines()
    sys.stdout.write("".join(f"{line}\n" for line in whole[: int(params["lines"])]))
    return 0


def log_find(params: Params, _: Places) -> int:
    """The last of the lines that hold one of the words, of the file's last 16 MiB."""
    holds = _pattern(str(params["words"]))
    text = disk.tail_of(str(params["path"]), _SEARCHED_BYTES)
    found = [line for line in text.splitlines() if holds.search(line, 0, _LONGEST_LINE)]
    sys.stdout.write("".join(f"{line}\n" for line in found[-int(params["lines"]) :]))
    return 0


def _pattern(words: str) -> re.Pattern[str]:
    """Each word as it is, but that "?" is any one character: nothing in it can run for long."""
    told = [".".join(re.escape(part) for part in word.split("?")) for word in words.split("|")]
    return re.compile("|".join(told), re.IGNORECASE)
