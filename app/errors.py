"""Everything that can go wrong, in one tree. Each error has a code that the API and the docs name.

    SreAgentError
    ├── ConfigurationError            configuration-invalid
    │   ├── InventoryError            inventory-invalid
    │   ├── PolicyFileError           policy-invalid
    │   ├── SourcesFileError          sources-invalid
    │   ├── CatalogError              catalog-invalid
    │   ├── KnowledgeError            knowledge-invalid
    │   └── SecretReferenceInvalid    secret-reference-invalid
    ├── SecretUnavailable             secret-unavailable
    │   ├── SecretMissing             secret-missing
    │   └── SecretDenied              secret-denied
    ├── IncidentRejected              incident-rejected
    │   ├── UnknownTarget             target-unknown
    │   └── ContradictoryTarget       target-contradictory
    ├── NotFound                      not-found
    ├── Conflict                      conflict
    ├── Unauthorized                  unauthorized
    ├── Forbidden                     forbidden
    ├── Busy                          busy
    │   ├── RateLimited               rate-limited
    │   └── DiskNearlyFull            disk-nearly-full
    ├── IdentityProviderFailed        identity-provider-failed
    ├── DatabaseNotReady              database-not-ready
    ├── ActionRejected                action-rejected
    ├── HostUnreachable               host-unreachable
    │   ├── HostKeyMismatch           host-key-mismatch
    │   ├── LoginRefused              login-refused
    │   └── HostNotEnrolled           host-not-enrolled
    ├── ServiceNowError               servicenow-error
    │   ├── ServiceNowUnavailable     servicenow-unavailable
    │   │   └── ServiceNowUncertain   servicenow-uncertain
    │   └── ServiceNowRefused         servicenow-refused
    ├── RecordingMissing              recording-missing
    ├── AuditWriteFailed              audit-write-failed
    │   └── AuditKeyUnusable          audit-key-unusable
    └── EngineError                   engine-error
        └── Fenced                    worker-fenced

An error's text is for the person who reads it at night: what was wrong, what was expected, what to
do. It never carries a secret, and the API adds nothing to it.
"""

from __future__ import annotations


