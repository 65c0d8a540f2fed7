"""What the machine must have before it can run the lab."""

from __future__ import annotations

import os
import shutil

from app.lab.errors import NotPossibleHere
from app.lab.process import attempt

#: The command that shows that a package is there, and the package.
PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "mkfs.ext4": "e2fsprogs",
    "openssl": "openssl",
    "ssh-keygen": "openssh-client",
    "curl": "curl",
    "update-ca-certificates": "ca-certificates",
    "dig": "bind9-dnsutils",
    "sysctl": "procps",
}


def ensure() -> None:
    """Install what is missing, or say exactly what to type."""
    missing = sorted({name for command, name in PACKAGES.items() if not shutil.which(command)})
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0:
        also = f", after `{line}`" if missing else ""
        raise NotPossibleHere(f"the lab boots real hosts and needs root: use sudo{also}")
    if not missing:
        return
    attempt(["apt-get", "update"], timeout=300)
    done = attempt(line.split(), timeout=900)
    if not done.ok:
        raise NotPossibleHere(f"`{line}` failed: {done.output[-1000:]}")
