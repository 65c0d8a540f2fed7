"""Certificates that lie on the host for the key of one that is served, and putting one in place.

A certificate is public and proves itself: it must be for the very key in use, for every name that
the old one is for, valid now, and signed by whom this host trusts. Who brought it does not matter.
"""

from __future__ import annotations

import base64
import hashlib
import os
import pwd
import re
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from . import disk
from .answers import Params, answer, read_program
from .child import ENVIRONMENT
from .links import links
from .parameters import is_refused
from .places import Places
from .refusal import Failed
from .rewriting import replace
from .store import read_file

OPENSSL, NGINX = "/usr/bin/openssl", "/usr/sbin/nginx"
TESTS = {
    "nginx": (NGINX, "-t"),
    "apache2": ("/usr/sbin/apachectl", "configtest"),
    "httpd": ("/usr/sbin/apachectl", "configtest"),
    "haproxy": ("/usr/sbin/haproxy", "-c", "-q", "-f", "/etc/haproxy/haproxy.cfg"),
}
"""How programs try their configuration."""

CONFIGURATIONS = tuple(
    f"/etc/{one}"
    for one in ("nginx", "apache2", "httpd", "haproxy", "lighttpd", "caddy", "traefik", "stunnel",
                "postfix", "dovecot", "exim4", "proftpd", "mosquitto", "cockpit")
)  # fmt: skip
"""Where programs are configured that serve certificates."""

READS_AS: str | None = "nobody"
FOLDERS = (
    "/etc/ssl", "/etc/pki", "/etc/letsencrypt", "/etc/nginx", "/etc/certs",
    "/var/lib", "/var/backups", "/srv", "/opt", "/root", "/usr/local",
)  # fmt: skip
_PASSED_OVER = (
    "/etc/ssl/certs", "/etc/pki/ca-trust", "/var/lib/docker", "/var/lib/containerd",
    "/var/lib/containers", "/var/lib/mysql", "/var/lib/postgresql", "/var/lib/dpkg",
    "/var/lib/apt", "/var/lib/sre-agent", "/srv/canary", "/usr/local/share/ca-certificates",
)  # fmt: skip
_NAMED = re.compile(r".*[.](?:pem|crt|cer|cert|chain)(?:[.-][\w-]+)?")
_DEEP, _MOST_SEEN, _MOST_READ, _LARGEST = 5, 20000, 120, 64 << 10
_MOST_TOLD, _MOST_SEEN_CONFIGS, _MOST_INSIDE = 5, 600, 40
_SECONDS = 5.0
_BLOCKS = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_NAMES = re.compile(r"(?:DNS|IP Address):([^,\s]+)")
_NOT_AFTER = re.compile(r"^notAfter=(.*)$", re.MULTILINE)
_BODY = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_PATH = re.compile(r"(?<![\w./])/[\w.@+-]+(?:/[\w.@+-]+)+/?")
_KEY = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


class Certificate(NamedTuple):
    """The first certificate of a file."""

    key: str
    names: frozenset[str]
    not_after: str  # as openssl writes it: "Nov 26 12:00:00 2027 GMT"
    is_current: bool  # not expired; whether it has begun is asked with its chain


def certificates_for_key(params: Params, _: Places) -> int:
    """CertificatesFacts: others on this host that may stand in the place of one."""
    path = str(params["path"])
    content = _content(path)
    served = None if content is None else _certificate(content)
    if content is None or served is None:
        raise Failed(f"{path} holds no certificate that can be read")
    found = []
    for other in _candidates(path):
        brought = _content(other)
        try:
            told = None if brought is None else _successor(served, brought)
        except Failed:
            continue
        if brought is not None and told is not None:
            kept = {"path": other, "sha256": _sha256(brought), "not_after": told.not_after}
            found.append(kept)
    facts = {"path": path, "not_after": served.not_after, "is_current": served.is_current}
    return answer({**facts, "found": found[:_MOST_TOLD]})


def certificates_served(params: Params, _: Places) -> int:
    """ServedCertificateFacts: the file from which what is served on a port was read.

    The file is known by what is in it, and not by how a program spells its configuration.
    """
    shown = _shown(int(params["port"]), str(params["name"]))
    for config, path in _named_in_configurations():
        content = _content(path)
        if content is not None and _first(content) == shown:
            bundled = any(b"PRIVATE KEY" in block for block in _BLOCKS.findall(content))
            told = {"path": path, "named_in": config, "bundled": "yes" if bundled else "no"}
            return answer(told)
    return answer({"path": "", "named_in": "", "bundled": "no"})


def certificate_install(params: Params, places: Places) -> int:
    """Put a certificate in the place of one for the same key; who reads it tries it before it
    stays."""
    path, source = str(params["path"]), str(params["source"])
    brought, old = _content(source), _content(path)
    if brought is None or _sha256(brought) != params["sha256"]:
        raise Failed(f"{source} is not what was looked at")
    served = None if old is None else _certificate(old)
    if served is None:
        raise Failed(f"{path} holds no certificate that can be read")
    _successor(served, brought)
    named_as = (path, os.path.dirname(path))
    readers = {os.path.basename(top) for top, _, named in _configured() if named in named_as}
    before = replace(path, brought, partial(_refusal, readers), places)
    return answer({"path": path, "sha256": params["sha256"], "replaced": before})


