"""That a host lets the agent do what its catalog says and nothing else: tried, with its own key.

Three looks: attempts beside the gate (`ssh_attempts`), every example of the catalog asked of the
host's own gate (which says whether it would run it, and runs none), and the files of the enrolment
against what they should be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from app.domain.action import ActionCall
from app.domain.evidence import Observation
from app.domain.host import Host
from app.domain.value import Value
from app.execution.catalog import Catalog
from app.execution.enrolment import HostFile
from app.execution.hosts import SshHosts
from app.execution.ssh_attempts import Attempt

OF_NO_SUCH_UNIT = "unit-not-bound"
"""The gate's word for a unit that is not this host's: an example's type was right, its unit not."""


class Proof(Value):
    """One thing that must hold on a host."""

    what: str
    holds: bool
    said: str = ""


class Example(Value):
    """One example of the catalog, and whether a gate must take it."""

    call: ActionCall
    fits: bool


async def prove(hosts: SshHosts, host: Host, catalog: Catalog) -> tuple[Proof, ...]:
    """All that `sre-agent host verify` says. Raises HostUnreachable and its kinds."""
    await hosts.enrolled(host)
    found = [Proof(what="the gate answers, and has this service's catalog", holds=True)]
    found += [_of_attempt(attempt) for attempt in await hosts.attempts(host)]
    known = list(examples(catalog, host))
    answers = await hosts.would_run(host, [one.call for one in known])
    wrong = [
        Proof(
            what=f"{one.call.label()} {'fits' if one.fits else 'is refused'}", holds=False, said=s
        )
        for one, s in zip(known, answers, strict=True)
        if not _as_it_must(one, s)
    ]
    fitting = sum(one.fits for one in known)
    told = f"{fitting} examples that fit and {len(known) - fitting} that must not"
    found.append(Proof(what=f"the gate judges {told} as the catalog does", holds=not wrong))
    return (*found, *wrong)


def examples(catalog: Catalog, host: Host) -> Iterator[Example]:
    """Every example of every entry, and calls that no catalog has."""
    for entry in catalog.actions.values():
        for fits, listed in ((True, entry.examples.match), (False, entry.examples.not_match)):
            for params in listed:
                call = ActionCall(action=entry.id, host=host.name, params=dict(params))
                yield Example(call=call, fits=fits)
    for action in ("shell.run", "service.start;id", "../service.start", ""):
        call = ActionCall(action=action, host=host.name, params={"unit": "nginx.service"})
        yield Example(call=call, fits=False)


def differences(files: Sequence[HostFile], seen: Sequence[Observation]) -> tuple[Proof, ...]:
    """Each file of the enrolment against what stands on the host (`file.state`), in order."""
    return tuple(_compared(file, state) for file, state in zip(files, seen, strict=True))


def state_calls(files: Sequence[HostFile], host: Host) -> list[ActionCall]:
    """The diagnostics that `differences` needs."""
    return [
        ActionCall(action="file.state", host=host.name, params={"path": file.path})
        for file in files
    ]


def _compared(file: HostFile, seen: Observation) -> Proof:
    if not seen.ok or not isinstance(seen.facts, dict):
        return Proof(what=file.path, holds=False, said=f"it could not be looked at: {seen.error}")
    then = {
        "kind": "file",
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "owner": file.owner,
        "group": file.group,
        "mode": f"{file.mode:04o}",
    }
    other = [name for name, value in then.items() if seen.facts.get(name) != value]
    said = ", ".join(
        f"{name} is {seen.facts.get(name)}" if name != "sha256" else "its content is another"
        for name in other
    )
    return Proof(what=file.path, holds=not other, said=said)


def _of_attempt(attempt: Attempt) -> Proof:
    return Proof(what=f"no {attempt.what}", holds=attempt.held, said=attempt.said)


def _as_it_must(example: Example, refused: str) -> bool:
    """Whether the gate's answer ("" for one that it would run) is the right one."""
    if example.fits:
        return not refused or refused.startswith(OF_NO_SUCH_UNIT)
    return bool(refused)
