"""Every builtin by the name that the catalog gives it."""

from __future__ import annotations

import sys

from .access import access_remove, access_restore, access_set_mode
from .accounts import (
    account_create,
    account_remove,
    account_set_expiry,
    account_set_shell,
    account_state,
    accounts_list,
)
from .acls import file_set_acl
from .answers import Builtin, Params
from .baseline import baseline_manifest, baseline_store
from .busy import processors_busy
from .certificates import certificate_install, certificates_for_key
from .cron import cron_tables
from .declared_rules import (
    firewall_add_declared,
    firewall_declared_rule,
    firewall_lost,
    firewall_remove_declared,
)
from .disk_usage import disk_usage
from .docker import (
    container_connect_network,
    container_disconnect_network,
    container_logs,
    container_network,
    container_pause,
    container_restart,
    container_set_restart_policy,
    container_show,
    container_start,
    container_stop,
    container_truncate_log,
    container_unpause,
    containers_list,
    containers_usage,
)
from .edits import (
    file_remove,
    file_remove_folder,
    file_remove_link,
    file_restore,
    file_restore_folder,
    file_restore_link,
    file_set_mode,
    file_set_owner,
    log_truncate,
)
from .fail2ban import (
    fail2ban_ban,
    fail2ban_ban_again,
    fail2ban_banned,
    fail2ban_unban,
)
from .files import config_read, environment_read, file_diff, file_state, log_tail
from .firewall import firewall_remove_rule, firewall_restore_rule, firewall_rule
from .folders import folder_list
from .frozen import file_set_frozen
from .fstab import mount_drop_option
from .haproxy import (
    haproxy_server,
    haproxy_servers,
    haproxy_set_state,
    haproxy_set_weight,
)
from .host import filesystems, identity, persons
from .job_locks import lock_put_back, lock_remove
from .job_runs import job_end_extra_runs, job_scripts
from .kernel_settings import kernel_set, kernel_setting, kernel_settings
from .libraries import library_set_aside, library_set_back
from .links import link_down, link_set_mtu, link_show, link_up
from .load import host_load
from .logs import log_find, log_head
from .mariadb import (
    mariadb_set_global,
    mariadb_set_word,
    mariadb_state,
    mariadb_terminate_idle,
    mariadb_variable,
    mariadb_word,
)
from .mariadb_accounts import (
    mariadb_account,
    mariadb_grant,
    mariadb_move_account,
    mariadb_revoke,
    mariadb_rights,
    mariadb_set_account,
)
from .misspelt import access_correct_word, config_correct_word, config_misspelt
from .mounts import mount_attach, mount_detach, mount_resize, mount_set_write, mount_state
from .moving import file_move_aside, file_move_back
from .neighbours import neighbour_add, neighbour_remove, neighbour_show
from .network import http_local, listeners, network, tcp_connect
from .nginx import nginx_dump
from .nginx_limits import nginx_set_limit
from .packages import (
    package_install_cached,
    package_remove_installed,
    package_state,
    packages_list,
)
from .path_access import path_access
from .places import Places
from .policy_rules import policy_rule_add, policy_rule_remove, policy_rule_show
from .postgres import (
    postgres_session,
    postgres_state,
    postgres_terminate_idle,
    postgres_terminate_session,
)
from .postgres_access import (
    postgres_database,
    postgres_grant,
    postgres_grants,
    postgres_revoke,
    postgres_role,
    postgres_set_database,
    postgres_set_role,
)
from .postgres_defaults import postgres_default, postgres_renew_sessions, postgres_set_default
from .postgres_rights import postgres_give_right, postgres_right, postgres_take_right
from .postgres_sequences import postgres_advance_sequence, postgres_sequence
from .postgres_system import postgres_set_system, postgres_system
from .postgres_upkeep import (
    postgres_create_index,
    postgres_drop_index,
    postgres_drop_slot,
    postgres_index,
    postgres_set_autovacuum,
    postgres_slot,
    postgres_table,
    postgres_vacuum,
)
from .processes import (
    process_continue,
    process_set_nice,
    process_state,
    process_stop,
    process_terminate,
    process_terminate_stray,
    processes,
)
from .receipts import receipt_read
from .redis import (
    redis_memory,
    redis_save,
    redis_set,
    redis_set_maxmemory,
    redis_set_word,
    redis_setting,
    redis_state,
    redis_word,
)
from .refusal import Failed
from .renaming import file_rename
from .routes import (
    route_add,
    route_block,
    route_remove,
    route_replace,
    route_show,
    route_unblock,
)
from .security import security_signs
from .shaping import qdisc_remove, qdisc_restore, qdisc_show, qdiscs
from .shared_files import files_shared
from .space import log_truncate_deleted, packages_clean_cache
from .ties import unit_ties
from .unit_logs import unit_logs
from .web_errors import web_errors

