"""systemctl, journalctl, docker, cron and databases, as people type them."""

from __future__ import annotations

import re

from app.execution.gate.units import full_name
from app.execution.meaning import (
    NUMBER,
    Meaning,
    Translate,
    Words,
    either,
    exactly,
    line_of,
    matching,
)

_VERBS = {
    "start": "service.start",
    "restart": "service.restart",
    "try-restart": "service.restart",
    "reload": "service.reload",
    "stop": "service.stop",
    "enable": "service.enable",
    "disable": "service.disable",
    "unmask": "service.unmask",
    "reset-failed": "service.reset_failed",
}
_QUESTIONS = frozenset({"status", "show", "is-active", "is-failed", "is-enabled"})
_LOOKS = frozenset({"--no-pager", "-l", "--full", "-q", "--quiet", "--no-legend", "--plain"})
_PROPERTIES = re.compile(r"--property=[A-Za-z,]{1,200}")
_HIDDEN = re.compile(r"Environment|Credential", re.IGNORECASE)  # EnvironmentFile too
_LISTS = {
    "list-units": "*.service",
    "list-timers": "*.timer",
    "list-sockets": "*.socket",
    "is-system-running": "*.service",
}
_KINDS = ("service", "timer", "socket", "mount")
_END = re.compile(r"(?:-s |--signal=|--signal |-s)(?:SIG)?(?:TERM|15) ([^ -][^ ]*)")
"""Asking a unit's process to end. Harder signals are not in the catalog."""

_MOST_LINES = 1000
_VALUED = {
    "-u": "unit", "--unit": "unit", "-n": "lines", "--lines": "lines", "-S": "since",
    "--since": "since", "-p": "priority", "--priority": "priority", "-o": "shown",
    "--output": "shown",
}  # fmt: skip
_FLAGS = frozenset({"--no-pager", "-q", "--quiet", "-r", "--reverse", "-b", "--boot"})
_VALUES = {
    "unit": re.compile(r".+"),
    "lines": NUMBER,
    "since": re.compile(
        r"-[0-9]{1,3}(?:s|m|min|h|d)|[0-9]{1,3} (?:sec|min|minute|hour|day)s? ago|today|yesterday|"
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?"
    ),
    "priority": re.compile(r"err|3"),
    "shown": re.compile(r"short|short-iso|short-precise|cat|json|with-unit"),
}


def systemctl(words: Words) -> Meaning | None:
    rest = tuple(word for word in words if word not in _LOOKS)
    if rest == ("daemon-reload",):
        return Meaning(action="daemon.reload", params={})
    if len(rest) == 2 and rest[0] in _VERBS and rest == words:
        return Meaning(action=_VERBS[rest[0]], params={"unit": full_name(rest[1])})
    if words[:1] == ("kill",):
        return _ended(words[1:])
    return _asked(rest) or _listed(rest)


def _asked(rest: Words) -> Meaning | None:
    """A question about one unit."""
    if not rest or rest[0] not in {*_QUESTIONS, "list-dependencies"}:
        return None
    shown = rest[1:]
    if rest[0] == "show":
        joined = " ".join(shown).replace("-p ", "--property=")
        shown = tuple(word for word in joined.split() if not _is_harmless_property(word))
    if len(shown) == 1:
        return Meaning(action="unit.show", params={"unit": full_name(shown[0])})
    return None


def _listed(rest: Words) -> Meaning | None:
    if rest in (("list-unit-files",), ("list-unit-files", "--type=service")):
        return Meaning(action="unit_files.list", params={})
    if rest in (("--failed",), ("list-units", "--failed"), ("list-units", "--state=failed")):
        return Meaning(action="units.show", params={"pattern": "*.service"})
    options = {word for word in rest[1:] if word not in ("--all", "-a", "--failed")}
    states = {option for option in options if re.fullmatch(r"--state=[a-z,-]{1,60}", option)}
    kinds = [kind for kind in _KINDS if {f"--type={kind}"} & options]
    if not rest or rest[0] not in _LISTS or options - states - {f"--type={k}" for k in kinds}:
        return None
    pattern = f"*.{kinds[0]}" if kinds else _LISTS[rest[0]]
    return Meaning(action="units.show", params={"pattern": pattern}) if len(kinds) < 2 else None


def _is_harmless_property(word: str) -> bool:
    return bool(_PROPERTIES.fullmatch(word)) and not _HIDDEN.search(word)


def _ended(words: Words) -> Meaning | None:
    """`systemctl kill`: which process of the unit that is, only the host can tell."""
    rest = tuple(w for w in words if w not in ("--kill-whom=main", "--kill-who=main"))
    found = _END.fullmatch(line_of(rest))
    if found is None:
        return None
    unit = full_name(found[1])
    return Meaning(action="process.terminate", params={"unit": unit}, asked=("pid", "start_time"))


def journalctl(words: Words) -> Meaning | None:
    if found := re.fullmatch(r"--vacuum-size=([0-9]{1,5})M", line_of(words)):
        return Meaning(action="journal.vacuum", params={"megabytes": int(found[1])})
    if words == ("--disk-usage",):
        return Meaning(action="disk.usage", params={"path": "/var/log/journal"})
    given = _options(words)
    if given is None or not {"lines", "since"} & set(given):
        return None  # without a bound it has no end
    lines = int(given.get("lines", _MOST_LINES))
    if "unit" in given and "priority" not in given:
        unit = full_name(given["unit"])
        return Meaning(action="journal.unit", params={"unit": unit, "lines": lines})
    if "priority" in given and "unit" not in given:
        return Meaning(action="journal.errors", params={"lines": lines})
    return None


