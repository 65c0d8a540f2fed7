"""nginx's whole configuration: as `nginx -T` prints it, or out of the files where that fails."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.host.facts import NginxFacts
from app.host.parsers.json_text import json_object
from app.host.parsers.nginx_include import Expansion
from app.host.parsers.nginx_servers import first_argument, scope_of, servers_of
from app.host.parsers.raw import ParseError, RawOutput

_FILE_MARK = re.compile(r"^# configuration file (/.+):$", re.MULTILINE)
_DEFAULT_ROOT = "/etc/nginx/nginx.conf"


def parse_nginx_dump(raw: RawOutput) -> NginxFacts:
    """`nginx -T`: each file behind a `# configuration file PATH:` line.

    Where the test fails nginx prints no file: the gate then reads the include tree itself and
    prints `{"files": {path: text}, "root": "/etc/nginx/nginx.conf"}`; that is understood here too.
    """
    if raw.stdout.lstrip().startswith("{"):
        return _of_files(raw)
    marks = list(_FILE_MARK.finditer(raw.stdout))
    if not marks:
        raise ParseError(f"nginx -T: no `# configuration file PATH:` line: {raw.complaint()}")
    ends = [mark.start() for mark in marks[1:]] + [len(raw.stdout)]
    texts: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=True):
        texts.setdefault(mark[1], raw.stdout[mark.end() + 1 : end])
    whole = not raw.truncated and raw.exit_code in (0, None)
    return _facts(Expansion(texts, root=marks[0][1]), complete=whole)


def parse_nginx_files(texts: Mapping[str, str], root: str = _DEFAULT_ROOT) -> NginxFacts:
    """What the given files say, includes followed over them; a broken file costs only itself.

    Never `complete`: what nginx itself would make of them is not known.
    """
    return _facts(Expansion(texts, root), complete=False)


def _of_files(raw: RawOutput) -> NginxFacts:
    found = json_object(raw.stdout, "nginx files")
    files, root = found.get("files"), found.get("root", _DEFAULT_ROOT)
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise ParseError('nginx files: expected {"files": {path: text}, "root": path}')
    return parse_nginx_files(files, str(root))


def _facts(expansion: Expansion, *, complete: bool) -> NginxFacts:
    return NginxFacts(
        servers=servers_of(expansion.directives),
        files=tuple(expansion.files),
        user=first_argument((scope_of(expansion.directives),), "user"),
        complete=complete,
    )
