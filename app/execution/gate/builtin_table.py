"""Every builtin by the name that the catalog gives it, and the module in which it is.

A module is read when one of its builtins is called: to compile them all takes a host longer than
what most calls ask of it.
"""

from __future__ import annotations

import importlib
import sys

from .answers import Builtin, Params
from .places import Places
from .refusal import Failed

_MODULES: dict[str, tuple[str, ...]] = {
    "access": (
        "access_remove",
        "access_restore",
        "access_set_mode",
    ),
    "accounts": (
        "account_create",
        "account_join_group",
        "account_leave_group",
        "account_membership",
        "account_remove",
        "account_set_expiry",
        "account_set_password_age",
        "account_set_shell",
        "account_state",
        "accounts_list",
    ),
    "acls": ("file_set_acl",),
    "addresses": (
        "address_add",
        "address_remove",
        "address_show",
    ),
    "baseline": (
        "baseline_manifest",
        "baseline_store",
    ),
    "busy": ("processors_busy",),
    "certificates": (
        "certificate_install",
        "certificates_for_key",
        "certificates_served",
    ),
    "cron": ("cron_tables",),
    "declared_rules": (
        "firewall_add_declared",
        "firewall_declared_rule",
        "firewall_lost",
        "firewall_remove_declared",
    ),
    "disk_usage": ("disk_usage",),
    "docker": (
        "container_connect_network",
        "container_disconnect_network",
        "container_logs",
        "container_network",
        "container_pause",
        "container_restart",
        "container_set_restart_policy",
        "container_show",
        "container_start",
        "container_stop",
        "container_truncate_log",
        "container_unpause",
        "containers_list",
        "containers_usage",
    ),
    "edits": (
        "file_remove",
        "file_remove_folder",
        "file_remove_link",
        "file_restore",
        "file_restore_folder",
        "file_restore_link",
        "file_set_mode",
        "file_set_owner",
        "log_truncate",
    ),
    "fail2ban": (
        "fail2ban_ban",
        "fail2ban_ban_again",
        "fail2ban_banned",
        "fail2ban_unban",
    ),
    "files": (
        "config_read",
        "environment_read",
        "file_diff",
        "file_state",
        "log_tail",
    ),
    "firewall": (
        "firewall_remove_rule",
        "firewall_restore_rule",
        "firewall_rule",
    ),
    "folders": ("folder_list",),
    "frozen": ("file_set_frozen",),
    "fstab": ("mount_drop_option",),
    "haproxy": (
        "haproxy_server",
        "haproxy_servers",
        "haproxy_set_state",
        "haproxy_set_weight",
    ),
    "host": (
        "filesystems",
        "identity",
        "persons",
    ),
    "job_locks": (
        "lock_put_back",
        "lock_remove",
    ),
    "job_runs": (
        "job_end_extra_runs",
        "job_scripts",
    ),
    "kernel_settings": (
        "kernel_set",
        "kernel_setting",
        "kernel_settings",
    ),
    "job_progress": ("job_progress",),
    "libraries": (
        "library_set_aside",
        "library_set_back",
    ),
    "links": (
        "link_down",
        "link_set_mtu",
        "link_show",
        "link_up",
    ),
    "load": ("host_load",),
    "logs": (
        "log_find",
        "log_head",
    ),
    "mariadb": (
        "mariadb_set_global",
        "mariadb_set_word",
        "mariadb_state",
        "mariadb_terminate_idle",
        "mariadb_variable",
        "mariadb_word",
    ),
    "mariadb_accounts": (
        "mariadb_account",
        "mariadb_grant",
        "mariadb_move_account",
        "mariadb_revoke",
        "mariadb_rights",
        "mariadb_set_account",
    ),
    "mariadb_sessions": (
        "mariadb_session",
        "mariadb_terminate_session",
    ),
    "misspelt": (
        "access_correct_word",
        "config_correct_word",
        "config_misspelt",
    ),
    "mounts": (
        "mount_attach",
        "mount_cover",
        "mount_detach",
        "mount_resize",
        "mount_set_write",
        "mount_state",
        "mount_uncover",
    ),
    "moving": (
        "file_move_aside",
        "file_move_back",
    ),
    "neighbours": (
        "neighbour_add",
        "neighbour_remove",
        "neighbour_show",
    ),
    "network": (
        "http_local",
        "listeners",
        "network",
        "socket_state",
        "sockets_at_port",
        "tcp_connect",
    ),
    "nginx": ("nginx_dump",),
    "nginx_limits": ("nginx_set_limit",),
    "ownership": (
        "folder_owners_back",
        "folder_set_owners",
    ),
    "packages": (
        "package_install_cached",
        "package_remove_installed",
        "package_state",
        "packages_list",
    ),
    "path_access": ("path_access",),
    "policy_rules": (
        "policy_rule_add",
        "policy_rule_remove",
        "policy_rule_show",
    ),
    "postgres": (
        "postgres_session",
        "postgres_state",
        "postgres_terminate_idle",
        "postgres_terminate_session",
    ),
    "postgres_access": (
        "postgres_database",
        "postgres_grant",
        "postgres_grants",
        "postgres_revoke",
        "postgres_role",
        "postgres_set_database",
        "postgres_set_role",
    ),
    "postgres_defaults": (
        "postgres_default",
        "postgres_renew_sessions",
        "postgres_set_default",
    ),
    "postgres_rights": (
        "postgres_give_right",
        "postgres_right",
        "postgres_take_right",
    ),
    "postgres_sequences": (
        "postgres_advance_sequence",
        "postgres_sequence",
    ),
    "postgres_system": (
        "postgres_set_system",
        "postgres_system",
    ),
    "postgres_upkeep": (
        "postgres_create_index",
        "postgres_drop_index",
        "postgres_drop_slot",
        "postgres_index",
        "postgres_set_autovacuum",
        "postgres_slot",
        "postgres_table",
        "postgres_vacuum",
    ),
    "processes": (
        "process_continue",
        "process_set_nice",
        "process_state",
        "process_stop",
        "process_terminate",
        "process_terminate_stray",
        "processes",
    ),
    "receipts": ("receipt_read",),
    "startup_files": (
        "startup_remove",
        "startup_restore",
    ),
    "redis": (
        "redis_follow",
        "redis_following",
        "redis_memory",
        "redis_promote",
        "redis_save",
        "redis_set",
        "redis_set_maxmemory",
        "redis_set_word",
        "redis_setting",
        "redis_state",
        "redis_word",
    ),
    "renaming": ("file_rename",),
    "routes": (
        "route_add",
        "route_block",
        "route_remove",
        "route_replace",
        "route_show",
        "route_unblock",
    ),
    "security": ("security_signs",),
    "shaping": (
        "qdisc_remove",
        "qdisc_restore",
        "qdisc_show",
        "qdiscs",
    ),
    "shared_files": ("files_shared",),
    "space": (
        "log_truncate_deleted",
        "packages_clean_cache",
    ),
    "ties": ("unit_ties",),
    "unit_logs": ("unit_logs",),
    "web_errors": ("web_errors",),
}

MODULE_OF: dict[str, str] = {name: module for module, names in _MODULES.items() for name in names}


def builtin(name: str) -> Builtin:
    """The function of that name; its module is read now."""
    found: Builtin = getattr(importlib.import_module(f".{MODULE_OF[name]}", __package__), name)
    return found


def run_builtin(function: Builtin, params: Params, places: Places) -> int:
    """Run one in its own process; a failure is a sentence on standard error."""
    try:
        return function(params, places)
    except (Failed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
