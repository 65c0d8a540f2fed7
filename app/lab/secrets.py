"""What the estate keeps secret: made once on each machine, kept in the cache, never in files
of the project."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from app.lab.places import cache
from app.lab.process import run

MACHINE_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PASSWORDS = ("SHOP_DB_PASSWORD", "DBA_DB_PASSWORD", "PORTAL_DB_PASSWORD")


def passwords() -> dict[str, str]:
    """The estate's database passwords."""
    place = cache() / "passwords.json"
    if not place.exists():
        place.touch(mode=0o600)
        place.write_text(json.dumps({name: secrets.token_hex(12) for name in PASSWORDS}))
    known: dict[str, str] = json.loads(place.read_text())
    return known


def certificate_authority() -> Path:
    """The folder with the lab's own CA (ca.pem, ca.key)."""
    folder = cache() / "ca"
    if not (folder / "ca.pem").exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        kind = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]
        files = ["-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem")]
        run(["openssl", *kind, "-subj", "/CN=corp.internal lab CA", *files])
    return folder


def trusted_certificates() -> Path:
    """What the monitor trusts: the machine's authorities and the lab's own, in one file."""
    bundle = cache() / "ca" / "bundle.pem"
    if not bundle.exists():
        own = (certificate_authority() / "ca.pem").read_text()
        bundle.write_text(MACHINE_CERTIFICATES.read_text() + own)
    return bundle
