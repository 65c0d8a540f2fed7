"""Command lines that people know, as catalogued actions. What is not listed here has no meaning.

The line itself is never sent anywhere: it only picks an action's id and parameters, which the
catalog then checks like any other's.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from app.domain.action import Params
from app.domain.value import Value
from app.execution.gate.units import full_name
from app.execution.plain_words import NotPlain, PlainLine, read

Words = tuple[str, ...]


class Meaning(Value):
    """What a line asks for: an action with parameters, for no host yet."""

    action: str
    params: Params


class NoMeaning(ValueError):
    """The line is plain, and nothing in the catalog is meant by it."""


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
_LOOKS = frozenset({"--no-pager", "-l", "--full", "-q", "--quiet"})
_PROPERTIES = re.compile(r"--property=[A-Za-z,]{1,200}")
_HIDDEN = re.compile(r"Environment|Credential", re.IGNORECASE)  # EnvironmentFile too
_COLUMNS = frozenset(
    ["pid", "ppid", "user", "pcpu", "pmem", "etime", "etimes", "comm", "stat", "rss", "vsz", "nlwp"]
)
_SORTED = re.compile(r"--sort=-?[a-z%]+")
_NUMBER = re.compile(r"[0-9]{1,5}")


def meaning_of(line: str) -> tuple[Meaning, PlainLine]:
    """What a line asks for. Raises NotPlain or NoMeaning with the reason."""
    plain = read(line)
    words = plain.words
    if words[0] == "sudo":
        words = words[1:]  # privilege is the catalog's to give, never the text's
        if not words or words[0].startswith("-"):
            raise NoMeaning("sudo takes no options here: privilege comes from the catalog")
    translate = _PROGRAMS.get(words[0])
    if translate is None:
        raise NoMeaning(f"{words[0]} is not in the catalog")
    found = translate(words[1:])
    if found is None:
        raise NoMeaning(f"these options or arguments of {words[0]} are not in the catalog")
    return found, plain


def _systemctl(words: Words) -> Meaning | None:
    rest = tuple(word for word in words if word not in _LOOKS)
    if rest == ("daemon-reload",):
        return Meaning(action="daemon.reload", params={})
    if len(rest) == 2 and rest[0] in _VERBS and rest == words:
        return Meaning(action=_VERBS[rest[0]], params={"unit": _unit(rest[1])})
    if rest and rest[0] in _QUESTIONS:
        shown = rest[1:]
        if rest[0] == "show":
            shown = tuple(word for word in shown if not _is_harmless_property(word))
        if len(shown) == 1:
            return Meaning(action="unit.show", params={"unit": _unit(shown[0])})
    return None


def _is_harmless_property(word: str) -> bool:
    return bool(_PROPERTIES.fullmatch(word)) and not _HIDDEN.search(word)


def _journalctl(words: Words) -> Meaning | None:
    rest = [word for word in words if word not in ("--no-pager", "-q", "--quiet")]
    if len(rest) == 1 and (size := re.fullmatch(r"--vacuum-size=([0-9]{1,5})M", rest[0])):
        return Meaning(action="journal.vacuum", params={"megabytes": int(size[1])})
    options = dict(zip(rest[::2], rest[1::2], strict=False))
    if len(rest) == 4 and set(options) == {"-u", "-n"} and _NUMBER.fullmatch(options["-n"]):
        lines = int(options["-n"])
        return Meaning(action="journal.unit", params={"unit": _unit(options["-u"]), "lines": lines})
    return None


def _tail(words: Words) -> Meaning | None:
    if len(words) == 3 and words[0] == "-n" and _NUMBER.fullmatch(words[1]):
        return Meaning(action="log.tail", params={"path": words[2], "lines": int(words[1])})
    return None


def _ps(words: Words) -> Meaning | None:
    rest = tuple(word for word in words if not _SORTED.fullmatch(word))
    columns = set(rest[1].split(",")) if len(rest) == 2 and rest[0] == "-eo" else {"?"}
    if rest in (("aux",), ("-ef",), ("-e",)) or columns <= _COLUMNS:
        return Meaning(action="processes.list", params={})
    return None


def _lsof(words: Words) -> Meaning | None:
    if len(words) == 3 and words[:2] == ("-nP", "-i") and re.fullmatch(r"TCP:[0-9]+", words[2]):
        return Meaning(action="sockets.listening", params={})
    return None


def _du(words: Words) -> Meaning | None:
    options, operands = _split(words)
    bounded = {"-xh", "-xm", "-xk", "-x"} & options
    if bounded and options - {"-xh", "-xm", "-xk", "-x", "--max-depth=1"} == set():
        return _path("disk.usage", operands)
    return None


def _find(words: Words) -> Meaning | None:
    if len(words) == 5 and words[1:4] == ("-type", "f", "-size"):
        return _path("disk.usage", words[:1]) if re.fullmatch(r"\+[0-9]+[kMG]", words[4]) else None
    return None


def _chmod(words: Words) -> Meaning | None:
    if len(words) == 2 and re.fullmatch(r"[0-7]{3,4}", words[0]):
        mode = words[0].zfill(4)
        return Meaning(action="file.set_mode", params={"path": words[1], "mode": mode})
    return None


def _getent(words: Words) -> Meaning | None:
    known = len(words) == 2 and words[0] in ("hosts", "ahosts")
    return Meaning(action="name.resolve", params={"name": words[1]}) if known else None


def _dig(words: Words) -> Meaning | None:
    names = [word for word in words if word not in ("+short", "A")]
    one = len(names) == 1 and "+short" in words and not names[0].startswith(("@", "+", "-"))
    return Meaning(action="name.resolve", params={"name": names[0]}) if one else None


def _nc(words: Words) -> Meaning | None:
    if len(words) == 5 and words[:2] == ("-z", "-w") and _NUMBER.fullmatch(words[2]):
        host, port = words[3:]
        if _NUMBER.fullmatch(port):
            return Meaning(action="tcp.connect", params={"host": host, "port": int(port)})
    return None


def _curl(words: Words) -> Meaning | None:
    """A look at a page of the host itself, whose body goes nowhere."""
    rest = list(words)
    for option, value in (("-o", "/dev/null"), ("-w", "%{http_code}"), ("--max-time", None)):
        if option in rest:
            at = rest.index(option)
            given = rest[at + 1 : at + 2]
            if not given or (given[0] != value if value else not _NUMBER.fullmatch(given[0])):
                return None
            del rest[at : at + 2]
    rest = [word for word in rest if word not in ("-s", "-S", "-sS", "-sf", "-fsS", "-f")]
    if len(rest) != 1 or not re.match(r"https?://(?:localhost|127\.0\.0\.1)[:/]", rest[0]):
        return None
    return Meaning(action="http.local", params={"url": rest[0], "host_header": "localhost"})


def _exactly(action: str, *accepted: str) -> Callable[[Words], Meaning | None]:
    """A program that is known with a few fixed sets of arguments only."""
    known = {tuple(words.split()) for words in accepted}
    return lambda words: Meaning(action=action, params={}) if words in known else None


def _one_path(action: str) -> Callable[[Words], Meaning | None]:
    return lambda words: _path(action, words)


def _path(action: str, operands: Words) -> Meaning | None:
    return Meaning(action=action, params={"path": operands[0]}) if len(operands) == 1 else None


def _split(words: Words) -> tuple[set[str], Words]:
    options = {word for word in words if word.startswith("-")}
    return options, tuple(word for word in words if not word.startswith("-"))


def _unit(name: str) -> str:
    return full_name(name)


_PROGRAMS: dict[str, Callable[[Words], Meaning | None]] = {
    "apachectl": _exactly("apache.test", "configtest", "-t"),
    "cat": _one_path("config.read"),
    "chmod": _chmod,
    "curl": _curl,
    "df": _exactly("filesystems.list", "", "-h", "-i", "-hi", "-hT", "-Th"),
    "dig": _dig,
    "du": _du,
    "find": _find,
    "findmnt": _exactly("filesystems.list", ""),
    "getent": _getent,
    "ip": _exactly(
        "network.show", "route", "route show", "addr", "addr show", "a", "r", "link", "link show"
    ),
    "journalctl": _journalctl,
    "last": lambda words: (
        Meaning(action="persons.list", params={})
        if len(words) == 2 and words[0] == "-n" and _NUMBER.fullmatch(words[1])
        else None
    ),
    "lsof": _lsof,
    "mount": _exactly("filesystems.list", ""),
    "nc": _nc,
    "netstat": _exactly("sockets.listening", "-tulpn", "-tlnp", "-ltnp", "-lntp"),
    "nft": _exactly("firewall.show", "list ruleset", "-a list ruleset"),
    "nginx": _exactly("nginx.test", "-t"),
    "ps": _ps,
    "ss": _exactly(
        "sockets.listening", "-ltnp", "-lntp", "-tlnp", "-tulpn", "-ltn", "-lnt", "-ltunp"
    ),
    "stat": _one_path("file.state"),
    "systemctl": _systemctl,
    "tail": _tail,
    "uname": _exactly("host.identity", "-a", "-r", "-n"),
    "uptime": _exactly("host.identity", ""),
    "hostname": _exactly("host.identity", "", "-f"),
    "w": _exactly("persons.list", ""),
    "who": _exactly("persons.list", ""),
}

__all__ = ["Meaning", "NoMeaning", "NotPlain", "meaning_of"]
