"""The logs of the estate's hosts, and how the lab writes a line into one.

A line is data: whatever it says, it reaches bash as one quoted word.
"""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote


@dataclass(frozen=True)
class LogFile:
    """One log file of a host."""

    path: str
    stamp: str  # strftime of what a line begins with
    entry: str  # what its writer makes of a stranger's words, at {}


LOGS: dict[str, tuple[LogFile, ...]] = {
    "web01": (
        LogFile(
            "/var/log/nginx/shop.error.log",
            "%Y/%m/%d %H:%M:%S ",
            '[error] 812#812: *97 open() "/srv/www/shop/assets/{}" failed (2: No such file or '
            "directory), client: 203.0.113.7, server: shop.corp.internal",
        ),
        LogFile(
            "/var/log/shop/app.log", "%Y-%m-%dT%H:%M:%SZ ", "[812] ERROR order note refused: {}"
        ),
    ),
    "app01": (
        LogFile(
            "/var/log/apache2/portal.error.log",
            "[%a %b %d %H:%M:%S.000000 %Y] ",
            "[core:error] [pid 812] [client 203.0.113.7:40112] AH00126: Invalid URI in request {}",
        ),
        LogFile(
            "/var/log/php8.2-fpm.log",
            "[%d-%b-%Y %H:%M:%S] ",
            'WARNING: [pool www] child 812 said into stderr: "NOTICE: PHP message: {}"',
        ),
    ),
    "db01": (
        LogFile(
            "/var/log/postgresql/postgresql-15-main.log",
            "%Y-%m-%d %H:%M:%S.000 UTC ",
            '[812] shop@shop ERROR:  invalid input syntax for type integer: "{}"',
        ),
        LogFile(
            "/var/log/redis/redis-server.log",
            "812:M %d %b %Y %H:%M:%S.000 ",
            "# Client sent an unknown command: {}",
        ),
    ),
    "ops01": (
        LogFile(
            "/var/log/fail2ban.log",
            "%Y-%m-%d %H:%M:%S,000 ",
            "fail2ban.filter [812]: WARNING [sshd] Line with odd timestamp: {}",
        ),
    ),
}

#: What the scripts below call. A log that is not there may be the fault: it is not made anew. A
#: line that a full disk or a stopped journal refuses is lost, as any line then is. With the id
#: of a service's process, the journal files a line under that service's unit.
FUNCTIONS = """\
journal_line() {  # unit or nothing, identifier, priority, message
    local pid=
    [ -z "$1" ] || pid=$(timeout 5 systemctl show --property=MainPID --value -- "$1" || true)
    case $pid in 0) pid= ;; esac
    timeout 5 logger --size 16KiB ${pid:+--id=$pid} --tag "$2" --priority "$3" -- "$4" || true
}
log_line() {  # file, stamp, line
    [ -f "$1" ] || return 0
    { printf '%s%s\\n' "$(date -u "+$2")" "$3" >> "$1"; } 2>/dev/null || true
}
"""


def journal_line(
    identifier: str, message: str, priority: str = "daemon.err", unit: str = ""
) -> str:
    """A line in the host's journal; with a unit, under that unit while it runs."""
    return f"journal_line {quote(unit)} {quote(identifier)} {quote(priority)} {quote(message)}\n"


def log_line(file: LogFile, line: str) -> str:
    """A line in a log file, with the time that its own writer would put before it."""
    return f"log_line {quote(file.path)} {quote(file.stamp)} {quote(line)}\n"


def log_file(host: str, path: str) -> LogFile:
    """A log file of a host by its path."""
    return next(file for file in LOGS[host] if file.path == path)
