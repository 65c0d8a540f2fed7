"""How a probe is shown in the log."""

from __future__ import annotations

from app.audit.lines import probe_argv
from app.domain.probe import Probe, ProbeKind


def test_a_probe_reads_like_a_command() -> None:
    page = Probe(
        name="page", kind=ProbeKind.HTTP, address="2001:db8::7", port=443, tls=True,
        host_header="books.example", path="/cart",
    )  # fmt: skip
    assert probe_argv(page) == ("probe", "http", "https://[2001:db8::7]:443/cart", "books.example")
    port = Probe(name="port", kind=ProbeKind.TCP, address="192.0.2.7", port=5432)
    assert probe_argv(port) == ("probe", "tcp", "tcp://192.0.2.7:5432")
