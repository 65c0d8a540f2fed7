"""What probes learn while a host is healthy: what its right answers look like, and what pages are
made of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.host.probes import DATABASES, name_of, unique

_LEARNED_WORDS = 12
_MOST_LINKED = 2

_LINK = re.compile(
    r"""(?:href|src)\s*=\s*["']?(?P<path>/?(?!/)[\w./%-]+\.(?:css|js|mjs|png|jpe?g|gif|svg|ico|woff2?))"""
    r"""["'\s>]""",
    re.IGNORECASE,
)
"""What a page is made of beside its text, on the same site."""

_OF_ONE_RELEASE = re.compile(r"\d|[a-f]{6,}")
"""In the name of a file that the next release calls otherwise: by a version or a hash."""


def linked(first: Sequence[ProbeResult]) -> tuple[Probe, ...]:
    """What the pages that were answered are made of: a page without its styles is half a page."""
    found = []
    for page in first:
        own = page.probe
        if not page.ok or own.kind is not ProbeKind.HTTP or own.path != "/":
            continue
        paths = dict.fromkeys("/" + m["path"].lstrip("/") for m in _LINK.finditer(page.body))
        lasting = [path for path in paths if not _OF_ONE_RELEASE.search(path.lower())]
        for path in lasting[:_MOST_LINKED]:
            shape = {
                "path": path,
                "name": name_of(own, path),
                "expect_status": (),
                "expect_text": (),
                "expect_headers": (),
            }
            found.append(own.model_copy(update=shape))
    return unique(found)


def learn(first: Sequence[ProbeResult], second: Sequence[ProbeResult]) -> tuple[Probe, ...]:
    """Probes that were content twice, each taught what its right answer looks like."""
    return tuple(
        _taught(one, two)
        for one, two in zip(first, second, strict=True)
        if one.ok and two.ok and one.status == two.status
    )


def _taught(one: ProbeResult, two: ProbeResult) -> Probe:
    if one.probe.kind in DATABASES.values():
        return one.probe.model_copy(update={"expect_text": _words_in_both(one.body, two.body)})
    if one.probe.kind is ProbeKind.DNS:
        both = [address for address in one.body.split() if address in two.body.split()]
        return one.probe.model_copy(update={"expect_text": tuple(both)})
    if one.probe.kind is ProbeKind.TLS:
        manners = [line for line in one.body.splitlines() if line in two.body.splitlines()]
        return one.probe.model_copy(update={"expect_text": tuple(manners)})
    if one.probe.kind is not ProbeKind.HTTP or one.status is None or one.probe.expect_status:
        return one.probe
    slow = max(2.0, 5 * max(one.seconds, two.seconds))
    return one.probe.model_copy(
        update={
            "expect_status": (one.status,),
            "expect_text": _words_in_both(one.body, two.body),
            "expect_headers": tuple(pair for pair in one.headers if pair in two.headers),
            "slow_after_seconds": min(slow, one.probe.timeout_seconds),
        }
    )


def _words_in_both(one: str, two: str) -> tuple[str, ...]:
    """Words of one answer that the next answer had too, the longest first: its constant part.

    Words with digits are left out: counters, dates and identifiers change from day to day.
    """
    words = {w for w in re.findall(r"[A-Za-z][A-Za-z_-]{2,40}", one) if w in two}
    return tuple(sorted(words, key=lambda w: (-len(w), w))[:_LEARNED_WORDS])