def _options(words: Words) -> dict[str, str] | None:
    """journalctl's options and their values; None where one is not known, or comes twice."""
    found: dict[str, str] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if word in _FLAGS:
            continue
        if word in ("-eu", "-xeu"):  # the end of it, which is a thousand lines
            found, word = found | {"lines": str(_MOST_LINES)}, "-u"
        option, value = _apart(word, left)
        kind = _VALUED.get(option)
        if kind is None or kind in found or not _VALUES[kind].fullmatch(value):
            return None
        found[kind] = value
    return found


def _apart(word: str, left: list[str]) -> tuple[str, str]:
    """An option and its value, whether that stands in the same word or is the next one."""
    option, equals, value = word.partition("=")
    if equals and option.startswith("--"):
        return option, value
    if word in _VALUED:
        return word, left.pop(0) if left else ""
    return word[:2], word[2:]


def docker(words: Words) -> Meaning | None:
    if words[:1] == ("container",):
        words = words[1:]
    verb, rest = (words[0], words[1:]) if words else ("", ())
    if verb in ("ps", "ls") and set(rest) <= {"-a", "--all", "--no-trunc"}:
        return Meaning(action="containers.list", params={})
    if verb == "stats" and "--no-stream" in rest and set(rest) <= {"--no-stream", "-a", "--all"}:
        return Meaning(action="containers.usage", params={})
    if verb in ("start", "stop", "restart") and len(rest) == 1:
        return Meaning(action=f"container.{verb}", params={"container": rest[0]}, asked=("id",))
    if verb == "logs":
        found = re.fullmatch(r"(?:--tail[= ]|-n ?)([0-9]{1,5}) ([^ -][^ ]*)", line_of(rest))
        if found:
            params: dict[str, str | int] = {"container": found[2], "lines": int(found[1])}
            return Meaning(action="container.logs", params=params)
    return None


def redis(words: Words) -> Meaning | None:
    line = re.sub(r"^-h (?:127\.0\.0\.1|localhost) ?", "", line_of(words))
    found = re.fullmatch(r"(?:-p ([0-9]{1,5}) )?(?:info|INFO)(?: ([A-Za-z]{1,20}))?", line)
    if found and found[1] and (found[2] or "").lower() == "memory":
        return Meaning(action="redis.memory", params={"port": int(found[1])})
    if found or line in ("ping", "PING", "dbsize", "DBSIZE"):
        return Meaning(action="redis.state", params={})
    return None


def crontab(words: Words) -> Meaning | None:
    if words == ("-l",) or re.fullmatch(r"-l -u [a-z][a-z0-9_-]{0,31}", line_of(words)):
        return Meaning(action="cron.tables", params={})
    return None


def logrotate(words: Words) -> Meaning | None:
    if len(words) == 2 and words[0] in ("-f", "--force"):
        return Meaning(action="log.rotate", params={"config": words[1]})
    return None


def systemd_analyze(words: Words) -> Meaning | None:
    if words in ((), ("time",), ("blame",)):
        return Meaning(action="units.show", params={"pattern": "*.service"})
    return None


def sysctl(words: Words) -> Meaning | None:
    if words in (("-a",), ("--all",)):
        return Meaning(action="kernel.settings", params={})
    names = words[1:] if words[:1] == ("-n",) else words
    if len(names) == 1 and NUMBER.fullmatch(names[0]) is None and "=" not in names[0]:
        return Meaning(action="kernel.setting", params={"name": names[0]})
    return None


SERVICES: dict[str, Translate] = {
    "apache2ctl": either(exactly("apache.test", "configtest", "-t"), exactly("apache.sites", "-S")),
    "apachectl": either(exactly("apache.test", "configtest", "-t"), exactly("apache.sites", "-S")),
    "apt-get": exactly("packages.clean_cache", "clean"),
    "chronyc": exactly("clock.chrony", "tracking", "-n tracking"),
    "crontab": crontab,
    "docker": docker,
    "haproxy": exactly("haproxy.test", "-c -f /etc/haproxy/haproxy.cfg"),
    "journalctl": journalctl,
    "logrotate": logrotate,
    "mysqladmin": exactly("mariadb.state", "ping", "status"),
    "named-checkconf": exactly("named.test", ""),
    "nft": exactly("firewall.show", "list ruleset", "-a list ruleset", "-j list ruleset"),
    "iptables": matching("firewall.show", r"-S|-L -n(?: -v)?|-nL|-L -n --line-numbers|-nvL|-vnL"),
    "nginx": either(exactly("nginx.test", "-t"), exactly("nginx.dump", "-T")),
    "pg_isready": matching(
        "postgres.state", r"(?:-h (?:localhost|127\.0\.0\.1))? ?(?:-p [0-9]{1,5})?"
    ),
    "redis-cli": redis,
    "sshd": exactly("sshd.test", "-t"),
    "sysctl": sysctl,
    "systemctl": systemctl,
    "systemd-analyze": systemd_analyze,
    "timedatectl": exactly("clock.chrony", "", "status"),
}
