"""Every route of version 1."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.v1.endpoints import (
    alertmanager,
    alerts,
    approvals,
    audit,
    hosts,
    incident,
    keys,
    outbox,
    past,
    pausing,
    sre_agent,
)

router = APIRouter()
router.include_router(incident.router)
router.include_router(alertmanager.router)
router.include_router(sre_agent.router)
router.include_router(past.router)
router.include_router(approvals.router)
router.include_router(hosts.router)
router.include_router(keys.router)
router.include_router(outbox.router)
router.include_router(pausing.router)
router.include_router(alerts.router)
router.include_router(audit.router)
