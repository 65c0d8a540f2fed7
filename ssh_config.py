"""The hosts that the agent may work on, by name, for those who start without an inventory file.

Being listed is a host's opt-in: what is not here cannot be reached, whatever a ticket says. Larger
sites set INVENTORY_FILE instead (docs/howto/ssh-keys.md). Keys that a host may have: ip, username,
port, ssh_key_path, ssh_key (a reference, docs/howto/secrets.md), host_key, names, services,
depends_on, jump, groups, description, units, probes, gate, autonomy_level.
"""

from __future__ import annotations

from typing import Any

DEVELOPMENT_TARGETS: dict[str, dict[str, Any]] = {
    "web-prod-01.company.com": {
        "ip": "10.0.1.100",
        "username": "sre-agent",
        "port": 22,
        "ssh_key_path": "/etc/sre-agent/keys/sre-agent-key",
        "services": ["nginx", "apache2", "docker"],
        "description": "Main web server",
    },
}
