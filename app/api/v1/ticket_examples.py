"""Tickets as examples for the API's documentation; the tests post every one of them."""

from __future__ import annotations

from app.domain.value import JsonObject

FLAT: JsonObject = {
    "incident_number": "INC0010001",
    "short_description": "Web server down - 500 errors",
    "description": "The main web server is returning 500 internal server errors.",
    "priority": "1 - Critical",
    "category": "Software",
    "assignment_group": "SRE Team",
    "state": "2",
    "target": {
        "ip_address": "10.0.1.100",
        "hostname": "web-prod-01.company.com",
        "service": "nginx",
    },
}

RECORD: JsonObject = {
    "sys_id": "9d385017c611228701d22104cc95c371",
    "number": "INC0010002",
    "short_description": "Web server down - 500 errors",
    "description": "",
    "priority": "1",
    "category": "software",
    "assignment_group": {
        "link": "https://example.service-now.com/api/now/table/sys_user_group/287ebd7d",
        "value": "287ebd7da9fe198100f92cc8d1d2154e",
    },
    "state": "2",
    "cmdb_ci": {
        "display_value": "web-prod-01.company.com",
        "link": "https://example.service-now.com/api/now/table/cmdb_ci/b0c4030a",
    },
    "caller_id": "",
    "u_region": "eu-west",
}

DISPLAY_PAIRS: JsonObject = {
    "result": {
        "number": {"display_value": "INC0010003", "value": "INC0010003"},
        "short_description": {
            "display_value": "Web server down - 500 errors",
            "value": "Web server down - 500 errors",
        },
        "priority": {"display_value": "1 - Critical", "value": "1"},
        "state": {"display_value": "In Progress", "value": "2"},
        "cmdb_ci": {
            "display_value": "web-prod-01.company.com",
            "value": "b0c4030ac0a8000001c9dd3f2b8b3b8b",
        },
    }
}

EXAMPLES: dict[str, JsonObject] = {
    "The flat form": FLAT,
    "A record of the Table API": RECORD,
    "display_value=all, inside result": DISPLAY_PAIRS,
}
