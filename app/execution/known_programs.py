"""What people type to look at a host: files, disks, processes, the network."""

from __future__ import annotations

import re

from app.execution.gate.parameters import lies_beneath
from app.execution.meaning import (
    NUMBER,
    Meaning,
    Translate,
    Words,
    either,
    exactly,
    line_of,
    matching,
    of_path,
    with_lines,
)

_LOGS = "/var/log"
_COLUMNS = frozenset(
    ["pid", "ppid", "user", "pcpu", "pmem", "etime", "etimes", "comm", "stat", "rss", "vsz", "nlwp",
     "ni", "psr", "start", "time", "tty", "wchan", "%cpu", "%mem"]
)  # fmt: skip
_SORTED = re.compile(r"--sort=-?[a-z%]+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_GREP = re.compile(r"-[iEFnwch]{1,6}")
_WORDS = re.compile(r"[A-Za-z0-9_.,:/@= |-]{1,200}")
"""Patterns of grep that mean the same as words: in each, "." and a blank stand for one character.
"""

_FOUND = 200
_FIND = re.compile(
    r"(?: -xdev| -type f| -mtime [+-]?[0-9]{1,4}| -mmin [+-]?[0-9]{1,6}|"
    r" -size [+-]?[0-9]{1,6}[ckMG]| -maxdepth [0-9]{1,2}| -i?name [A-Za-z0-9_.*?-]{1,60})+"
)
_OF_KERNEL = {
    "/proc/loadavg": "host.load",
    "/proc/meminfo": "host.load",
    "/proc/pressure/cpu": "host.load",
    "/proc/pressure/io": "host.load",
    "/proc/pressure/memory": "host.load",
    "/proc/swaps": "host.load",
    "/proc/diskstats": "host.load",
    "/proc/uptime": "host.identity",
    "/proc/version": "host.identity",
    "/proc/mounts": "filesystems.list",
}
"""What the kernel shows of the whole host. Of single processes it shows secrets."""

_ROUNDS = r"[0-9]{1,3} [0-9]{1,3}"  # with one number alone they go on for ever
_LOOPBACK = re.compile(r"https?://(?:localhost|127\.0\.0\.1)[:/]")
_CURL_FLAGS = re.compile(r"-[sSfIkv]{1,6}|--silent|--show-error|--fail|--head")


def _cat(words: Words) -> Meaning | None:
    if len(words) == 1 and words[0] in _OF_KERNEL:
        return Meaning(action=_OF_KERNEL[words[0]], params={})
    return of_path("config.read")(words)


def _grep(words: Words) -> Meaning | None:
    """Lines of one log; of a configuration the whole file, for it is short."""
    options, rest = words[:-2], words[-2:]
    if len(rest) != 2 or not all(_GREP.fullmatch(option) for option in options):
        return None
    pattern, path = rest
    if pattern.startswith("-") or path.startswith("-") or not _WORDS.fullmatch(pattern):
        return None
    if not lies_beneath(path, [_LOGS]):
        return Meaning(action="config.read", params={"path": path})
    alternatives = "E" in "".join(options)
    if "|" in pattern and not alternatives:
        return None  # to a plain grep that is a character like others
    words_of = re.sub(r"[ .]", "?", pattern)
    return Meaning(action="log.find", params={"path": path, "words": words_of, "lines": _FOUND})


def _find(words: Words) -> Meaning | None:
    """The largest files below a folder of logs tell what a search by age or size is for."""
    path, tests = words[:1], f" {line_of(words[1:])}"
    if not path or not _FIND.fullmatch(tests):
        return None
    if path[0] != _LOGS and not lies_beneath(path[0], [_LOGS]) and "name" in tests:
        return None  # a search for names elsewhere looks for keys
    return Meaning(action="disk.usage", params={"path": path[0]})


def _du(words: Words) -> Meaning | None:
    options = {word for word in words if word.startswith("-")}
    operands = tuple(word for word in words if not word.startswith("-"))
    bounded = {"-xh", "-xm", "-xk", "-x", "-sh", "-shx", "-xsh", "-s"}
    depth = {"--max-depth=1", "-d1"}
    if len(operands) == 1 and bounded & options and not options - bounded - depth:
        return Meaning(action="disk.usage", params={"path": operands[0]})
    return None


def _chmod(words: Words) -> Meaning | None:
    if len(words) == 2 and re.fullmatch(r"[0-7]{3,4}", words[0]):
        mode = words[0].zfill(4)
        return Meaning(action="file.set_mode", params={"path": words[1], "mode": mode})
    return None


def _chown(words: Words) -> Meaning | None:
    found = re.fullmatch(r"([a-z_][a-z0-9_.-]*):([a-z_][a-z0-9_.-]*)", words[0]) if words else None
    if found is None or len(words) != 2:
        return None
    params: dict[str, str | int] = {"path": words[1], "owner": found[1], "group": found[2]}
    return Meaning(action="file.set_owner", params=params)


def _renice(words: Words) -> Meaning | None:
    """Back only: to put one before others is not in the catalog."""
    found = re.fullmatch(r"(?:-n )?([0-9]{1,2}) -p ([0-9]{1,7})", line_of(words))
    if found is None:
        return None
    params: dict[str, str | int] = {"nice": int(found[1]), "pid": int(found[2])}
    return Meaning(action="process.set_nice", params=params, asked=("start_time", "unit"))


def _ps(words: Words) -> Meaning | None:
    rest = tuple(word for word in words if not _SORTED.fullmatch(word))
    named = len(rest) == 2 and rest[0] in ("-eo", "axo")
    columns = set(rest[1].split(",")) if named else {"?"}
    if rest in (("aux",), ("-ef",), ("-e",), ("ax",)) or columns <= _COLUMNS:
        return Meaning(action="processes.list", params={})
    return None


def _processes_named(words: Words) -> Meaning | None:
    """pgrep and pidof: which processes run under a name."""
    options, name = words[:-1], (words or ("",))[-1]
    if _NAME.fullmatch(name) and set(options) <= {"-a", "-l", "-c", "-x", "-f", "-la"}:
        return Meaning(action="processes.list", params={})
    return None


def _looked_up(words: Words) -> Meaning | None:
    return _resolving(words[1]) if len(words) == 2 and words[0] in ("hosts", "ahosts") else None


def _host(words: Words) -> Meaning | None:
    return _resolving(words[0]) if len(words) == 1 else None


def _dig(words: Words) -> Meaning | None:
    names = [word for word in words if word not in ("+short", "A", "AAAA")]
    return _resolving(names[0]) if len(names) == 1 and "+short" in words else None


def _resolving(name: str) -> Meaning | None:
    if name.startswith(("@", "+", "-")):
        return None
    return Meaning(action="name.resolve", params={"name": name}, reaches=name)


def _nc(words: Words) -> Meaning | None:
    found = re.fullmatch(r"-v?z?v? ?-w ?[0-9]{1,3} ([^ -][^ ]*) ([0-9]{1,5})", line_of(words))
    if found is None or "z" not in words[0]:
        return None
    params: dict[str, str | int] = {"host": found[1], "port": int(found[2])}
    return Meaning(action="tcp.connect", params=params, reaches=found[1])


def _curl(words: Words) -> Meaning | None:
    """A look at a page of the host itself, whose body goes nowhere."""
    rest = list(words)
    values = (("-o", "/dev/null"), ("-w", "%{http_code}"), ("-m", None), ("--max-time", None),
              ("--connect-timeout", None))  # fmt: skip
    for option, value in values:
        if option in rest:
            at = rest.index(option)
            given = rest[at + 1 : at + 2]
            if not given or (given[0] != value if value else not NUMBER.fullmatch(given[0])):
                return None
            del rest[at : at + 2]
    rest = [word for word in rest if not _CURL_FLAGS.fullmatch(word)]
    if len(rest) != 1 or not _LOOPBACK.match(rest[0]):
        return None
    return Meaning(action="http.local", params={"url": rest[0], "host_header": "localhost"})


def _last(words: Words) -> Meaning | None:
    if re.fullmatch(r"-n ?[0-9]{1,4}|-[0-9]{1,4}", line_of(words)):
        return Meaning(action="persons.list", params={})
    return None


def _of_device(every: str, one: str) -> Translate:
    """`tc qdisc show`, of all devices or of one."""

    def translate(words: Words) -> Meaning | None:
        if words in (("qdisc",), ("qdisc", "show"), ("-s", "qdisc", "show")):
            return Meaning(action=every, params={})
        if len(words) == 4 and words[:3] == ("qdisc", "show", "dev"):
            return Meaning(action=one, params={"device": words[3]})
        return None

    return translate


_SPACE = r"(?:-[hHiTklPm]{1,4})?(?: ?/[A-Za-z0-9_./-]*)?"
_NETWORK = (
    r"(?:-(?:4|6|br|brief|j|o|s|d) ){0,2}"
    r"(?:a|addr|address|r|route|l|link|n|neigh|rule)(?: (?:show|s|list|ls))?"
    r"(?: dev [A-Za-z0-9_.-]{1,15})?"
)

PROGRAMS: dict[str, Translate] = {
    "arp": exactly("network.show", "-n", "-an"),
    "cat": _cat,
    "chmod": _chmod,
    "chown": _chown,
    "curl": _curl,
    "date": exactly("host.identity", "", "-u"),
    "df": matching("filesystems.list", _SPACE),
    "dig": _dig,
    "du": _du,
    "file": of_path("file.state"),
    "find": _find,
    "findmnt": matching("filesystems.list", r"(?:-l)?|/[A-Za-z0-9_./-]*"),
    "free": matching("host.load", r"(?:-[bkmgh])?"),
    "getent": _looked_up,
    "grep": _grep,
    "head": with_lines("log.head"),
    "host": _host,
    "hostname": either(exactly("host.identity", "", "-f"), exactly("network.show", "-I")),
    "hostnamectl": exactly("host.identity", "", "status"),
    "ifconfig": exactly("network.show", "", "-a"),
    "iostat": matching("host.load", rf"(?:-[xdzkmty]{{1,6}} )?{_ROUNDS}|-[xdzkmty]{{1,6}}|"),
    "ip": matching("network.show", _NETWORK),
    "last": _last,
    "ls": of_path("folder.list", r"-[laAhtr1dnS]{1,8}"),
    "lsblk": exactly("filesystems.list", "", "-f"),
    "lsof": matching(
        "sockets.listening",
        r"(?:-[nP]{1,2} )?-i ?(?:TCP)?:[0-9]{1,5}|(?:-[nP]{1,2} )?-i ?TCP -s ?TCP:LISTEN",
    ),
    "mount": exactly("filesystems.list", ""),
    "mpstat": matching("processors.busy", rf"(?:-P ALL )?{_ROUNDS}|-P ALL|"),
    "nc": _nc,
    "netstat": either(
        matching("sockets.listening", r"-[tunp46]*l[tunp46]*"),
        exactly("network.show", "-rn", "-nr", "-i"),
    ),
    "nproc": exactly("host.load", ""),
    "nslookup": _host,
    "pgrep": _processes_named,
    "pidof": _processes_named,
    "pidstat": matching("processors.busy", rf"(?:-[udr] )?{_ROUNDS}|"),
    "ps": _ps,
    "renice": _renice,
    "route": exactly("network.show", "-n"),
    "sha256sum": of_path("file.state"),
    "ss": either(
        matching("sockets.listening", r"-[tunp46H]*l[tunp46H]*"),
        exactly("host.load", "-s"),
    ),
    "stat": of_path("file.state"),
    "swapon": exactly("host.load", "--show", "-s"),
    "tail": with_lines("log.tail"),
    "tc": _of_device("qdisc.list", "qdisc.show"),
    "top": matching("processors.busy", r"-b ?-?n ?1|-n ?1 -b"),
    "uname": exactly("host.identity", "-a", "-r", "-n", "-s", "-m", ""),
    "uptime": exactly("host.identity", "", "-p", "-s"),
    "vmstat": matching("host.load", rf"(?:-[wat]{{1,3}} )?{_ROUNDS}|"),
    "w": exactly("persons.list", ""),
    "who": exactly("persons.list", "", "-a", "-b"),
}
