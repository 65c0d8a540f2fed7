"""One host: an overlay on its baked layer, a network namespace, and systemd-nspawn.

The real systemd is the host's PID 1. A host is thrown away after use; nothing of it is ever
written into the layers beneath.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from app.lab import cgroups, network
from app.lab.errors import BootFailed
from app.lab.estate import Disk, HostSpec, SmallFileSystem
from app.lab.layers import OVERLAY_OPTIONS, Layer
from app.lab.places import PREFIX
from app.lab.process import Finished, attempt, run

BOOT_SECONDS = 90.0
STOP_SECONDS = 20.0
PLAIN_HOST = ("--capability=CAP_NET_ADMIN",)
#: What real containers inside a host need; their host is as trusted as the lab itself.
CONTAINER_HOST = ("--capability=all", "--system-call-filter=@keyring bpf")
CONTAINER = "web"
LOOP_DEVICES = 32  # nodes for `mount -o loop`; the devices are the machine's
DOCKER_UNITS = ("docker.service", "docker.socket", "containerd.service", "cgroupfs-mount.service")


@dataclass
class Machine:
    """A host that can be booted once and then thrown away."""

    layer: Layer
    run_id: str
    folder: Path  # everything of this host on the machine's disk
    containers: bool = False  # whether its dockerd is to run
    supervisor: subprocess.Popen[bytes] | None = None  # systemd-nspawn
    leader: int = 0  # the host's PID 1, as the machine sees it
    sessions: int = field(default=0, repr=False)
    unit_files: tuple[str, str] = field(default=("", ""), repr=False)  # as a snapshot saw them last

    @property
    def spec(self) -> HostSpec:
        """What this host should be."""
        return self.layer.spec

    @property
    def name(self) -> str:
        """Its short name."""
        return self.spec.name

    @property
    def root(self) -> Path:
        """Its merged file tree, from outside."""
        return self.folder / "root"

    @property
    def upper(self) -> Path:
        """What differs from its layer."""
        return self.folder / "upper"

    # -- bringing it up ---------------------------------------------------------------

    def prepare(self) -> None:
        """Mount its tree and disks, so that files can be put on it before it boots."""
        for part in ("upper", "work", "root", "disks"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        lowers = ":".join(str(path) for path in self.layer.lowers)
        options = f"lowerdir={lowers},upperdir={self.upper},workdir={self.folder / 'work'}"
        # volatile: nobody needs the bytes to survive the machine's power cut
        options = f"{options},{OVERLAY_OPTIONS},volatile"
        run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)])
        for disk in self.spec.disks:
            self._mount_disk(disk)
        if self.containers:
            run(["systemctl", "--quiet", f"--root={self.root}", "enable", *DOCKER_UNITS])

    def boot(self) -> None:
        """Start it and wait until its systemd says that it is ready."""
        namespace = network.create_host(self.run_id, self.name)
        notifications = _Notifications(self.folder / "notify")
        log = (self.folder / "console.log").open("wb")
        process = subprocess.Popen(
            self._command(namespace),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self._environment(notifications.address),
            start_new_session=True,
        )
        log.close()
        self.supervisor = process
        (self.folder / "supervisor.pid").write_text(str(process.pid))
        try:
            self.leader = notifications.wait_ready(process, BOOT_SECONDS)
        except BootFailed as failed:
            console = (self.folder / "console.log").read_text(errors="replace")
            raise BootFailed(f"{self.name}: {failed}\n{console[-2000:]}") from failed
        finally:
            notifications.close()
        (self.folder / "leader.pid").write_text(str(self.leader))
        self._make_ready()

    def _make_ready(self) -> None:
        """What a host has that its systemd does not start."""
        nodes = f"for n in $(seq 0 {LOOP_DEVICES - 1}); do mknod -m 660 /dev/loop$n b 7 $n; done"
        self.look("/bin/sh", "-c", nodes)
        if self.containers:
            started = self.look("docker", "start", self.layer.naming.text(CONTAINER))
            if not started.ok:
                raise BootFailed(f"{self.name}: no container: {started.output.strip()}")

    def _mount_disk(self, disk: Disk) -> None:
        image = self.folder / "disks" / f"{disk.name}.img"
        run(["cp", "--sparse=always", str(self.layer.disk(disk.name)), str(image)])
        place = self.folder / "disks" / disk.name
        place.mkdir()
        run(["mount", "-o", "loop", str(image), str(place)])

    def _command(self, namespace: str) -> list[str]:
        groups = cgroups.create(cgroups.group_name(self.run_id, self.name))
        join = "".join(f"echo $$ > {path}; " for path in groups)
        return [
            "/bin/sh",
            "-ec",
            f'{join} exec "$@"',
            "sh",
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--boot",
            "--notify-ready=yes",
            "--console=pipe",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            *(CONTAINER_HOST if self.containers else PLAIN_HOST),
            f"--machine={PREFIX}{self.run_id}-{self.name}",
            f"--hostname={self.name}",
            f"--network-namespace-path={network.NAMESPACES / namespace}",
            "--bind=/dev/loop-control",
            *(f"--tmpfs={_tmpfs(small)}" for small in self.spec.small_file_systems),
            *(
                f"--bind={self.folder / 'disks' / disk.name}:{disk.path}"
                for disk in self.spec.disks
            ),
            "-D",
            str(self.root),
        ]

    def _environment(self, notify: str) -> dict[str, str]:
        """Nothing of the caller's environment belongs on a host."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        own = {"PATH": path, "NOTIFY_SOCKET": notify}
        if self.containers:
            own["SYSTEMD_NSPAWN_API_VFS_WRITABLE"] = "network"
        return own

    # -- using it ---------------------------------------------------------------------

    def command(self, *argv: str) -> list[str]:
        """The command line that runs something as root inside, from outside."""
        return ["nsenter", "-t", str(self.leader), "-m", "-p", "-u", "-n", "-i", "--", *argv]

    def look(self, *argv: str, stdin: str = "", timeout: float = 60) -> Finished:
        """Run something as root inside that leaves no trace in the host's journal."""
        return attempt(self.command(*argv), stdin=stdin, timeout=timeout)

    def script(self, text: str, timeout: float = 120) -> Finished:
        """Run a bash script as root inside, as a person logged in would.

        It runs in a scope of its own, so that what it leaves in the background belongs to the
        host and lives on, as after a real session. Output goes to a file: a process left in
        the background would hold a pipe open for ever.
        """
        self.sessions += 1
        (self.root / "run").mkdir(exist_ok=True)
        scope = f"session-r{self.sessions}.scope"
        wrapper = (
            f"exec systemd-run --scope --quiet --collect --slice=user.slice --unit={scope}"
            f" --description='Session {self.sessions} of User root' /bin/bash"
        )
        return self._with_output_file(["/bin/sh", "-c", wrapper], text, timeout)

    def _with_output_file(self, argv: list[str], stdin: str, timeout: float) -> Finished:
        output = self.folder / f"script-{self.sessions}.out"
        script = self.folder / f"script-{self.sessions}.sh"
        script.write_text(stdin)
        with output.open("wb") as out, script.open("rb") as source:
            process = subprocess.Popen(
                self.command(*argv), stdin=source, stdout=out, stderr=out, start_new_session=True
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                code = 124
        return Finished(code, output.read_text(errors="replace"), "")

    # -- throwing it away -------------------------------------------------------------

    def throw_away(self) -> None:
        """Stop it and remove everything of it; may be called at any stage, and twice.

        Each step is taken even where one before it failed; the failure is raised at the end.
        """
        with ExitStack() as steps:  # the last one named is taken first
            steps.callback(shutil.rmtree, self.folder, ignore_errors=True)
            steps.callback(unmount_beneath, self.folder)
            steps.callback(network.delete_namespace, network.host_namespace(self.run_id, self.name))
            steps.callback(cgroups.remove, cgroups.group_name(self.run_id, self.name))
            steps.callback(self._stop)

    def _stop(self) -> None:
        """Its init is killed, and with it all that runs on it: a host that is thrown away need not
        shut down in order, which costs it more than its boot did."""
        if self.supervisor is not None:
            if self.supervisor.poll() is None and self.leader > 0:
                kill_init(self.leader, self.run_id)
            stop_process(self.supervisor.pid)
            self.supervisor.poll()  # it was waited for above; the handle must know


class _Notifications:
    """The socket on which systemd-nspawn says that its host is up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.address = str(path)

    def wait_ready(self, process: subprocess.Popen[bytes], seconds: float) -> int:
        """The process id of the host's init, once the host is ready."""
        deadline = time.monotonic() + seconds
        leader = 0
        self.socket.settimeout(0.5)
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise BootFailed(f"systemd-nspawn ended with {process.returncode}")
            try:
                lines = self.socket.recv(4096).decode().splitlines()
            except TimeoutError:
                continue
            for line in lines:
                if line.startswith("X_NSPAWN_LEADER_PID="):
                    leader = int(line.partition("=")[2])
            if "READY=1" in lines and leader:
                return leader
        raise BootFailed(f"not ready after {seconds:.0f} s")

    def close(self) -> None:
        """No more is expected."""
        self.socket.close()
        self.path.unlink(missing_ok=True)


def kill_init(pid: int, run_id: str) -> None:
    """End a host of this run at once, unless the process id has meanwhile gone to someone else."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
        if f"/{PREFIX}{run_id}-" in groups:
            os.kill(pid, signal.SIGKILL)
            _gone(pid, STOP_SECONDS)
    except (FileNotFoundError, ProcessLookupError):
        return


def stop_process(pid: int, seconds: float = STOP_SECONDS) -> None:
    """End a process by its id: asked first, killed after a while."""
    if pid <= 0:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if _gone(pid, seconds):
            return


def _gone(pid: int, seconds: float) -> bool:
    """Wait for a process that may or may not be our child."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return True
        except ChildProcessError:
            if not _alive(pid):
                return True
        time.sleep(0.02)
    return False


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def unmount_beneath(folder: Path) -> None:
    """Unmount everything beneath a folder, deepest first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    beneath = [point for point in points if point.startswith(f"{folder}/")]
    for point in sorted(beneath, key=len, reverse=True):
        if not attempt(["umount", point]).ok:
            attempt(["umount", "--lazy", point])


def _tmpfs(small: SmallFileSystem) -> str:
    return f"{small.path}:size={small.size},mode={small.mode},uid={small.uid},gid={small.gid}"
