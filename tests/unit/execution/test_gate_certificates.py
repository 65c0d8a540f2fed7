"""A certificate that lies on the host takes the place of one for the same key, if it proves it."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
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
from app.host.facts import ServedCertificateFacts

NOW = datetime.now(UTC)
Key = ec.EllipticCurvePrivateKey
NAMES = ("tickets.example", "www.tickets.example")
SPELT = ("bind :443 ssl crt {path}", 'SSLFile "{path}"', "certs {folder}/")
"""How configurations name a certificate."""


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


def private() -> bytes:
    return KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


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
    monkeypatch.setattr(certificates, "TESTS", {})
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


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
    "with a private key": lambda: certificate() + private(),
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
    monkeypatch.setattr(certificates, "TESTS", {"nginx": ("/bin/false",)})
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


@pytest.fixture
def balancer(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, Path]]:
    """A program that serves the certificate on a port, and its configuration."""
    config = tmp_path / "balance" / "balance.cfg"
    config.parent.mkdir()
    monkeypatch.setattr(certificates, "CONFIGURATIONS", (str(config.parent),))
    monkeypatch.setattr(certificates, "links", list)
    key = tmp_path / "key.pem"
    key.write_bytes(private())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served, key)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = threading.Thread(target=_greet, args=(listener, context))
    serving.start()
    yield listener.getsockname()[1], config
    listener.shutdown(socket.SHUT_RDWR)
    serving.join()
    listener.close()


def _greet(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return  # the test is over
        with suppress(OSError), context.wrap_socket(plain, server_side=True):
            pass


def shown(port: int, capsys: pytest.CaptureFixture[str]) -> ServedCertificateFacts:
    certificates.certificates_served({"port": port, "name": NAMES[0]}, Places())
    return ServedCertificateFacts.model_validate(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("spelt", SPELT)
def test_the_file_that_is_served_is_known_by_what_is_in_it(
    spelt: str, balancer: tuple[int, Path], served: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port, config = balancer
    other = served.parent / "another.pem"
    other.write_bytes(certificate())
    text = spelt.format(path=served, folder=served.parent)
    config.write_text(f"ca-base {other}\n{text}\n", encoding="utf-8")
    told = shown(port, capsys)
    assert (told.path, told.named_in, told.bundled) == (str(served), str(config), "no")
    served.write_bytes(served.read_bytes() + private())
    assert shown(port, capsys).bundled == "yes"
    served.unlink()
    assert not shown(port, capsys).path, "it is served from memory alone"


def test_where_nothing_is_served_that_is_said(balancer: tuple[int, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Failed, match=f"no certificate is served on port {port}"):
        certificates.certificates_served({"port": port, "name": "x"}, Places())


@pytest.mark.parametrize("spelt", SPELT)
def test_who_reads_a_certificate_tries_it_before_it_stays(
    spelt: str, served: Path, places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "balance" / "balance.cfg"
    config.parent.mkdir()
    config.write_text(spelt.format(path=served, folder=served.parent), encoding="utf-8")
    monkeypatch.setattr(certificates, "CONFIGURATIONS", (str(config.parent),))
    monkeypatch.setattr(
        certificates, "TESTS", {"balance": ("/bin/sh", "-c", "echo no >&2; exit 1")}
    )
    old, path = served.read_bytes(), brought(served, certificate())
    params = {"path": str(served), "source": str(path), "sha256": sha256(path)}
    with pytest.raises(Failed, match=r"all is as it was.*no"):
        certificates.certificate_install({**params}, places)
    assert served.read_bytes() == old
