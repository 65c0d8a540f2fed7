"""Puts together what watches the service and tells of it: metrics, traces, alerts.

Apprise and OpenTelemetry are imported only where there is somebody to send to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from app.alerts.watchdog import Lookout, Receiver, Watchdog
from app.api import health
from app.api.parts import Parts
from app.audit import patrol as patrolling
from app.audit.alerts import Alerts
from app.audit.conditions import SEEN_HERE, Conditions, Patience
from app.audit.figures import Measuring
from app.audit.patrol import Patrol
from app.engine.parts import Records
from app.models.database import Database
from app.secrets.live import LiveSecret
from app.secrets.reference import is_reference, literal
from app.settings import Settings
from app.telemetry.metrics import About, Metrics
from app.telemetry.tracing import Tracer, Untraced


def check_addresses(settings: Settings) -> None:
    """Raises ConfigurationError for a wrong address that stands in ALERT_URLS itself."""
    text = settings.alert_urls.get_secret_value() if settings.alert_urls is not None else ""
    if text and not is_reference(text):
        from app.alerts.destinations import destinations_of

        destinations_of(literal(text))


def receivers(settings: Settings) -> Callable[[], Sequence[Receiver]]:
    """Who is told of alerts, asked for at each look: what ALERT_URLS names may be rotated."""
    urls = settings.alert_urls
    if urls is None or not (isinstance(urls, LiveSecret) or urls.get_secret_value().strip()):
        return tuple
    from app.alerts.destinations import Addresses

    return Addresses(urls)


def watchdog(
    settings: Settings,
    database: Database,
    records: Records,
    worker_id: str,
) -> Watchdog:
    """Who looks for what needs a person, and tells."""
    patience = Patience(
        stuck_seconds=settings.alert_stuck_seconds,
        approval_seconds=settings.alert_approval_seconds,
        tell_escalated=settings.alert_on_escalated,
    )
    return Watchdog(
        worker_id,
        lookouts=[
            Lookout(kinds=SEEN_HERE, look=Conditions(database, patience).look),
            _audit(settings, database, worker_id),
        ],
        receivers=receivers(settings),
        alerts=Alerts(database),
        leases=records.leases,
        workers=records.workers,
        repeat_seconds=settings.alert_repeat_seconds,
        public_url=settings.public_url,
    )


def _audit(settings: Settings, database: Database, worker_id: str) -> Lookout:
    """Who verifies the audit while the service runs."""
    patrol = Patrol(database, worker=worker_id, all_seconds=settings.audit_verify_all_seconds)
    return Lookout(
        kinds=patrolling.KINDS, look=patrol.look, every_seconds=settings.audit_verify_seconds
    )


def tracer(settings: Settings) -> Tracer:
    """Who traces executions."""
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        return Untraced()
    from app.telemetry.otlp import OtlpTracer

    mode = "real" if settings.enable_real_ssh else "simulated"
    return OtlpTracer(endpoint, version=health.VERSION, mode=mode)


def metrics(parts: Parts) -> Metrics:
    """The figures of the database, with what this process says of itself."""
    return Metrics(Measuring(parts.database).figures, partial(_about, parts))


def _about(parts: Parts) -> About:
    return About(
        version=health.VERSION,
        simulated=parts.hands.simulated,
        autonomy_level=parts.policy.base_level(parts.settings).value,
        worker_alive=parts.engine.alive,
        hosts=frozenset(parts.inventory.by_name),
    )
