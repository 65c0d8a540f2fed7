"""An address on a real wire: who has it, added where nobody does, and taken away again."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from app.execution.gate import addresses
from app.execution.gate.answers import Params
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.facts import AddressStateFacts

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes network devices")

OURS, THEIRS = IPv4Interface("198.18.77.4/24"), IPv4Interface("198.18.77.9/24")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def wire() -> Iterator[str]:
    """A device, at whose other end another machine has an address."""
    name = f"t{secrets.token_hex(4)}"
    ip("netns", "add", name)
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "far", "netns", name)
        ip("link", "set", name, "up")
        ip("-n", name, "link", "set", "far", "up")
        ip("-n", name, "address", "add", str(THEIRS), "dev", "far")
        yield name
    finally:
        ip("netns", "delete", name)  # the device goes with its other end


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(state=str(tmp_path / "state"), aside=str(tmp_path / "aside"))


def shown(device: str, address: IPv4Interface, capsys: pytest.CaptureFixture[str]) -> str:
    addresses.address_show({"device": device, "address": str(address)}, Places())
    said = AddressStateFacts.model_validate(json.loads(capsys.readouterr().out))
    return said.on or said.claimed_by


def test_an_address_of_another_machine_is_not_taken(
    wire: str, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    hardware = shown(wire, THEIRS, capsys)
    assert hardware.count(":") == 5
    with pytest.raises(Failed, match=f"another machine .{hardware}. has"):
        addresses.address_add({"device": wire, "address": str(THEIRS)}, places)
    assert shown(wire, THEIRS, capsys) == hardware


def test_a_free_one_is_added_and_taken_away_by_the_gate_alone(
    wire: str, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    params: Params = {"device": wire, "address": str(OURS)}
    assert shown(wire, OURS, capsys) == ""
    with pytest.raises(Failed, match="the gate has not added"):
        addresses.address_remove(params, places)
    addresses.address_add(params, places)
    capsys.readouterr()
    assert shown(wire, OURS, capsys) == wire
    with pytest.raises(Failed, match="already"):
        addresses.address_add(params, places)
    addresses.address_remove(params, places)
    capsys.readouterr()
    assert shown(wire, OURS, capsys) == ""
