"""Whether a certificate would do for a name; not by whom: a site may have its own authority."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509


def why_not_valid(encoded: bytes, name: str, now: datetime) -> str:
    """Why users of `name` would be warned, in a few words; "" where they would not."""
    certificate = x509.load_der_x509_certificate(encoded)
    if now < certificate.not_valid_before_utc:
        return f"certificate not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if now > certificate.not_valid_after_utc:
        return f"certificate expired {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    names = _names_of(certificate)
    if not any(_covers(pattern, name) for pattern in names):
        return f"certificate is for {', '.join(names) or 'no name'}"
    return ""


def _names_of(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def _covers(pattern: str, name: str) -> bool:
    pattern, name = pattern.lower(), name.lower().rstrip(".")
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name
