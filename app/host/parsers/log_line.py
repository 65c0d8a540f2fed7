"""One line of a log file in the forms that common programs write: when, how grave, who, what.

A time without a zone is only understood where the host's offset from UTC is known, and syslog's old
form has no year: both are None rather than guessed.
"""

from __future__ import annotations

import json
import re
from datetime import timezone

from app.domain.value import JsonObject
from app.host.parsers.json_text import storable
from app.host.parsers.log_entry import Entry, headline_of, plain
from app.host.parsers.moments import from_epoch, from_iso, zone_of

_LEVELS = (
    ("emerg", "panic"),
    ("alert",),
    ("crit", "critical", "fatal"),
    ("error", "err", "severe"),
    ("warning", "warn"),
    ("notice",),
    ("info", "log"),
    ("debug", "trace"),
)
_PRIORITIES = {word: number for number, words in enumerate(_LEVELS) for word in words}
_DATE = r"(?P<date>\d{4}[-/]\d\d[-/]\d\d)[T ] ?(?P<time>\d?\d:\d\d:\d\d)(?P<fraction>[.,]\d{1,9})?"
_ZONE = r" ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?"
_DATED = re.compile(rf"\[?{_DATE}{_ZONE}\]?[:,]?\s+")
_CLF = re.compile(
    r'\[(\d\d)/(\w{3})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})\] "(?P<request>[^"]*)" (\d{3})'
)
_APACHE = re.compile(r"\[\w{3} (\w{3}) +(\d{1,2}) (\d\d:\d\d:\d\d)(\.\d{1,6})? (\d{4})\] ")
_REDIS = re.compile(r"\d+:[A-Z] (\d{1,2}) (\w{3}) (\d{4}) (\d\d:\d\d:\d\d)(\.\d{1,6})? [.\-*#] ")
_NEW_SYSLOG = re.compile(r"\d{4}-\d\d-\d\dT\S+ ")
_OLD_SYSLOG = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")
_SYSLOG_HEAD = re.compile(
    r"(?P<host>[\w.-]+) (?P<name>[\w./@-]{1,60})(?:\[(?P<pid>\d+)\])?: (?P<message>.*)"
)
_LEVEL = re.compile(r"(?:\[(?:\w+:)?(?P<boxed>[A-Za-z]+)\]|\b(?P<bare>[A-Z]{3,8})\b[:\s\]])")
_LEVEL_WITHIN = 60
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_JSON_TIMES = ("@timestamp", "timestamp", "time", "ts", "asctime", "datetime")
_JSON_LEVELS = ("level", "levelname", "severity", "log.level", "lvl")
_JSON_MESSAGES = ("message", "msg", "event", "error", "err")
_JSON_NAMES = ("logger", "name", "service", "app")
_JSON_TRACES = ("exception", "exc_info", "traceback", "stack_trace", "stack", "error.stack_trace")


def entry_of(line: str, zone: timezone | None) -> Entry:
    """The entry that a line is; `zone` is the host's, for times that name none."""
    line = plain(line)
    if line.startswith("{"):
        found = _object(line)
        if found is not None:
            return _from_json(found, line, zone)
    access = _CLF.search(line)
    if access is not None:
        return _from_access(access, line)
    return _from_text(line, zone)


def _from_text(line: str, zone: timezone | None) -> Entry:
    moment, rest = _split_moment(line, zone)
    head = _syslog_head(line, rest)
    name = head["name"] if head else None
    message = head["message"] if head else rest
    return Entry(
        text=line,
        headline=headline_of(message) or line,
        moment=moment,
        priority=_priority_in(message),
        identifier=name,
    )


def _syslog_head(line: str, rest: str) -> re.Match[str] | None:
    """The host and tag behind syslog's time. Its new form looks like any program's own: there only
    a tag with a process id is taken for one."""
    head = _SYSLOG_HEAD.fullmatch(rest)
    if head is None or _OLD_SYSLOG.match(line):
        return head
    return head if _NEW_SYSLOG.match(line) and head["pid"] else None


def _split_moment(line: str, zone: timezone | None) -> tuple[str | None, str]:
    """When it was said, and the line without that."""
    match = _DATED.match(line)
    if match is not None:
        own = zone_of(match["zone"]) if match["zone"] else zone
        clock = match["time"].rjust(8, "0") + _six_digits(match["fraction"])
        return from_iso(f"{match['date'].replace('/', '-')}T{clock}", own), line[match.end() :]
    match = _APACHE.match(line)
    if match is not None:
        return _composed(match[4 + 1], match[1], match[2], match[3], zone), line[match.end() :]
    match = _REDIS.match(line)
    if match is not None:
        return _composed(match[3], match[2], match[1], match[4], zone), line[match.end() :]
    match = _OLD_SYSLOG.match(line)
    return None, line[match.end() :] if match else line


def _six_digits(fraction: str | None) -> str:
    return "" if fraction is None else "." + fraction[1:7].ljust(6, "0")


def _composed(year: str, month: str, day: str, clock: str, zone: timezone | None) -> str | None:
    if month not in _MONTHS:
        return None
    number = _MONTHS.index(month) + 1
    return from_iso(f"{year}-{number:02d}-{day.rjust(2, '0')}T{clock}", zone)


def _priority_in(message: str) -> int | None:
    """The first word at the beginning that is a level: `[error]`, `ERROR:`, `[core:warn]`."""
    for match in _LEVEL.finditer(message[:_LEVEL_WITHIN] + " "):
        found = _PRIORITIES.get((match["boxed"] or match["bare"]).lower())
        if found is not None:
            return found
    return None


def _from_access(match: re.Match[str], line: str) -> Entry:
    """What was asked and the status; addresses, sizes and browsers differ from line to line."""
    moment = _composed(match[3], match[2], match[1], match[4], zone_of(match[5]))
    return Entry(text=line, headline=match["request"], kept=f" -> {match[7]}", moment=moment)


def _object(line: str) -> JsonObject | None:
    try:
        found = storable(json.loads(line))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _from_json(found: JsonObject, line: str, zone: timezone | None) -> Entry:
    message = _first(found, _JSON_MESSAGES) or line
    trace = _first(found, _JSON_TRACES)
    headline = headline_of(trace) if trace else headline_of(message)
    if trace and not headline.startswith("Traceback: "):
        headline = message
    return Entry(
        text=f"{message}\n{trace}" if trace else message,
        headline=headline,
        moment=_json_moment(found, zone),
        priority=_PRIORITIES.get((_first(found, _JSON_LEVELS) or "").lower()),
        identifier=_first(found, _JSON_NAMES),
    )


def _first(found: JsonObject, names: tuple[str, ...]) -> str | None:
    return next((v for name in names if isinstance(v := found.get(name), str) and v.strip()), None)


def _json_moment(found: JsonObject, zone: timezone | None) -> str | None:
    for name in _JSON_TIMES:
        value = found.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return from_epoch(value / 1000 if value > 1e11 else value)
        if isinstance(value, str):
            return _split_moment(value + " ", zone)[0]
    return None
