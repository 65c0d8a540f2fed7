"""Containers as subjects: those that publish a port which users are refused."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.probe import ProbeKind
from app.domain.value import Value
from app.host.checks import ENGINE
from app.host.facts import ContainerFacts, LocalHttpFacts
from app.reasoning.host_case import HostCase
from app.reasoning.subjects import Subject
from app.reasoning.unit_facts import holder_facts


def container_subjects(case: HostCase) -> Iterable[Subject]:
    """Every container on a failing path of this host."""
    found = case.view.containers
    if found is None:
        return
    refused = {p.probe.port for p in case.red}
    named = {p.probe.subject for p in case.red if p.probe.check == "container"}
    for container in found[0]:
        if container.name in named or refused & {p.port for p in container.ports}:
            yield _subject(case, container, found[1])


def _subject(case: HostCase, container: ContainerFacts, ident: int) -> Subject:
    facts, sources = case.common()
    facts["container"] = container.model_dump(mode="json") | {
        "on_path": True,
        "then": _then(case, container.name),
        "engine_steady": case.view.steady(ENGINE),
        "engine_changed": ENGINE in case.touched,
        "lost_networks": _lost_networks(case, container),
    }
    sources |= {"container": ident}
    page, asked = _asked_here(case, container)
    if page is not None:
        facts["container"]["page_here"] = page.model_dump(mode="json", include={"url", "name"})
    if asked is not None:
        facts["container"]["answers_here"] = asked[0].error is None and (asked[0].status or 0) < 500
        sources["container.answers_here"] = asked[1]
    if case.view.listeners is not None:
        facts["container"]["held"] = _held(case, container)
        sources["container.held"] = case.view.listeners[1]
    return Subject(
        kind="container",
        host=case.host.name,
        name=container.name,
        facts=facts,
        sources=sources,
        nearness=0,
    )


class Page(Value):
    """A page of a container, as its own host asks for it."""

    url: str
    name: str


def _asked_here(
    case: HostCase, container: ContainerFacts
) -> tuple[Page | None, tuple[LocalHttpFacts, int] | None]:
    """The failing page of a container as asked on its own host, and the answer where it was."""
    ports = {port.port for port in container.ports}
    for failing in case.red:
        probe = failing.probe
        if probe.kind is ProbeKind.HTTP and probe.port in ports and not probe.tls:
            url, name = f"http://127.0.0.1:{probe.port}{probe.path}", probe.host_header
            page = Page(url=url, name=name or case.host.name)
            found = case.view.facts(LocalHttpFacts, "http.local", url=url, host_header=page.name)
            return page, found
    return None, None


def _then(case: HostCase, name: str) -> dict[str, object] | None:
    """The container of that name while the host was healthy; None where that is not known."""
    known = None if case.then is None else case.then.containers
    found = (c for c in (known[0] if known is not None else ()) if c.name == name)
    return next((c.model_dump(mode="json") for c in found), None)


def _lost_networks(case: HostCase, container: ContainerFacts) -> list[str]:
    """Networks that it was attached to while healthy; none where either is unknown."""
    then = (_then(case, container.name) or {}).get("networks")
    if not isinstance(then, list) or container.networks is None:
        return []
    return [name for name in then if name not in container.networks]


def _held(case: HostCase, container: ContainerFacts) -> list[dict[str, object]]:
    """Who else listens on a port that the container publishes."""
    ports = {p.port for p in container.ports}
    listening = case.view.listeners[0] if case.view.listeners is not None else ()
    return [
        e.model_dump(mode="json") | holder_facts(case, e)
        for e in listening
        if e.port in ports and e.protocol == "tcp" and e.unit != ENGINE
    ]
