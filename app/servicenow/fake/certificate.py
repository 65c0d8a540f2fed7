"""TLS for the fake: an authority of its own and a certificate for this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
SPARE = timedelta(days=7)  # renewed so long before its end
NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")

_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class TlsFiles:
    """`ca` is what clients trust; `server` holds the certificate and its key."""

    ca: Path
    server: Path


def tls_files(folder: Path) -> TlsFiles:
    """The files in that folder, made where they are missing or nearly over."""
    files = TlsFiles(ca=folder / "ca.pem", server=folder / "server.pem")
    if not _is_good(files):
        folder.mkdir(parents=True, exist_ok=True)
        _make(files)
    return files


def _is_good(files: TlsFiles) -> bool:
    if not (files.ca.is_file() and files.server.is_file()):
        return False
    certificate = x509.load_pem_x509_certificate(files.server.read_bytes())
    return certificate.not_valid_after_utc > datetime.now(UTC) + SPARE


def _make(files: TlsFiles) -> None:
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _authority(ca_key)
    certificate = _certificate(key, ca, ca_key)
    files.ca.write_bytes(ca.public_bytes(Encoding.PEM))
    files.server.touch(mode=0o600)
    files.server.chmod(0o600)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.server.write_bytes(certificate.public_bytes(Encoding.PEM) + private)


def _authority(key: _Key) -> x509.Certificate:
    """Its key is forgotten once it has signed: nobody can sign anything else with it."""
    name = _name("SRE agent: fake ServiceNow's own authority")
    usage = _usage(signs_certificates=True)
    return (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(key: _Key, ca: x509.Certificate, ca_key: _Key) -> x509.Certificate:
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    names = x509.SubjectAlternativeName([*map(x509.DNSName, NAMES), *addresses])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(_name(NAMES[0]), ca.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: _Key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