def _successor(served: Certificate, brought: bytes) -> Certificate:
    """What a file holds; Failed where that cannot stand in the place of a certificate."""
    if {*_BLOCKS.findall(brought)} != {b"CERTIFICATE"}:
        raise Failed("not put in place: it holds more, or something else, than certificates")
    found = _certificate(brought)
    if found is None or found.key != served.key:
        raise Failed("not put in place: it is for another key")
    if not found.is_current:
        raise Failed("not put in place: it is not valid now")
    if not served.names <= found.names:
        missing = ", ".join(sorted(served.names - found.names))
        raise Failed(f"not put in place: it is not for {missing}")
    if not _is_trusted(brought):
        raise Failed("not put in place: this host trusts nobody who signed it")
    return found


def _certificate(content: bytes) -> Certificate | None:
    said = _openssl(["x509", "-noout", "-pubkey", "-enddate", "-ext", "subjectAltName"], content)
    key, until = _KEY.search(said or ""), _NOT_AFTER.search(said or "")
    if said is None or key is None or until is None:
        return None
    unexpired = _openssl(["x509", "-noout", "-checkend", "0"], content) is not None
    return Certificate(
        key=key[0],
        names=frozenset(name.lower() for name in _NAMES.findall(said)),
        not_after=until[1],
        is_current=unexpired,
    )


def _is_trusted(content: bytes) -> bool:
    """Whether this host's own trusted roots vouch for it now, with what the file brings along."""
    chain = os.memfd_create("chain")
    try:
        os.write(chain, content)
        name = f"/proc/self/fd/{chain}"
        return _openssl(["verify", "-untrusted", name, name], b"", chain) is not None
    finally:
        os.close(chain)


def _openssl(words: list[str], content: bytes, *shown: int) -> str | None:
    """What openssl says, as nobody: anybody may have written what it reads. None: it objects."""
    account: dict[str, Any] = {}
    if READS_AS is not None and os.geteuid() == 0:
        nobody = pwd.getpwnam(READS_AS)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
    try:
        done = subprocess.run(
            [OPENSSL, *words],
            input=content, capture_output=True, env=ENVIRONMENT, timeout=_SECONDS, check=False,
            pass_fds=shown, **account,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _content(path: str) -> bytes | None:
    """A file's content; None where it is a link, large, or cannot be read."""
    try:
        with disk.parent_of(path) as (folder, name):
            file = disk.open_regular(folder, name, path, links_allowed=True)
            try:
                if os.fstat(file).st_size > _LARGEST:
                    return None
                return read_file(file, path)
            finally:
                os.close(file)
    except Failed:
        return None


def _candidates(served: str) -> Iterator[str]:
    """Files that look like certificates, nearest to the one that is served first."""
    folders = dict.fromkeys((os.path.dirname(served), *FOLDERS))
    seen, told = 0, {served}
    for top in folders:
        for folder, inner, files in os.walk(top):
            depth = folder.count("/") - top.count("/")
            seen += 1 + len(files)
            inner[:] = (
                []
                if depth >= _DEEP or seen > _MOST_SEEN
                else sorted(one for one in inner if not is_refused(f"{folder}/{one}", _PASSED_OVER))
            )
            for name in sorted(files):
                path = f"{folder}/{name}"
                if path not in told and _NAMED.fullmatch(name) and len(told) <= _MOST_READ:
                    told.add(path)
                    yield path


def _refusal(readers: set[str]) -> str | None:
    """What a program that reads the file has against it; nginx is asked where none is known."""
    for reader in sorted(readers or {"nginx"}):
        test = TESTS.get(reader)
        if test is None or not os.path.exists(test[0]):
            continue
        code, _, said = read_program(list(test), 2 * _SECONDS)
        if code != 0:
            return said
    return None


def _shown(port: int, name: str) -> bytes:
    """The certificate that is served on a port of this host under a name, as DER."""
    import ssl  # only where it is needed: it costs every start of the gate some milliseconds

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    own = [one.partition("/")[0] for link in links() for one in link["addresses"]]
    problem = "nothing listens there"
    for address in ("127.0.0.1", *own):
        try:
            plain = socket.create_connection((address, port), _SECONDS)
            with plain, context.wrap_socket(plain, server_hostname=name) as wrapped:
                return wrapped.getpeercert(binary_form=True) or b""
        except OSError as error:
            problem = str(error)
    raise Failed(f"no certificate is served on port {port}: {problem}")


def _first(content: bytes) -> bytes | None:
    """The first certificate of a file, as DER."""
    found = _BODY.search(content)
    try:
        return None if found is None else base64.b64decode(found[1], validate=False)
    except ValueError:
        return None


def _named_in_configurations() -> Iterator[tuple[str, str]]:
    """Files of configurations, each with a path that it names, or one in a folder so named."""
    told = set()
    for _, config, named in _configured():
        inside = sorted(f"{named}/{one}" for one in _listed(named))[:_MOST_INSIDE]
        for path in (named, *inside):
            if path not in told:
                told.add(path)
                yield config, path


def _configured() -> Iterator[tuple[str, str, str]]:
    """The folder of a program's configuration, a file in it, and each path that the file names."""
    for top, config in islice(_configurations(), _MOST_SEEN_CONFIGS):
        content = _content(config)
        text = "" if content is None else content.decode("utf-8", "replace")
        for named in dict.fromkeys(_PATH.findall(text)):
            yield top, config, named.rstrip("/")


def _configurations() -> Iterator[tuple[str, str]]:
    """Files of programs' configurations, each with the folder that is its program's."""
    for top in CONFIGURATIONS:
        for folder, inner, files in os.walk(top):
            inner.sort()
            yield from ((top, f"{folder}/{n}") for n in sorted(files) if not _NAMED.fullmatch(n))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