BUILTINS: dict[str, Builtin] = {
    function.__name__: function
    for function in (
        access_correct_word,
        access_remove,
        access_restore,
        access_set_mode,
        account_create,
        account_remove,
        account_set_expiry,
        account_set_shell,
        account_state,
        accounts_list,
        baseline_manifest,
        baseline_store,
        certificate_install,
        certificates_for_key,
        config_correct_word,
        config_misspelt,
        config_read,
        container_connect_network,
        container_disconnect_network,
        container_logs,
        container_network,
        container_pause,
        container_restart,
        container_set_restart_policy,
        container_show,
        container_start,
        container_stop,
        container_truncate_log,
        container_unpause,
        containers_list,
        containers_usage,
        cron_tables,
        disk_usage,
        environment_read,
        fail2ban_ban,
        fail2ban_ban_again,
        fail2ban_banned,
        fail2ban_unban,
        file_diff,
        file_move_aside,
        file_move_back,
        file_remove,
        file_remove_folder,
        file_remove_link,
        file_rename,
        file_restore,
        file_restore_folder,
        file_restore_link,
        file_set_acl,
        file_set_frozen,
        file_set_mode,
        file_set_owner,
        file_state,
        files_shared,
        filesystems,
        firewall_add_declared,
        firewall_declared_rule,
        firewall_lost,
        firewall_remove_declared,
        firewall_remove_rule,
        firewall_restore_rule,
        firewall_rule,
        folder_list,
        haproxy_server,
        haproxy_servers,
        haproxy_set_state,
        haproxy_set_weight,
        host_load,
        http_local,
        identity,
        job_end_extra_runs,
        job_scripts,
        kernel_set,
        kernel_setting,
        kernel_settings,
        library_set_aside,
        library_set_back,
        link_down,
        link_set_mtu,
        link_show,
        link_up,
        listeners,
        lock_put_back,
        lock_remove,
        log_find,
        log_head,
        log_tail,
        log_truncate,
        log_truncate_deleted,
        mariadb_account,
        mariadb_grant,
        mariadb_move_account,
        mariadb_revoke,
        mariadb_rights,
        mariadb_set_account,
        mariadb_set_global,
        mariadb_set_word,
        mariadb_state,
        mariadb_terminate_idle,
        mariadb_variable,
        mariadb_word,
        mount_attach,
        mount_detach,
        mount_drop_option,
        mount_resize,
        mount_set_write,
        mount_state,
        neighbour_add,
        neighbour_remove,
        neighbour_show,
        network,
        nginx_dump,
        nginx_set_limit,
        package_install_cached,
        package_remove_installed,
        package_state,
        packages_clean_cache,
        packages_list,
        path_access,
        persons,
        policy_rule_add,
        policy_rule_remove,
        policy_rule_show,
        postgres_advance_sequence,
        postgres_create_index,
        postgres_database,
        postgres_default,
        postgres_drop_index,
        postgres_drop_slot,
        postgres_give_right,
        postgres_grant,
        postgres_grants,
        postgres_index,
        postgres_renew_sessions,
        postgres_revoke,
        postgres_right,
        postgres_role,
        postgres_sequence,
        postgres_session,
        postgres_set_autovacuum,
        postgres_set_database,
        postgres_set_default,
        postgres_set_role,
        postgres_set_system,
        postgres_slot,
        postgres_state,
        postgres_system,
        postgres_table,
        postgres_take_right,
        postgres_terminate_idle,
        postgres_terminate_session,
        postgres_vacuum,
        process_continue,
        process_set_nice,
        process_state,
        process_stop,
        process_terminate,
        process_terminate_stray,
        processes,
        processors_busy,
        qdisc_remove,
        qdisc_restore,
        qdisc_show,
        qdiscs,
        receipt_read,
        redis_memory,
        redis_save,
        redis_set,
        redis_set_maxmemory,
        redis_set_word,
        redis_setting,
        redis_state,
        redis_word,
        route_add,
        route_block,
        route_remove,
        route_replace,
        route_show,
        route_unblock,
        security_signs,
        tcp_connect,
        unit_logs,
        unit_ties,
        web_errors,
    )
}


def run_builtin(name: str, params: Params, places: Places) -> int:
    """Run one in its own process; a failure is a sentence on standard error."""
    try:
        return BUILTINS[name](params, places)
    except (Failed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