class SreAgentError(Exception):
    """The root. `code` is stable; `hint` says what to do about it.

    `may_pass`: it is the database that is away, and the same may well be done in a moment.
    """

    code = "internal-error"

    def __init__(self, message: str, *, hint: str = "", may_pass: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.may_pass = may_pass

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ConfigurationError(SreAgentError):
    """A setting or a file is wrong. Raised at start, before anything is served or contacted."""

    code = "configuration-invalid"


class InventoryError(ConfigurationError):
    """The inventory names a host wrongly, twice, or with an unusable key."""

    code = "inventory-invalid"


class PolicyFileError(ConfigurationError):
    """The policy file does not say what a policy file says."""

    code = "policy-invalid"


class SourcesFileError(ConfigurationError):
    """The file of sources does not say what it should, or a secret that it names is missing."""

    code = "sources-invalid"


class CatalogError(ConfigurationError):
    """An entry of the action catalog breaks one of the catalog's rules."""

    code = "catalog-invalid"


class KnowledgeError(ConfigurationError):
    """A failure mode's file is malformed, or asks for facts or actions that do not exist."""

    code = "knowledge-invalid"


class SecretReferenceInvalid(ConfigurationError):
    """A secret is named in a form that leads nowhere."""

    code = "secret-reference-invalid"


class SecretUnavailable(SreAgentError):
    """The place that holds a secret cannot be asked, or did not answer in time."""

    code = "secret-unavailable"


class SecretMissing(SecretUnavailable):
    """The place answered, but it holds no such secret."""

    code = "secret-missing"


class SecretDenied(SecretUnavailable):
    """The place does not give the secret to the agent, or is open to others."""

    code = "secret-denied"


class IncidentRejected(SreAgentError):
    """The webhook's body is not an incident that this service can take on."""

    code = "incident-rejected"


class UnknownTarget(IncidentRejected):
    """No host of the inventory goes by the name or address in the ticket."""

    code = "target-unknown"


class ContradictoryTarget(IncidentRejected):
    """The ticket's name and address mean two different hosts of the inventory."""

    code = "target-contradictory"


class NotFound(SreAgentError):
    """There is no such thing."""

    code = "not-found"


class Conflict(SreAgentError):
    """It was already decided, or it changed since it was looked at."""

    code = "conflict"


class Unauthorized(SreAgentError):
    """Nobody said who asks."""

    code = "unauthorized"


class Forbidden(SreAgentError):
    """Who asks may not do this."""

    code = "forbidden"


class Busy(SreAgentError):
    """The service has more work than it may hold; `retry_after_seconds` says when to come back."""

    code = "busy"

    def __init__(self, message: str, *, retry_after_seconds: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class RateLimited(Busy):
    """Who asks has asked too often; `retry_after_seconds` says when to come back."""

    code = "rate-limited"


class DiskNearlyFull(Busy):
    """There is too little room to write down one more incident; what is at work goes on."""

    code = "disk-nearly-full"


class IdentityProviderFailed(SreAgentError):
    """The OpenID provider cannot be reached, or is not the one of the settings."""

    code = "identity-provider-failed"


class DatabaseNotReady(SreAgentError):
    """The database cannot be reached, or its tables are not those of this version."""

    code = "database-not-ready"


class ActionRejected(SreAgentError):
    """A call does not match its catalog entry: unknown action, wrong type, wrong host."""

    code = "action-rejected"


class HostUnreachable(SreAgentError):
    """No SSH session could be had: refused, timed out, cut."""

    code = "host-unreachable"


class HostKeyMismatch(HostUnreachable):
    """The host showed another key than the pinned one. Nothing was sent to it."""

    code = "host-key-mismatch"


class LoginRefused(HostUnreachable):
    """The host did not accept the agent's key."""

    code = "login-refused"


class HostNotEnrolled(HostUnreachable):
    """The gate is missing on the host, or is of another version than the catalog."""

    code = "host-not-enrolled"


class ServiceNowError(SreAgentError):
    """ServiceNow could not be asked, or its answer cannot be used."""

    code = "servicenow-error"


class ServiceNowUnavailable(ServiceNowError):
    """It does not answer, is asleep, limits us or does not let us in: the same again, later.

    `retry_after_seconds` is what it asked for; None where it did not say. `everyone`: every other
    request would fare the same now.
    """

    code = "servicenow-unavailable"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retry_after_seconds: float | None = None,
        everyone: bool = True,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds
        self.everyone = everyone


class ServiceNowUncertain(ServiceNowUnavailable):
    """A write was sent and no usable answer came: look first whether it was done.

    `at_work`: ServiceNow itself has not answered, so it may still be carrying the write out.
    """

    code = "servicenow-uncertain"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retry_after_seconds: float | None = None,
        everyone: bool = True,
        at_work: bool = False,
    ) -> None:
        super().__init__(
            message, hint=hint, retry_after_seconds=retry_after_seconds, everyone=everyone
        )
        self.at_work = at_work


class ServiceNowRefused(ServiceNowError):
    """ServiceNow understood and said no; the message has its words. Asking again is vain."""

    code = "servicenow-refused"


class RecordingMissing(SreAgentError):
    """A simulated host was asked something that its recording does not hold."""

    code = "recording-missing"


class AuditWriteFailed(SreAgentError):
    """A record could not be written. What it would have recorded must not happen."""

    code = "audit-write-failed"


class AuditKeyUnusable(AuditWriteFailed):
    """The key that the audit's chain is made with is missing, or others may read it."""

    code = "audit-key-unusable"


class EngineError(SreAgentError):
    """The durable engine cannot run or resume an execution."""

    code = "engine-error"


class Fenced(EngineError):
    """Another worker has this execution by now: what this one still meant to do is not done."""

    code = "worker-fenced"
