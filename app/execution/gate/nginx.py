"""nginx's configuration: as `nginx -T` prints it or, where nginx refuses it, from the files."""

from __future__ import annotations

import glob
import os
import re
import sys

from . import disk
from .answers import Params, read_program
from .places import Places
from .refusal import Failed

PROGRAM = "/usr/sbin/nginx"
_DEFAULT = "/etc/nginx/nginx.conf"
_INCLUDE = re.compile(r"(?:^|[;{}\s])include\s+([^;{}\s]+)\s*;")
_COMMENT = re.compile(r"(?m)(^|\s)#.*$")
_MOST_FILES = 400
_FILE_BYTES = 256 * 1024


def nginx_dump(_: Params, __: Places) -> int:
    """`nginx -T`'s text. Exit code 1: nginx refuses it, and the files were read in its place."""
    code, printed, problem = read_program([PROGRAM, "-T"], 10)
    if code == 0:
        sys.stdout.write(printed)
        return 0
    sys.stderr.write(problem)
    if not os.path.exists(_DEFAULT):
        return 127
    for path, text in configuration(_DEFAULT).items():
        sys.stdout.write(f"# configuration file {path}:\n{text}\n")
    return 1


def configuration(main: str) -> dict[str, str]:
    """The texts of a configuration file and of all that it includes, in the order of reading."""
    texts: dict[str, str] = {}
    waiting = [main]
    while waiting and len(texts) < _MOST_FILES:
        path = waiting.pop(0)
        if path in texts:
            continue
        text = _text_of(path)
        if text is None:
            continue
        texts[path] = text
        inside = [
            found
            for pattern in _INCLUDE.findall(_COMMENT.sub("", text))
            for found in sorted(glob.glob(os.path.join(os.path.dirname(main), pattern)))
        ]
        waiting = inside + waiting
    return texts


def _text_of(path: str) -> str | None:
    """A file's text; None where it is gone, no regular file, or leads out of the configuration."""
    real = os.path.realpath(path)
    if not real.startswith(("/etc/", "/usr/share/nginx/", "/usr/local/", "/opt/", "/srv/")):
        return None
    try:
        with disk.parent_of(real) as (folder, name):
            file = disk.open_regular(folder, name, real, links_allowed=True)
    except (Failed, OSError):
        return None
    try:
        return disk.read_up_to(file, _FILE_BYTES).decode("utf-8", "replace")
    finally:
        os.close(file)
