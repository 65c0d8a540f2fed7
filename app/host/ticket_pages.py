"""Pages of the host that a ticket names, or that fail by its access logs: asked for with care.

Whether such a page was ever there nobody knows. So it counts only where it shows what nobody can
have meant: the service fails at it, or it is refused exactly as the ticket says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus

from app.domain.host import Host
from app.domain.incident import Incident
from app.domain.probe import Probe, ProbeKind, ProbeResult, likeness
from app.host.facts import FailingRequest, WebErrorFacts
from app.host.network_state import ABOUT_SPEED, text_of
from app.host.view import HostView

_URL = re.compile(
    r"(?<![\w@./-])(?:(https?)://)?([A-Za-z0-9][A-Za-z0-9.-]*+)(?::([0-9]{1,5}))?"
    r"(/[A-Za-z0-9/._~-]{0,200}+)(?![A-Za-z0-9/._~-]|[?#%&=@+$;]\S)"
)
_DOES_SOMETHING = re.compile(
    r"\.\.|(?<![a-z])(?:log-?(?:in|out|off)|sign-?(?:in|out)|delete|remove|drop|reset|re-?start|reboot"
    r"|reload|stop|start|shutdown|kill|flush|purge|clear|disable|enable|exec|execute|run|cmd|cron"
    r"|deploy|install|migrate|backup|send|submit|cancel|approve|create|update|write|set|debug|admin"
    r"|actuator)(?![a-z])",
    re.IGNORECASE,
)
"""A ticket may not make the agent ask for what does something. What is asked for has no query, no
cookie and no key either: what anybody may see."""

_WRONG_PAGE = re.compile(
    r"\b(?:start|home|front|main|landing|default|wrong|other|another|same|first)[- ]?pages?\b"
    r"|\binstead of\b|\b(?:lands?|ends? up|redirect\w*)\b"
)
"""How people say that another page is shown than they asked for."""

_FILE = re.compile(r"\.(?!php|cgi|aspx?|jsp|do|pl|py)[A-Za-z0-9]{2,5}$")
_PLAIN = re.compile(r"/[A-Za-z0-9/._~-]{0,200}")
_MOST, _MOST_SITES = 2, 4
_SECONDS = 8.0
_FAILS = frozenset({"timeout", "reset", "protocol", "slow", "refused", "unreachable"})


def named_pages(incident: Incident, host: Host) -> tuple[Probe, ...]:
    """Probes of the host's own pages that the ticket names; of a slow file the whole of it."""
    text = f"{incident.short_description}\n{incident.description}"
    own = {name.lower() for name in (host.name, host.address, *host.names)}
    found = {
        _probe(host, match, slow=ABOUT_SPEED.search(text_of(incident)) is not None)
        for match in _URL.finditer(text)
        if match[2].lower() in own
        and 0 < int(match[3] or 80) < 65536
        and not _DOES_SOMETHING.search(match[4])
    }
    return tuple(sorted(found, key=lambda probe: text.index(probe.path)))[:_MOST]


def misplaced(
    results: Sequence[ProbeResult], pages: Sequence[Probe], incident: Incident
) -> tuple[Probe, ...]:
    """Pages that a ticket names, in whose place the start page of their site is answered: asked
    for so that this fails."""
    if not _WRONG_PAGE.search(text_of(incident)):
        return ()
    starts = {
        (r.probe.address, r.probe.port, r.probe.host_header): likeness(r.body)
        for r in results
        if r.ok and r.probe.kind is ProbeKind.HTTP and r.probe.path == "/" and r.body
    }
    found = []
    for result in results:
        page = result.probe
        start = starts.get((page.address, page.port, page.host_header), "")
        alike = start != "" and likeness(result.body) == start
        if page in pages and result.ok and page.path != "/" and alike:
            found.append(page.model_copy(update={"unlike": start}))
    return tuple(found)


def failing_pages(view: HostView, known: Sequence[Probe]) -> tuple[Probe, ...]:
    """Probes of pages that users are refused by the access logs, at each site that is asked.

    A log does not tell which site was meant; at the wrong one the page is not there, which proves
    nothing.
    """
    sites = [p for p in known if p.kind is ProbeKind.HTTP and p.path == "/"][:_MOST_SITES]
    paths = [one.path for one in failing_requests(view) if one.method == "GET"]
    harmless = [p for p in paths if _PLAIN.fullmatch(p) and not _DOES_SOMETHING.search(p)]
    return tuple(
        site.model_copy(
            update={
                "name": f"page {site.name.removesuffix('/')}{path}",
                "path": path,
                "expect_status": (),
                "expect_text": (),
                "expect_headers": (),
                "slow_after_seconds": None,
                "timeout_seconds": _SECONDS,
            }
        )
        for path in harmless[:_MOST]
        for site in sites
    )


def with_its_past(result: ProbeResult, view: HostView) -> ProbeResult:
    """The result of asking for a page that was served by the access log, and is not any more."""
    gone = {one.path for one in failing_requests(view) if one.withdrawn}
    if result.ok or result.probe.path not in gone:
        return result
    said = f"{result.detail}; by the access log it was served before: it is gone"
    return result.model_copy(update={"detail": said})


def failing_requests(view: HostView) -> tuple[FailingRequest, ...]:
    """What users asked for lately and were refused the last time too, the most often first."""
    found = view.facts(WebErrorFacts, "web.errors")
    return () if found is None else tuple(one for one in found[0].failing if one.fails_still)


def _probe(host: Host, url: re.Match[str], *, slow: bool) -> Probe:
    tls = url[1] == "https"
    path = url[4].rstrip(".") or "/"
    whole = slow and _FILE.search(path) is not None
    name = f"{url[1] or 'http'}://{url[2]}{f':{url[3]}' if url[3] else ''}{path}"
    return Probe(
        name=f"whole {name}" if whole else f"page {name}",
        kind=ProbeKind.HTTP,
        address=host.address,
        port=int(url[3] or (443 if tls else 80)),
        host_header=url[2].lower(),
        path=path,
        tls=tls,
        timeout_seconds=_SECONDS,
        whole=whole,
    )


def bears_out(result: ProbeResult, incident: Incident, view: HostView) -> bool:
    """Whether a page is refused in a way that is a fault, whatever it was before."""
    if result.ok:
        return False
    if result.probe.whole:
        return result.error == "slow"
    if result.error is not None:
        # where nobody listens, perhaps nobody should: what ought to listen is asked for anyway
        return result.error in _FAILS and bool(view.listening_on(result.probe.port))
    return (result.status or 0) >= 500 or _tells(text_of(incident), result.status)


def _tells(text: str, status: int | None) -> bool:
    """Whether a ticket names a status: by its number, or in the words that users are shown."""
    if status is None:
        return False
    known = {one.value: one.phrase.lower() for one in HTTPStatus}
    words = [str(status), *([known[status]] if status in known else [])]
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)
