"""Where the texts of injections.yaml are put: everywhere that an agent reads.

Configuration and unit files have them for long, before the agent's baseline: they are no change
that could explain a fault. Logs get them before the fault, and again with it. The ticket has them
from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

from app.lab.disturbance import Disturbance, Note
from app.lab.draw import ranked
from app.lab.estate import CONTAINER_ENGINE, HOSTS, with_resolver
from app.lab.hostlogs import FUNCTIONS, LOGS, journal_line, log_line
from app.lab.injections import Injection, drawn_for
from app.lab.scenario import Scenario

EXTRA_UNIT = "rack-labels"
#: Not where administrators put theirs: a fix may remove that folder with its last file.
DROP_INS = "/usr/local/lib/systemd/system"
#: Files that are the estate's own, with what begins a comment there. Not those that come with a
#: package and are as it shipped them: a change of them would be a sign of its own.
CONFIGURATION: dict[str, tuple[tuple[str, str], ...]] = {
    "web01": (("/etc/nginx/sites-available/shop", "#"), ("/etc/shop/shop.env", "#")),
    "app01": (("/etc/apache2/sites-available/portal.conf", "#"), ("/etc/portal/portal.ini", ";")),
    "db01": (
        ("/etc/postgresql/15/main/conf.d/10-estate.conf", "#"),
        ("/etc/mysql/mariadb.conf.d/60-estate.cnf", "#"),
    ),
    "ops01": (("/etc/haproxy/haproxy.cfg", "#"), ("/etc/ops-jobs.env", "#")),
}
#: What they call. A file keeps its owner, mode and time: nothing was edited just now. One that
#: nobody can write to, because the scenario has frozen it, is passed over.
KEEPERS = """\
umask 022
add_comment() {  # file, line
    [ -f "$1" ] && [ -w "$1" ] || return 0
    local time; time=$(stat -c %Y -- "$1")
    [ -z "$(tail -c 1 -- "$1")" ] || echo >> "$1"
    printf '%s\\n' "$2" >> "$1"
    touch -d "@$time" -- "$1"
}
put_unit() {  # file, text
    mkdir -p -- "${1%/*}"
    printf '%s' "$2" > "$1"
    touch -d '-90 days' -- "$1"
}
"""


@dataclass(frozen=True)
class _Deal:
    """The next text for each place."""

    texts: Iterator[Injection]

    def next(self, host: str, place: str) -> tuple[Injection, Note]:
        text = next(self.texts)
        return text, Note(host, place, f"{text.kind}: {text.text}")


def planted(scenario: Scenario) -> tuple[Scenario, Disturbance]:
    """The scenario with a changed ticket, and what is put on its hosts."""
    deal = _Deal(iter(drawn_for(scenario.id)))
    changed, told = _in_ticket(scenario, deal)
    all_of_it = Disturbance(notes=told)
    for spec in with_resolver(scenario.hosts):
        all_of_it += _on_host(scenario.id, spec.name, deal)
    return changed, all_of_it


def _in_ticket(scenario: Scenario, deal: _Deal) -> tuple[Scenario, tuple[Note, ...]]:
    described, first = deal.next("", "ticket's description")
    noted, second = deal.next("", "ticket's work notes")
    ticket = scenario.ticket
    words = {
        "description": f"{ticket.description.rstrip()}\n\n{described.text}",
        "work_notes": noted.text,
    }
    changed = scenario.model_copy(update={"ticket": ticket.model_copy(update=words)})
    return changed, (first, second)


def _on_host(scenario_id: str, host: str, deal: _Deal) -> Disturbance:
    units, unit_notes = _units(scenario_id, host, deal)
    comments, comment_notes = _comments(host, deal)
    lines, line_notes = _lines(host, deal)
    return Disturbance(
        standing={host: f"{KEEPERS}{comments}{units}"},
        earlier={host: f"{FUNCTIONS}{lines}"},
        meanwhile={host: f"{FUNCTIONS}{lines}"},
        notes=(*unit_notes, *comment_notes, *line_notes),
    )


def _units(scenario_id: str, host: str, deal: _Deal) -> tuple[str, list[Note]]:
    """The description of one of the host's services, and a unit that does nothing."""
    service = _services(scenario_id, host)[0]
    drop_in = f"{DROP_INS}/{service}.service.d/50-description.conf"
    extra = f"/etc/systemd/system/{EXTRA_UNIT}.service"
    first, first_note = deal.next(host, drop_in)
    second, second_note = deal.next(host, extra)
    unit = f"{described(second)}\n[Service]\nType=oneshot\nExecStart=/bin/true\n"
    script = (
        f"put_unit {quote(drop_in)} {quote(described(first))}\n"
        f"put_unit {quote(extra)} {quote(unit)}\n"
        "systemctl daemon-reload\n"
    )
    return script, [first_note, second_note]


def described(text: Injection) -> str:
    """The part of a unit file in which a text is the description; `%` is systemd's own sign."""
    return f"[Unit]\nDescription={text.in_one_line.replace('%', '%%')}\n"


def _comments(host: str, deal: _Deal) -> tuple[str, list[Note]]:
    script, notes = "", []
    for path, mark in CONFIGURATION[host]:
        text, note = deal.next(host, path)
        script += f"add_comment {quote(path)} {quote(commented(mark, text))}\n"
        notes.append(note)
    return script, notes


def commented(mark: str, text: Injection) -> str:
    """A text as one line of comment."""
    return f"{mark} {text.in_one_line}"


def _lines(host: str, deal: _Deal) -> tuple[str, list[Note]]:
    """Lines in the journal under each service, and in each log file."""
    script, notes = "", []
    for service in HOSTS[host].services:
        text, note = deal.next(host, f"journal of {service}")
        script += journal_line(service, text.text, unit=f"{service}.service")
        notes.append(note)
    for file in LOGS[host]:
        text, note = deal.next(host, file.path)
        script += log_line(file, file.entry.replace("{}", text.text))
        notes.append(note)
    return script, notes


def _services(scenario_id: str, host: str) -> list[str]:
    """What runs there on every boot."""
    running = [name for name in HOSTS[host].services if name != CONTAINER_ENGINE]
    return ranked(f"unit {scenario_id}", running)
