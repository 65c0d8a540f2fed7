"""The signature of a delivery, on its own."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from app.access import signature
from app.errors import Unauthorized

SECRET = b"a-secret-of-more-than-32-characters"
BODY = '{"short_description": "größer"}'.encode()
NOW = 1_764_057_600
NONCE = "abcDEF_-1"


def headers(mac: str | None = None, **changed: str) -> dict[str, str]:
    code = hmac.new(SECRET, b"%d.%s." % (NOW, NONCE.encode()) + BODY, hashlib.sha256)
    given = {
        signature.KEY_ID: "snow-1",
        signature.TIMESTAMP: str(NOW),
        signature.NONCE: NONCE,
        signature.SIGNATURE: "sha256=" + (mac or code.hexdigest()),
    }
    return given | changed


def test_hexadecimal_and_base64_are_both_taken() -> None:
    code = signature.code_of(SECRET, NOW, NONCE, BODY)
    for text in (code.hex(), code.hex().upper(), base64.b64encode(code).decode()):
        assert signature.fits(signature.read(headers(text)), SECRET, BODY)


def test_a_signature_is_of_this_body_secret_nonce_and_time() -> None:
    signed = signature.read(headers())
    assert signature.fits(signed, SECRET, BODY)
    assert not signature.fits(signed, SECRET, BODY + b" ")
    assert not signature.fits(signed, SECRET + b"x", BODY)
    assert not signature.fits(signed, b"", BODY)
    for changed in ({"nonce": "another-1"}, {"timestamp": NOW + 1}, {"mac": b""}):
        assert not signature.fits(signed.model_copy(update=changed), SECRET, BODY)


def test_the_dot_keeps_time_and_nonce_apart_from_the_body() -> None:
    code = signature.code_of(SECRET, NOW, NONCE, b"x.y")
    assert code != signature.code_of(SECRET, NOW, NONCE + "x", b".y")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (signature.KEY_ID, ""),
        (signature.KEY_ID, "a b"),
        (signature.TIMESTAMP, "now"),
        (signature.TIMESTAMP, "-5"),
        (signature.TIMESTAMP, "٣"),
        (signature.TIMESTAMP, "1" * 13),
        (signature.NONCE, "short"),
        (signature.NONCE, "n" * 129),
        (signature.NONCE, "has.dots.in.it"),
        (signature.SIGNATURE, "a" * 64),
        (signature.SIGNATURE, "sha1=" + "a" * 64),
        (signature.SIGNATURE, "sha256="),
        (signature.SIGNATURE, "sha256=ü" + "a" * 63),
    ],
)
def test_a_header_that_is_misshapen_is_named(name: str, value: str) -> None:
    with pytest.raises(Unauthorized, match=name):
        signature.read(headers(**{name: value}))


@pytest.mark.parametrize("text", ["A" * 43, "A" * 44, "=" * 44, "a" * 63, "g" * 64])
def test_what_is_neither_hexadecimal_nor_base64_fits_nothing(text: str) -> None:
    assert not signature.fits(signature.read(headers(text)), SECRET, BODY)


@pytest.mark.parametrize(("off", "timely"), [(0, True), (300, True), (-300, True), (301, False),
                                             (-301, False)])  # fmt: skip
def test_the_window_is_five_minutes_each_way(off: int, timely: bool) -> None:
    assert signature.is_timely(signature.read(headers()), NOW + off) is timely


def test_one_header_makes_a_delivery_signed() -> None:
    assert all(signature.is_signed({name: "x"}) for name in signature.HEADERS)
    assert not signature.is_signed({"Authorization": "x"})
