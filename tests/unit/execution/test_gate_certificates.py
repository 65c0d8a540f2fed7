"""A certificate that lies on the host takes the place of one for the same key, if it proves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.execution.gate import certificates
from app.execution.gate.child import ENVIRONMENT
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.execution.gate.store import Store

NOW = datetime.now(UTC)
Key = ec.EllipticCurvePrivateKey
NAMES = ("tickets.example", "www.tickets.example")


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


KEY, ROOT_KEY = new_key(), new_key()


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(
    key: Key = KEY,
    names: tuple[str, ...] = NAMES,
    days: tuple[int, int] = (-1, 90),
    signer: Key = ROOT_KEY,
) -> bytes:
    """A certificate in PEM, valid from and to so many days from now."""
    made = (
        x509.CertificateBuilder()
        .subject_name(name(names[0]))
        .issuer_name(name("a root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, names)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def root() -> bytes:
    made = (
        x509.CertificateBuilder()
        .subject_name(name("a root"))
        .issuer_name(name("a root"))
        .public_key(ROOT_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ROOT_KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that is over, on a host that trusts one root and keeps others elsewhere."""
    trusted = tmp_path / "roots.pem"
    trusted.write_bytes(root())
    environment = {**ENVIRONMENT, "SSL_CERT_FILE": str(trusted)}
    monkeypatch.setattr(certificates, "ENVIRONMENT", environment)
    monkeypatch.setattr(certificates, "READS_AS", None)  # the roots lie where only the tester reads
    monkeypatch.setattr(certificates, "NGINX", "/nowhere/nginx")
    monkeypatch.setattr(certificates, "FOLDERS", (str(tmp_path / "brought"),))
    path = tmp_path / "tls" / "site.pem"
    path.parent.mkdir()
    (tmp_path / "brought" / "new").mkdir(parents=True)
    path.write_bytes(certificate(days=(-90, -1)))
    path.chmod(0o640)
    return path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(state=str(tmp_path / "state"))


def brought(served: Path, content: bytes, called: str = "new/site.pem") -> Path:
    path = served.parent.parent / "brought" / called
    path.write_bytes(content)
    return path


def test_one_for_the_key_and_all_names_is_found_and_put_in_place(
    served: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = served.read_bytes(), certificate()
    path = brought(served, new)
    assert certificates.certificates_for_key({"path": str(served)}, places) == 0
    told = json.loads(capsys.readouterr().out)
    assert not told["is_current"]
    assert [one["path"] for one in told["found"]] == [str(path)]
    params = {"path": str(served), "source": str(path), "sha256": told["found"][0]["sha256"]}
    assert certificates.certificate_install({**params}, places) == 0
    assert served.read_bytes() == new
    assert served.stat().st_mode & 0o777 == 0o640
    replaced = json.loads(capsys.readouterr().out)["replaced"]
    assert Store(places).get(replaced) == old


UNFIT: dict[str, Callable[[], bytes]] = {
    "another key": lambda: certificate(new_key()),
    "over too": lambda: certificate(days=(-30, -2)),
    "not yet": lambda: certificate(days=(2, 30)),
    "fewer names": lambda: certificate(names=NAMES[:1]),
    "signed by nobody": lambda: certificate(signer=new_key()),
    "with a private key": lambda: (
        certificate()
        + KEY.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    ),
    "no certificate": lambda: b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_does_not_prove_itself_is_neither_found_nor_put_in_place(
    served: Path, places: Places, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    old, content = served.read_bytes(), UNFIT[what]()
    path = brought(served, content)
    certificates.certificates_for_key({"path": str(served)}, places)
    assert json.loads(capsys.readouterr().out)["found"] == []
    params = {
        "path": str(served), "source": str(path), "sha256": certificates._sha256(content),
    }  # fmt: skip
    with pytest.raises(Failed, match="not put in place"):
        certificates.certificate_install({**params}, places)
    assert served.read_bytes() == old


def test_what_was_looked_at_is_what_is_put_in_place(served: Path, places: Places) -> None:
    old, path = served.read_bytes(), brought(served, certificate())
    params = {"path": str(served), "source": str(path), "sha256": "0" * 64}
    with pytest.raises(Failed, match="not what was looked at"):
        certificates.certificate_install({**params}, places)
    assert served.read_bytes() == old


def test_what_nginx_refuses_goes_back(
    served: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "NGINX", "/bin/false")
    old, new = served.read_bytes(), certificate()
    path = brought(served, new)
    params = {"path": str(served), "source": str(path), "sha256": certificates._sha256(new)}
    with pytest.raises(Failed, match="all is as it was"):
        certificates.certificate_install({**params}, places)
    assert served.read_bytes() == old


def test_a_certificate_that_is_a_link_is_left_to_what_made_the_link(
    served: Path, places: Places
) -> None:
    link = served.parent / "live.pem"
    link.symlink_to(served.name)
    with pytest.raises(Failed, match="no certificate that can be read"):
        certificates.certificates_for_key({"path": str(link)}, places)
