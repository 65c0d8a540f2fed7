"""Settings of the kernel that may be looked at and set: these and no others."""

from __future__ import annotations

import glob
import json

from . import made
from .answers import Params, answer, text_at
from .links import links
from .places import Places
from .refusal import Failed

ROOT = "/proc/sys"
_FORWARDING, _ITSELF = "net.ipv4.ip_forward", "net/ipv4/conf/all/forwarding"
_NO_IPV6 = "net.ipv6.conf.all.disable_ipv6"
NAMES = (
    "fs.aio-max-nr",
    "fs.file-max",
    "fs.inotify.max_queued_events",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "fs.nr_open",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.pid_max",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.threads-max",
    "net.core.netdev_max_backlog",
    "net.core.rmem_max",
    "net.core.somaxconn",
    "net.core.wmem_max",
    "net.ipv4.conf.all.arp_announce",
    "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.icmp_echo_ignore_all",
    "net.ipv4.ip_default_ttl",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_no_pmtu_disc",
    "net.ipv4.ip_nonlocal_bind",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.neigh.default.gc_thresh3",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_base_mss",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_min_snd_mss",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_orphan_retries",
    "net.ipv4.tcp_retries1",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_wmem",
    "net.ipv4.udp_mem",
    "net.ipv6.bindv6only",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.all.forwarding",
    "net.netfilter.nf_conntrack_max",
    "net.netfilter.nf_conntrack_tcp_be_liberal",
    "net.netfilter.nf_conntrack_tcp_loose",
    "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "net.netfilter.nf_conntrack_tcp_timeout_syn_sent",
    "net.netfilter.nf_conntrack_tcp_timeout_time_wait",
    "net.netfilter.nf_conntrack_udp_timeout",
    "net.unix.max_dgram_qlen",
    "user.max_user_namespaces",
    "vm.max_map_count",
    "vm.nr_hugepages",
    "vm.overcommit_memory",
    "vm.overcommit_ratio",
    "vm.swappiness",
)


def kernel_settings(_: Params, __: Places) -> int:
    """KernelSettingsFacts: those that this kernel has, numbers of one setting joined by ':'."""
    return answer({"values": {name: value for name in NAMES if (value := _read(name))}})


def kernel_setting(params: Params, _: Places) -> int:
    """KernelSettingFacts."""
    value = _read(str(params["name"]))
    return answer({"kind": "setting", "value": value} if value else {"kind": "missing"})


def kernel_set(params: Params, places: Places) -> int:
    """Set one; what the kernel made of it must be what was asked."""
    name, wanted = str(params["name"]), str(params["value"])
    before = _read(name)
    if not before:
        raise Failed(f"this kernel has no {name}")
    _require_addresses_stay(name, wanted)
    beside = _beside() if name == _FORWARDING else {}
    noted = json.loads(made.noted(f"kernel {name}", places) or "{}")
    made.note(f"kernel {name}", places, json.dumps({"value": before, "beside": beside}))
    _write(name, wanted)
    if _read(name) != wanted:
        _write(name, before)
        _write_beside(beside)
        raise Failed(f"the kernel did not take {wanted} for {name}; it is {before} again")
    if noted.get("value") == wanted:
        _write_beside(noted["beside"])
    return answer({"set": name, "before": before})


def _require_addresses_stay(name: str, wanted: str) -> None:
    """Failed where devices would lose addresses that come back with no setting."""
    lost = (
        [a for link in links() for a in link["addresses"] if ":" in a] if name == _NO_IPV6 else []
    )
    if lost and wanted != "0":
        raise Failed(f"{', '.join(lost)[:200]} would be gone for good")


def _beside() -> dict[str, str]:
    """What the kernel sets anew with ip_forward: whether devices forward, and are redirected."""
    found = {}
    for pattern in ("*/forwarding", "all/accept_redirects"):
        for path in glob.glob(f"{ROOT}/net/ipv4/conf/{pattern}"):
            found[path.removeprefix(f"{ROOT}/")] = text_at(path).strip()
    return found


def _write_beside(beside: dict[str, str]) -> None:
    """Put it back; `all/forwarding` is ip_forward itself."""
    for path, value in beside.items():
        if path != _ITSELF and text_at(f"{ROOT}/{path}").strip() not in ("", value):
            with open(f"{ROOT}/{path}", "w", encoding="ascii") as target:
                target.write(value)


def _place(name: str) -> str:
    if name not in NAMES:
        raise Failed(f"{name} is none of the settings that may be touched")
    return f"{ROOT}/{name.replace('.', '/')}"


def _read(name: str) -> str:
    try:
        with open(_place(name), encoding="ascii") as source:
            return ":".join(source.read().split())
    except OSError:
        return ""


def _write(name: str, value: str) -> None:
    with open(_place(name), "w", encoding="ascii") as target:
        target.write(value.replace(":", " "))
