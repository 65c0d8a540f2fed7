"""`systemctl show --property=...`: one block of KEY=VALUE lines for each unit.

The order of properties is systemd's own and differs between versions, a property that a unit type
does not have is left out, and lists of structures repeat their key (EnvironmentFiles). Recorded on
systemd 252; older versions print `EnvironmentFile=` and the largest 64-bit number for `[not set]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.host.facts import SocketAddress, UnitFacts, UnitsFacts
from app.host.parsers.moments import from_systemd
from app.host.parsers.raw import ParseError, RawOutput

Properties = dict[str, list[str]]
"""A block's values by property, in order; several where the property repeats."""

_NOT_SET = {"", "[not set]", "[no data]", "infinity", "18446744073709551615"}
_EXIT_CODES = {"1": "exited", "2": "killed", "3": "dumped"}  # CLD_EXITED, CLD_KILLED, CLD_DUMPED
#: How a command ended; `code=(null)` is one that never ran or runs still.
_ENDED = re.compile(r" ; code=(\w+) ; status=(\d+)")
#: `Listen=[::]:9100 (Stream)`; a path has no port.
_PORT = re.compile(r"^[^/]*?:?(\d{1,5}) \((Stream|Datagram)\)$")
_PROTOCOLS = {"Stream": "tcp", "Datagram": "udp"}
_KEY = re.compile(r"[A-Z][A-Za-z0-9]*")


def parse_unit(raw: RawOutput) -> UnitFacts:
    """The unit that was asked for; a masked or unknown one is facts, not an error."""
    units = parse_units(raw).units
    if not units:
        raise ParseError(f"systemctl show: no unit in the output: {raw.complaint()}")
    return units[0]


def parse_units(raw: RawOutput) -> UnitsFacts:
    """All units of a pattern; none where nothing that is loaded matches it."""
    lines = raw.whole_lines()
    blocks = list(_blocks(lines))
    if not blocks and (any(lines) or raw.exit_code != 0):
        raise ParseError(f"systemctl show: expected KEY=VALUE lines: {raw.complaint()}")
    units = tuple(_unit(block) for block in blocks if block.get("Id", [""])[0])
    if blocks and not units and not raw.truncated:
        raise ParseError("systemctl show: no block carries Id=, so no unit can be told")
    return UnitsFacts(units=units)


def _blocks(lines: Iterable[str]) -> Iterator[Properties]:
    block: Properties = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and _KEY.fullmatch(key):
            block.setdefault(key, []).append(value)
        elif not line.strip() and block:
            yield block
            block = {}
    if block:
        yield block


def _unit(block: Properties) -> UnitFacts:
    main_code = _EXIT_CODES.get(_text(block, "ExecMainCode") or "")
    return UnitFacts(
        name=block["Id"][0],
        description=_text(block, "Description") or "",
        load_state=_text(block, "LoadState"),
        active_state=_text(block, "ActiveState"),
        sub_state=_text(block, "SubState"),
        unit_file_state=_text(block, "UnitFileState"),
        result=_text(block, "Result"),
        exec_main_code=main_code,
        exec_main_status=_number(block, "ExecMainStatus") if main_code else None,
        n_restarts=_number(block, "NRestarts"),
        main_pid=_number(block, "MainPID") or None,
        fragment_path=_text(block, "FragmentPath"),
        drop_in_paths=_words(block, "DropInPaths"),
        need_daemon_reload=_flag(block, "NeedDaemonReload"),
        type=_text(block, "Type"),
        restart=_text(block, "Restart"),
        user=_text(block, "User"),
        group=_text(block, "Group"),
        working_directory=_working_directory(block),
        exec_start=_argv(block),
        exec_start_pre_failed=_any_failed(block.get("ExecStartPre", [])),
        environment_files=_environment_files(block),
        control_group=_text(block, "ControlGroup"),
        active_since=from_systemd(_text(block, "ActiveEnterTimestamp") or ""),
        inactive_since=from_systemd(_text(block, "InactiveEnterTimestamp") or ""),
        state_since=from_systemd(_text(block, "StateChangeTimestamp") or ""),
        can_reload=_flag(block, "CanReload"),
        requires=_words(block, "Requires"),
        wants=_words(block, "Wants"),
        after=_words(block, "After"),
        part_of=_words(block, "PartOf"),
        conflicts=tuple(
            dict.fromkeys((*_words(block, "Conflicts"), *_words(block, "ConflictedBy")))
        ),
        triggered_by=_words(block, "TriggeredBy"),
        triggers=_words(block, "Triggers"),
        listens=_listens(block),
        condition_failed=_condition_failed(block),
        memory_bytes=_number(block, "MemoryCurrent"),
        tasks=_number(block, "TasksCurrent"),
    )


def _text(block: Properties, key: str) -> str | None:
    values = block.get(key)
    return values[0] if values and values[0] not in _NOT_SET else None


def _words(block: Properties, key: str) -> tuple[str, ...]:
    return tuple((_text(block, key) or "").split())


def _number(block: Properties, key: str) -> int | None:
    text = _text(block, key) or ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def _flag(block: Properties, key: str) -> bool | None:
    return {"yes": True, "no": False}.get(_text(block, key) or "")


def _argv(block: Properties) -> tuple[str, ...]:
    """systemd prints the vector joined by blanks: an argument with a blank comes out as two."""
    values = block.get("ExecStart", [])
    _, begun, rest = values[0].partition(" argv[]=") if values else ("", "", "")
    argv, _, _ = rest.rpartition(" ; ignore_errors=")
    return tuple(argv.split()) if begun else ()


def _any_failed(commands: list[str]) -> bool | None:
    """Whether a command ended badly where errors count; None where none of them has ended."""
    ended = [(line, match) for line in commands if (match := _ENDED.search(line))]
    failed = [
        (match[1] != "exited" or match[2] != "0") and "ignore_errors=yes" not in line
        for line, match in ended
    ]
    return any(failed) if failed else None


def _working_directory(block: Properties) -> str | None:
    """`!/srv/app` is systemd's way to print a folder that may be missing (`-/srv/app`)."""
    return (_text(block, "WorkingDirectory") or "").removeprefix("!") or None


def _environment_files(block: Properties) -> tuple[str, ...]:
    """Where a unit has its environment from, but for what a program leaves it for one start."""
    values = block.get("EnvironmentFiles", []) + block.get("EnvironmentFile", [])
    parts = (value.partition(" (ignore_errors=") for value in values)
    return tuple(
        path
        for path, _, may_fail in parts
        if path and not (may_fail.startswith("yes") and path.startswith("/run/"))
    )


def _listens(block: Properties) -> tuple[SocketAddress, ...]:
    """Ports of a .socket unit, each once. `Listen` repeats, and tells sockets that are files."""
    found = (_PORT.search(line) for line in block.get("Listen", []))
    ports = (
        SocketAddress(protocol=_PROTOCOLS[match[2]], port=int(match[1]))
        for match in found
        if match is not None
    )
    return tuple(dict.fromkeys(ports))


def _condition_failed(block: Properties) -> bool | None:
    """`no` is also what a unit says whose conditions were never looked at: then unknown."""
    result = _flag(block, "ConditionResult")
    if result is True:
        return False
    return True if result is False and _text(block, "ConditionTimestamp") else None
