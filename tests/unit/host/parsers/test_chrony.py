"""What chrony says of its clock."""

from __future__ import annotations

import pytest

from app.host.parsers.chrony import parse_tracking
from app.host.parsers.raw import ParseError, RawOutput

FOLLOWS = (
    "C0A80105,192.168.1.5,3,1764100000.123,0.000012,-0.000002,0.00003,-12.1,0.0,0.4,0.02,0.001,"
    "64.2,Normal\n"
)
LOST = "00000000,,0,0.0,0.000000,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n"


def test_one_that_follows_a_source() -> None:
    found = parse_tracking(RawOutput(stdout=FOLLOWS, exit_code=0))
    assert (found.synchronised, found.source, found.stratum) == (True, "192.168.1.5", 3)
    assert found.offset_seconds == pytest.approx(0.000012)


def test_one_that_follows_none() -> None:
    found = parse_tracking(RawOutput(stdout=LOST, exit_code=0))
    assert (found.synchronised, found.source) == (False, None)


@pytest.mark.parametrize(
    "text", ["", "506 Cannot talk to daemon\n", LOST.replace(",0,0.0,", ",x,")]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_tracking(RawOutput(stdout=text, exit_code=1))
