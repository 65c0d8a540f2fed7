"""`apachectl -S`: the name-based sites of Apache, as it understood them itself."""

from __future__ import annotations

import re

from app.host.facts import ApacheFacts, ApacheSite
from app.host.parsers.raw import ParseError, RawOutput

_HEAD = "VirtualHost configuration:"
_PLACE = r"\((?P<file>/[^()]+):(?P<line>\d+)\)"
_ADDRESS = r"(?P<address>\S+):(?P<port>\d{1,5}|\*)"
_ALONE = re.compile(rf"{_ADDRESS}\s+(?P<name>\S+) {_PLACE}")
_MANY = re.compile(rf"{_ADDRESS}\s+is a NameVirtualHost")
_NAMED = re.compile(rf"\s+port (?P<port>\d{{1,5}}|\*) namevhost (?P<name>\S+) {_PLACE}")
_ALIAS = re.compile(r"\s+(?:wild )?alias (?P<name>\S+)")
_MOST = 1000


def parse_apache_sites(raw: RawOutput) -> ApacheFacts:
    """Each site with its names, port and place; where Apache refuses its files there are none."""
    if _HEAD not in raw.stdout:
        raise ParseError(f"apachectl -S: expected {_HEAD!r}: {raw.complaint()}")
    sites: list[ApacheSite] = []
    address = "*"
    for line in raw.stdout.partition(_HEAD)[2].splitlines():
        many = _MANY.fullmatch(line)
        if many is not None:
            address = many["address"]
            continue
        alias = _ALIAS.fullmatch(line)
        if alias is not None and sites:
            names = (*sites[-1].names, alias["name"])
            sites[-1] = sites[-1].model_copy(update={"names": names})
            continue
        found = _NAMED.fullmatch(line) or _ALONE.fullmatch(line)
        if found is not None and found["port"] != "*" and len(sites) < _MOST:
            sites.append(
                ApacheSite(
                    names=(found["name"],),
                    address=found.groupdict().get("address") or address,
                    port=int(found["port"]),
                    file=found["file"],
                    line=int(found["line"]),
                )
            )
    return ApacheFacts(sites=tuple(sites))
