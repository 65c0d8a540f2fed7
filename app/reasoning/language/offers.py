"""The diagnostics that a model may choose from: reads of the catalog, filled in from facts.

A model picks a number. Which action that is, on which host and with which parameters stands here,
and comes from the catalog, the inventory and what the host's own tools said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from app.domain.action import ActionCall, Params
from app.domain.value import Value
from app.reasoning.host_case import HostCase, host_cases
from app.reasoning.port import Assessment, Case

OFFERS = 40
"""Offered at most; more would cost more to read than they are worth."""

LINES = 200
_TARGETS = 12  # units, paths or names of a host that are offered

_NOT_OFFERED = frozenset({"baseline.manifest", "host.identity"})
"""Asked already where it can be of use, or of no use for a cause."""


class Read(Value):
    """One read of the catalog that carries no secrets (class R0)."""

    action: str
    title: str
    params: dict[str, str]  # name -> the catalog's type: "unit", "lines", ...


class Offer(Value):
    """One diagnostic that may be chosen by its id."""

    id: str  # "q7"
    call: ActionCall
    title: str

    def line(self) -> str:
        return f"{self.id}: {self.title} ({self.call.label()})"


def offers(case: Case, judged: Assessment, reads: Sequence[Read]) -> tuple[Offer, ...]:
    """What was not asked yet and is not about to be, of every host that was looked at."""
    taken = {call.label() for call in judged.wanted}
    taken |= {_label(e.host, e.action, e.params) for e in case.evidence}
    calls = (pair for host in host_cases(case) for pair in _of_host(host, reads))
    fresh = ((call, title) for call, title in calls if call.label() not in taken)
    return tuple(
        Offer(id=f"q{number}", call=call, title=title)
        for number, (call, title) in enumerate(islice(fresh, OFFERS), start=1)
    )


def _label(host: str, action: str, params: Params) -> str:
    return ActionCall(action=action, host=host, params=params).label()


def _of_host(host: HostCase, reads: Sequence[Read]) -> Iterator[tuple[ActionCall, str]]:
    for read in reads:
        if read.action in _NOT_OFFERED:
            continue
        for params in _fillings(host, read):
            yield ActionCall(action=read.action, host=host.host.name, params=params), read.title


def _fillings(host: HostCase, read: Read) -> Iterator[Params]:
    """Every way to fill in a read's parameters from facts; none where a type is not known here."""
    types = set(read.params.values())
    fixed: Params = {name: LINES for name, kind in read.params.items() if kind == "lines"}
    varying = [name for name, kind in read.params.items() if kind != "lines"]
    if not varying:
        yield fixed
    elif len(varying) == 1:
        (kind,) = types - {"lines"}
        for value in islice(_values(host, kind), _TARGETS):
            yield {**fixed, varying[0]: value}


def _values(host: HostCase, kind: str) -> Iterable[str]:
    match kind:
        case "unit":
            return _units(host)
        case "usage_path":
            return [f.mount for f in (host.view.filesystems or ((), 0))[0]]
        case "any_path":
            return [change.path for change in (host.drift or ((), 0))[0]]
        case "name":
            return [h.name for h in host.case.hosts if h.name != host.host.name]
        case _:
            return ()


def _units(host: HostCase) -> Iterable[str]:
    """Those in question first, then those that do not run as they should."""
    seen = host.view.units
    uneasy = [n for n, (u, _) in seen.items() if u.active_state == "failed" or u.n_restarts]
    return dict.fromkeys(n for n in (*host.failing, *host.units, *uneasy) if n in seen)
