"""References: what leads somewhere, and what is the secret itself."""

from __future__ import annotations

import pytest

from app.errors import SecretReferenceInvalid
from app.secrets.reference import Reference, Scheme, is_reference, literal


@pytest.mark.parametrize(
    ("text", "scheme", "place", "field"),
    [
        ("env:SHOP_TOKEN", Scheme.ENV, "SHOP_TOKEN", ""),
        ("file:/run/secrets/a#b", Scheme.FILE, "/run/secrets/a#b", ""),
        ("vault:kv/shop/db#password", Scheme.VAULT, "kv/shop/db", "password"),
        ("aws:prod/shop#password", Scheme.AWS, "prod/shop", "password"),
        ("aws:arn:aws:secretsmanager:eu-west-1:1:secret:x", Scheme.AWS,
         "arn:aws:secretsmanager:eu-west-1:1:secret:x", ""),
    ],
)  # fmt: skip
def test_what_leads_somewhere(text: str, scheme: Scheme, place: str, field: str) -> None:
    assert is_reference(text)
    assert Reference.parse(text) == Reference(scheme, place, field)
    assert str(Reference.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("env:1A", "no variable has such a name"),
        ("file:relative", "must be absolute"),
        ("vault:kv#password", "a mount and a path"),
        ("vault:kv/../sys#x", "a mount and a path"),
        ("vault:kv/shop", "needs `#field`"),
        ("aws:#x", "names no secret"),
    ],
)
def test_what_leads_nowhere(text: str, reason: str) -> None:
    with pytest.raises(SecretReferenceInvalid, match=reason):
        Reference.parse(text)


def test_what_may_be_the_secret_itself_is_not_repeated() -> None:
    with pytest.raises(SecretReferenceInvalid) as raised:
        Reference.parse("hunter2-and-more")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("text", ["hunter2", "vaultage", "http://x", "", "literal:env:X"])
def test_what_is_no_reference(text: str) -> None:
    assert not is_reference(text)


def test_a_secret_that_begins_like_a_reference() -> None:
    assert literal("literal:env:really") == "env:really"
    assert literal("plain") == "plain"
