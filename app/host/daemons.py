"""Daemons that nobody would name who misses what they do, by their kind and by what people say.

A page that shows old figures, a report that does not come, a mail that was never sent: nobody who
writes such a ticket knows of the daemon behind it. Where one of its kind ran while the host was
healthy, whether it still runs is asked.
"""

from __future__ import annotations

import re

from app.domain.incident import Incident
from app.domain.value import Value
from app.host.drift import program
from app.host.facts import UnitFacts
from app.host.network_state import text_of
from app.host.view import HostView


class Kind(Value):
    """Daemons that do the same thing, and how people speak of it when it is not done."""

    programs: frozenset[str]  # by which a unit of this kind is named, or which it starts
    words: re.Pattern[str]


def _kind(programs: str, words: str) -> Kind:
    return Kind(programs=frozenset(programs.split()), words=re.compile(words))


_DONE = (
    r"(?:updat|refresh|renew|call|sen[dt]|generat|writ|r[au]n|start|execut|produc|import|export"
    r"|deliver|creat|collect|synchroni[sz]|sync|process|happen|mov|chang)\w*"
)
_NOT = r"(?:not|never|nobody|nothing|no one|no longer|stopped|without being)"

_SCHEDULERS = _kind(
    "cron crond cronie fcron bcron busybox-crond anacron atd at mcron systemd-cron",
    r"\b(?:cron\w*|jobs?|schedul\w*|nightly|hourly|daily|overnight|stale|out ?dated|out of date"
    r"|(?:same|unchanged|old|stuck|frozen|missing|nothing) since|yesterday'?s|of yesterday"
    rf"|{_NOT} (?:been |being |be |has |have |it |was )?{_DONE}"
    rf"|\w+n[o']t (?:been |being |be )?{_DONE}"
    r"|(?:last|latest|newest) (?:update|run|export|import|report|entry|figures?|one)"
    r"|(?:nothing|no) (?:new|newer|further)|always (?:the same|shows?)|scripts?"
    r"|(?:missing|no|without) (?:the )?(?:\w+ )?(?:reports?|back-?ups?|dumps?|feeds?|exports?))\b",
)

_KINDS = (
    _SCHEDULERS,
    _kind(
        "postfix exim exim4 sendmail opensmtpd smtpd nullmailer dma dovecot cyrus-imapd qmail",
        r"\b(?:e-?mails?|mails?|smtp|imap|inbox\w*|mailbox\w*|newsletters?|bounc\w+)\b",
    ),
    _kind(
        "chrony chronyd ntp ntpd ntpsec openntpd",
        r"\b(?:clocks?|ntp|time (?:is|was|differs|drift\w*|sync\w*)|wrong time"
        r"|(?:minutes|seconds) (?:off|ahead|behind|late|early))\b",
    ),
    _kind(
        "smbd nmbd samba winbind nfs-server nfs-kernel-server nfsd vsftpd proftpd pure-ftpd rsync"
        " rsyncd",
        r"\b(?:shares?|shared (?:drive|folder)s?|network drives?|smb|samba|nfs|ftp|rsync)\b",
    ),
    _kind("cups cupsd cups-browsed lpd", r"\bprint\w*\b"),
    _kind(
        "rsyslog rsyslogd syslog-ng vector fluent-bit fluentd td-agent filebeat promtail",
        r"\b(?:syslog|log (?:entries|lines|messages|server|host)|no logs?|logs? (?:are|is) missing"
        r"|missing logs?|logging)\b",
    ),
    _kind(
        "prometheus-node-exporter node_exporter prometheus telegraf collectd zabbix-agent"
        " zabbix-agent2 zabbix_agentd zabbix_agent2 nagios-nrpe-server nrpe munin-node"
        " check-mk-agent snmpd netdata icinga2",
        r"\b(?:metrics?|monitoring|dashboards?|graphs?|no data|snmp|gaps?)\b",
    ),
)


def spoken_of(then: HostView, now: HostView, incident: Incident) -> frozenset[str]:
    """Units that ran while the host was healthy, and of whose kind a ticket speaks.

    One that is masked was not only stopped: somebody wants that nothing starts it.
    """
    text = text_of(incident)
    meant = [kind for kind in _KINDS if kind.words.search(text)]
    return frozenset(
        name
        for name, (unit, _) in then.units.items()
        if now.unit_files.get(name) != "masked"
        and then.steady(name)
        and any(not kind.programs.isdisjoint(_called(unit)) for kind in meant)
    )


def _called(unit: UnitFacts) -> set[str]:
    """By which names people know what a unit runs."""
    started = unit.exec_start[0].rsplit("/", 1)[-1] if unit.exec_start else ""
    return {program(unit.name), started}
