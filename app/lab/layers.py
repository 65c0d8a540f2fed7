"""Host layers: what makes a package tree into one particular host, baked once.

A layer is the upper directory of an overlay on the package tree: the host's files, what its
bake script did (users, databases, certificates, host keys) and its disks. Boots lie another
layer on top of it, so a fresh host costs nothing. Under other names it is another layer: files and
scripts get them before anything is installed, so that accounts and databases are born with them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.lab import images
from app.lab.errors import BakeFailed, CommandFailed
from app.lab.estate import MONITOR_ADDRESS, HostSpec
from app.lab.naming import PLAIN, Naming
from app.lab.places import HOSTFILES, PREFIX, built_alone, cache
from app.lab.process import attempt, run
from app.lab.secrets import certificate_authority, passwords

OVERLAY_OPTIONS = "redirect_dir=off,metacopy=off,index=off"


@dataclass(frozen=True)
class Layer:
    """A baked host, ready to be booted from any number of times."""

    spec: HostSpec
    tree: Path  # the packages beneath
    folder: Path
    naming: Naming = PLAIN

    @property
    def upper(self) -> Path:
        """The host's own files."""
        return self.folder / "upper"

    @property
    def lowers(self) -> tuple[Path, ...]:
        """What a boot lies upon, topmost first."""
        return (self.upper, self.tree)

    def disk(self, name: str) -> Path:
        """The image of one of its disks, to be copied, never mounted writable."""
        return self.folder / f"{name}.img"

    @property
    def host_key(self) -> str:
        """The public host key, to be pinned."""
        text = (self.upper / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        return " ".join(text.split()[:2])


def layer(spec: HostSpec, naming: Naming = PLAIN) -> Layer:
    """The layer of a host as its naming has it, baked now if the cache lacks it."""
    tree = images.tree(spec.image)
    folder = cache() / "hosts" / f"{spec.files}-{layer_key(spec, naming)}"
    baked = Layer(spec, tree, folder, naming)
    with built_alone(folder):
        if not folder.exists():
            _bake(baked)
    return baked


def layer_key(spec: HostSpec, naming: Naming = PLAIN) -> str:
    """What identifies a layer: the packages beneath, its files, scripts and secrets."""
    digest = hashlib.sha256(images.recipe_key(spec.image).encode())
    digest.update(repr(spec).encode() + json.dumps(passwords()).encode())
    for part in ("common", spec.files):
        for path in sorted((HOSTFILES / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(naming.text(str(path.relative_to(HOSTFILES))).encode())
                digest.update(naming.text(path.read_text()).encode())
                digest.update(b"x" if path.stat().st_mode & 0o100 else b"-")
    return digest.hexdigest()[:16]


def _bake(wanted: Layer) -> None:
    part = wanted.folder.with_name(wanted.folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    for name in ("upper", "work", "root"):
        (part / name).mkdir(parents=True)
    baking = Layer(wanted.spec, wanted.tree, part, wanted.naming)
    try:
        with _mounted(baking, part):
            for source in ("common", wanted.spec.files):
                _copy_files(source, baking)
            for source in ("common", wanted.spec.files):
                _run_script(source, baking)
    except CommandFailed as failed:
        raise BakeFailed(f"{wanted.spec.name} could not be baked: {failed}") from failed
    for name in ("work", "scripts"):
        shutil.rmtree(part / name)
    (part / "root").rmdir()
    part.rename(wanted.folder)


@contextmanager
def _mounted(baking: Layer, part: Path) -> Iterator[None]:
    """The overlay of a layer in the making, with its new disks in place."""
    root = part / "root"
    options = f"lowerdir={baking.tree},upperdir={baking.upper},workdir={part / 'work'}"
    run(["mount", "-t", "overlay", "overlay", "-o", f"{options},{OVERLAY_OPTIONS}", str(root)])
    mounted = [root]
    try:
        for disk in baking.spec.disks:
            image = baking.disk(disk.name)
            with image.open("wb") as file:
                file.truncate(disk.megabytes * 1024 * 1024)
            run(["mkfs.ext4", "-q", "-L", disk.name, "-m", "0", str(image)])
            place = root / disk.path.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            run(["mount", "-o", "loop", str(image), str(place)])
            mounted.append(place)
        yield
    finally:
        for place in reversed(mounted):
            run(["umount", str(place)])


def _copy_files(part: str, baking: Layer) -> None:
    """Put a folder's files in place, filling in the passwords."""
    source = HOSTFILES / part / "files"
    for path in sorted(source.rglob("*")):
        if "__pycache__" in path.parts:
            continue
        target = baking.folder / "root" / baking.naming.text(str(path.relative_to(source)))
        if path.is_dir():
            target.mkdir(mode=0o755, exist_ok=True)
            continue
        text = baking.naming.text(path.read_text())
        for name, value in _passwords(baking.naming).items():
            text = text.replace(f"@{name}@", value)
        target.unlink(missing_ok=True)
        target.write_text(text)
        target.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _passwords(naming: Naming) -> dict[str, str]:
    """By the names that files and scripts of this naming have for them."""
    return {naming.text(name): value for name, value in passwords().items()}


def _run_script(part: str, baking: Layer) -> None:
    """Run a bake script as root in the tree, without booting it."""
    spec, naming = baking.spec, baking.naming
    scripts = baking.folder / "scripts" / part
    scripts.mkdir(parents=True)
    for path in (HOSTFILES / part).iterdir():
        if path.is_file():
            (scripts / naming.text(path.name)).write_text(naming.text(path.read_text()))
    gateway = naming.text(MONITOR_ADDRESS)
    settings = {"HOST": spec.name, "ADDRESS": spec.address, "GATEWAY": gateway}
    given = {**settings, **_passwords(naming)}
    done = attempt(
        [
            *["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--pipe"],
            *["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--private-network"],
            f"--machine={PREFIX}bake-{baking.folder.name.removesuffix('.part')}",
            f"--bind-ro={scripts}:/run/bake",
            f"--bind-ro={certificate_authority()}:/run/lab-ca",
            *(f"--setenv={key}={value}" for key, value in given.items()),
            *("-D", str(baking.folder / "root"), "/bin/bash", "/run/bake/bake.sh"),
        ],
        timeout=300,
    )
    if not done.ok:
        raise BakeFailed(f"{part}/bake.sh for {spec.name}: {done.output[-3000:]}")
