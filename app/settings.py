"""Every setting, with its reason. The only reader of the environment; frozen after start.

Values come from the environment, then from `.env` in the working directory. docs/reference/
settings.md has a line for each; a test holds the two together.
"""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import ConfigurationError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

SERVICENOW_WAYS = (
    "SERVICENOW_INSTANCE_URL needs exactly one of: SERVICENOW_USERNAME with _PASSWORD, "
    "SERVICENOW_CLIENT_ID with _CLIENT_SECRET, SERVICENOW_API_KEY"
)


class AutonomyLevel(StrEnum):
    """How much the agent may do alone. Ordered; only ever lowered at run time."""

    L0 = "L0"  # simulate
    L1 = "L1"  # read
    L2 = "L2"  # propose, a person approves each change
    L3 = "L3"  # make changes that have a verified inverse
    L4 = "L4"  # make disruptive changes too, within budgets

    @property
    def rank(self) -> int:
        return int(self.value[1])


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    # --- what it may touch -------------------------------------------------------------------
    enable_real_ssh: bool = Field(
        default=False, description="true: contact real hosts. Otherwise every host is simulated."
    )
    autonomy_level: AutonomyLevel | None = Field(
        default=None,
        description="L0..L4; default L0 while simulating and L2 with ENABLE_REAL_SSH=true.",
    )
    inventory_file: Path | None = Field(
        default=None,
        description="YAML (ours) or an Ansible inventory; default: DEVELOPMENT_TARGETS of "
        "ssh_config.py.",
    )
    policy_file: Path | None = Field(
        default=None, description="YAML: autonomy by host and action, budgets, approvers."
    )
    ssh_known_hosts_file: Path | None = Field(
        default=None, description="Pinned host keys for hosts without `host_key` of their own."
    )
    recordings_dir: Path | None = Field(
        default=None, description="Recordings that simulated hosts replay; default: the shipped."
    )
    knowledge_dir: Path | None = Field(
        default=None, description="A site's own failure modes, beside the shipped ones."
    )

    # --- where it keeps things ---------------------------------------------------------------
    database_url: str = Field(
        default="sqlite+aiosqlite:///./var/sre-agent.sqlite",
        description="SQLAlchemy URL; sqlite+aiosqlite:///FILE or postgresql+psycopg://...",
    )

    audit_key_file: Path | None = Field(
        default=None,
        description="The audit's keys, mode 0600; default: beside the database, made at first use.",
    )
    audit_checkpoint_file: Path | None = Field(
        default=None,
        description="Signed checkpoints of the audit's chain; default: beside the database.",
    )
    audit_checkpoint_every: int = Field(
        default=100, ge=1, description="Entries of the chain after which a checkpoint is written."
    )
    audit_verify_seconds: float = Field(
        default=15.0, ge=1, description="How often the service verifies what is new in the chain."
    )
    audit_verify_all_seconds: float = Field(
        default=3600.0, ge=1, description="How often it verifies the whole chain and every row."
    )

    # --- how long it keeps them --------------------------------------------------------------
    retention_days: int = Field(
        default=0,
        ge=0,
        description="Executions that ended so many days ago are archived, once a day; 0: kept for "
        "ever.",
    )
    archive_dir: Path | None = Field(
        default=None, description="Where archives are written; default: beside the database."
    )
    min_free_mb: int = Field(
        default=256,
        ge=0,
        description="With less room left on the disk no new incident is taken on; 0: never mind.",
    )

    # --- how it serves -----------------------------------------------------------------------
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0: any free.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG shows each command and its timing."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto: console on a terminal, JSON lines otherwise."
    )

    # --- who may knock -----------------------------------------------------------------------
    sources_file: Path | None = Field(
        default=None, description="YAML: who may hand in incidents, and how each proves itself."
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s?#@]+$",
        description="How browsers reach the server, where a proxy stands before it. Work notes and "
        "alerts lead to the pages there.",
    )
    sre_agent_token: SecretStr | None = Field(
        default=None,
        description="What the commands show to the server: a key or a token, or a reference to it.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#@]+$",
        description="https://...: people log in at this OpenID provider too.",
    )
    oidc_client_id: str | None = Field(default=None, description="What it knows the agent as.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="The secret with it.")
    oidc_role_claim: str = Field(
        default="groups", description="The claim of the ID token that says what somebody is."
    )
    oidc_roles: dict[str, str] | None = Field(
        default=None,
        description='JSON: a value of that claim to a role, {"sre-oncall": "operator"}; the first '
        "that fits counts.",
    )
    session_idle_seconds: int = Field(
        default=3600, ge=60, description="How long somebody may be idle and stay logged in."
    )
    session_max_seconds: int = Field(
        default=43200, ge=60, description="How long a login lasts at most."
    )
    oidc_session_max_seconds: int = Field(
        default=3600,
        ge=60,
        description="How long a login at OIDC_ISSUER lasts at most: for so long a role holds that "
        "was taken away there.",
    )
    rate_limit_per_minute: int = Field(
        default=3000, ge=1, description="Requests a minute of one key, source or person."
    )
    refusals_per_minute: int = Field(
        default=120,
        ge=1,
        description="Wrong credentials a minute of one address, and logins begun; then 429.",
    )

    # --- limits of one execution -------------------------------------------------------------
    execution_max_seconds: int = Field(
        default=600, ge=10, description="Working time after which an execution escalates."
    )
    execution_max_commands: int = Field(
        default=200, ge=5, description="Catalog entries run on hosts before it escalates."
    )
    execution_max_rounds: int = Field(
        default=6, ge=1, description="Rounds of hypothesize and diagnose before it escalates."
    )
    execution_max_changes: int = Field(
        default=3, ge=1, description="Different repairs tried before it escalates."
    )
    reach_seconds: float = Field(
        default=60.0, ge=0, description="How long a host that is cut off is asked again."
    )
    watch_seconds_reversible: float = Field(
        default=10.0, ge=0, description="How long health must last after a reversible change."
    )
    watch_seconds_disruptive: float = Field(
        default=45.0, ge=0, description="How long health must last after a disruptive change."
    )
    worker_concurrency: int = Field(
        default=8, ge=1, description="Executions worked on at a time by one process."
    )
    host_concurrency: int = Field(
        default=2,
        ge=1,
        description="Executions worked on at a time about one host; only one of them changes it. "
        "1: each begins when the one before it has ended.",
    )
    group_concurrency: int | None = Field(
        default=None,
        ge=1,
        description="The same about all hosts of a group; unset: no such limit.",
    )
    fleet_concurrency: int | None = Field(
        default=None,
        ge=1,
        description="Executions worked on at a time by all processes; unset: no such limit. Not "
        "below WORKER_CONCURRENCY.",
    )
    stop_seconds: float = Field(
        default=10.0,
        ge=0,
        description="How long the steps under way may take to end when a process is told to stop.",
    )
    queue_limit: int = Field(
        default=1000, ge=1, description="Active executions above which the webhook answers 429."
    )
    approval_request_ttl_seconds: int = Field(
        default=7 * 24 * 3600, ge=60, description="How long a question to a person stays open."
    )
    approval_grant_ttl_seconds: int = Field(
        default=15 * 60, ge=30, description="How long a person's yes carries."
    )

    # --- who is told, and what watches it ----------------------------------------------------
    alert_urls: SecretStr | None = Field(
        default=None,
        description="Where alerts are sent: Apprise addresses, separated by blanks, or a reference "
        "to all of them. They hold tokens, so none is ever shown. Unset: alerts are kept and "
        "shown, and nobody is told.",
    )
    alert_on_escalated: bool = Field(
        default=True, description="Whether an incident that is handed over is an alert."
    )
    alert_repeat_seconds: int = Field(
        default=4 * 3600, ge=60, description="How often an alert that goes on is told again."
    )
    alert_stuck_seconds: int = Field(
        default=300,
        ge=60,
        description="Without progress for so long an execution is stuck. Longer than the longest "
        "single step: waiting for a host, a command's own limit, the watch after a change.",
    )
    alert_approval_seconds: int = Field(
        default=15 * 60, ge=10, description="A question that waits for so long is an alert."
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        description="http://COLLECTOR:4318: traces are sent there by OTLP over HTTP. Unset: "
        "nothing is traced.",
    )

    # --- outside services --------------------------------------------------------------------
    servicenow_instance_url: str | None = Field(
        default=None,
        description="https://INSTANCE.service-now.com; unset: no ticket is updated.",
    )
    servicenow_username: str | None = Field(default=None, description="The integration user.")
    servicenow_password: SecretStr | None = Field(default=None, description="Its password.")
    servicenow_client_id: str | None = Field(
        default=None, description="OAuth client credentials, instead of the password."
    )
    servicenow_client_secret: SecretStr | None = Field(
        default=None, description="The OAuth client's secret."
    )
    servicenow_api_key: SecretStr | None = Field(
        default=None, description="An API key, instead of the password."
    )
    servicenow_ca_file: Path | None = Field(
        default=None, description="PEM: a private authority that signed the instance's certificate."
    )
    servicenow_assignment_group: str | None = Field(
        default=None,
        description="Name or sys_id; set: its new incidents are also found by polling.",
    )
    servicenow_escalation_group: str | None = Field(
        default=None, description="Name or sys_id; set: what a person must do is assigned to it."
    )
    servicenow_close_code: str | None = Field(
        default=None, description="Resolution code; default: a usual one that the instance has."
    )
    servicenow_poll_seconds: float = Field(
        default=60.0, ge=1, description="How often the tickets at work are looked at."
    )
    servicenow_write_simulated: bool = Field(
        default=False, description="true: simulated executions write marked work notes, too."
    )
    openai_api_key: SecretStr | None = Field(
        default=None, description="Set: ChatOpenAI reasons beside the built-in reasoner."
    )
    openai_base_url: str | None = Field(
        default=None, description="An OpenAI-compatible server; default: OpenAI's own."
    )
    openai_proxy: str | None = Field(
        default=None, description="http://PROXY:PORT by which the model's server is reached."
    )
    openai_model: str = Field(default="gpt-4.1-mini", description="The model's name there.")
    openai_timeout_seconds: float = Field(
        default=20.0, ge=1, le=90, description="Time for a model, all calls of an execution."
    )
    openai_max_tokens: int = Field(
        default=40_000, ge=1000, description="Tokens, in and out, of all calls of an execution."
    )
    openai_max_cost: float = Field(
        default=0.0, ge=0, description="Money for all calls of an execution; 0: no such limit."
    )
    openai_price_in: float = Field(default=0.0, ge=0, description="Of a million tokens sent.")
    openai_price_out: float = Field(default=0.0, ge=0, description="Of a million answered ones.")

    # --- where secrets come from -------------------------------------------------------------
    secrets_cache_seconds: float = Field(
        default=60.0,
        ge=0,
        description="How long a secret is kept in memory before it is asked for anew.",
    )
    secrets_timeout_seconds: float = Field(
        default=10.0, gt=0, le=120, description="How long the place of a secret may take to answer."
    )
    vault_addr: str | None = Field(default=None, description="https://HOST:8200 of a Vault.")
    vault_namespace: str | None = Field(
        default=None, description="Its namespace, where it has any."
    )
    vault_cacert: Path | None = Field(
        default=None, description="Certificates of a private authority that signed Vault's own."
    )
    vault_token: SecretStr | None = Field(default=None, description="A token to log in with.")
    vault_role_id: str | None = Field(default=None, description="AppRole: who the agent is.")
    vault_secret_id: SecretStr | None = Field(default=None, description="AppRole: its secret.")
    vault_approle_mount: str = Field(
        default="approle", description="Where AppRole is mounted in Vault."
    )
    aws_region: str | None = Field(
        default=None, description="Region of AWS Secrets Manager; default: boto3's own."
    )

    @field_validator("database_url")
    @classmethod
    def _async_driver(cls, url: str) -> str:
        """Accept the short forms that people paste; name the drivers that we ship."""
        for short, full in (
            ("sqlite:///", "sqlite+aiosqlite:///"),
            ("postgresql://", "postgresql+psycopg://"),
            ("postgres://", "postgresql+psycopg://"),
        ):
            if url.startswith(short):
                return full + url[len(short) :]
        if not url.startswith(("sqlite+aiosqlite:///", "postgresql+psycopg://")):
            scheme = url.split(":", 1)[0]
            raise ValueError(
                f"DATABASE_URL has the scheme {scheme!r}; expected sqlite+aiosqlite:///FILE or "
                "postgresql+psycopg://USER@HOST/DATABASE"
            )
        return url

    @field_validator("servicenow_instance_url")
    @classmethod
    def _encrypted(cls, url: str | None) -> str | None:
        """TLS always, since every request carries a credential; loopback stays on the machine."""
        if url is None:
            return None
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or local):
            raise ValueError("expected https://INSTANCE.service-now.com (http only on loopback)")
        if parts.username or parts.query or parts.path.strip("/"):
            raise ValueError("expected the instance's address alone: https://HOST[:PORT]")
        return url.rstrip("/")

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it is no web address; expected http://COLLECTOR:4318")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _servicenow_complete(self) -> Settings:
        """An instance and exactly one way to log in, or nothing."""
        # a user name alone may stand beside another way: it says who "we" are on the instance
        password = self.servicenow_password is not None
        client = self.servicenow_client_id is not None
        if password and not self.servicenow_username:
            raise ValueError(f"SERVICENOW_USERNAME is missing: {SERVICENOW_WAYS}")
        if client != (self.servicenow_client_secret is not None):
            raise ValueError(f"half of an OAuth client is missing: {SERVICENOW_WAYS}")
        ways = [password, client, self.servicenow_api_key is not None]
        if self.servicenow_instance_url is None and (any(ways) or self.servicenow_username):
            raise ValueError(f"SERVICENOW_INSTANCE_URL is missing: {SERVICENOW_WAYS}")
        if self.servicenow_instance_url is not None and sum(ways) != 1:
            raise ValueError(SERVICENOW_WAYS)
        return self

    @model_validator(mode="after")
    def _oidc_complete(self) -> Settings:
        if self.oidc_issuer is None:
            return self
        needed = {
            "OIDC_CLIENT_ID": self.oidc_client_id,
            "OIDC_CLIENT_SECRET": self.oidc_client_secret,
            "OIDC_ROLES": self.oidc_roles,
            "PUBLIC_URL": self.public_url,
        }
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise ValueError(f"OIDC_ISSUER needs {' and '.join(missing)} too")
        parts = urlsplit(self.oidc_issuer)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("OIDC_ISSUER must be https://, since who you are comes from there")
        return self

    @model_validator(mode="after")
    def _fleet_holds_a_worker(self) -> Settings:
        if self.fleet_concurrency is not None and self.fleet_concurrency < self.worker_concurrency:
            raise ValueError("FLEET_CONCURRENCY must not be below WORKER_CONCURRENCY")
        return self

    @field_validator("openai_api_key", mode="before")
    @classmethod
    def _empty_is_none(cls, key: object) -> object:
        """An empty key, as one writes it to switch off what `.env` sets, is none."""
        return key or None

    @field_validator("openai_base_url", "openai_proxy")
    @classmethod
    def _http_address(cls, url: str | None) -> str | None:
        """An address that can be spoken to; an empty one is none."""
        parts = urlsplit(url or "")
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("expected http://HOST:PORT/... or https://HOST/...")
        return url or None

    @model_validator(mode="after")
    def _money_can_be_counted(self) -> Settings:
        if self.openai_max_cost and not (self.openai_price_in or self.openai_price_out):
            raise ValueError(
                "OPENAI_MAX_COST needs OPENAI_PRICE_IN and OPENAI_PRICE_OUT: without prices "
                "nothing can be counted"
            )
        return self

    @cached_property
    def effective_autonomy(self) -> AutonomyLevel:
        """The global level: L0 unless real SSH is on, whatever AUTONOMY_LEVEL says."""
        if not self.enable_real_ssh:
            return AutonomyLevel.L0
        return self.autonomy_level or AutonomyLevel.L2

    @property
    def uses_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def sqlite_path(self) -> Path | None:
        """The database's file, where it is one."""
        if not self.uses_sqlite:
            return None
        return Path(self.database_url.split(":///", 1)[1])

    @property
    def audit_keys_at(self) -> Path:
        """Where the audit's keys are."""
        return self.audit_key_file or self.beside_database(".audit-keys.json")

    @property
    def audit_checkpoints_at(self) -> Path:
        """Where checkpoints of the audit's chain are written."""
        return self.audit_checkpoint_file or self.beside_database(".audit-checkpoints.jsonl")

    @property
    def retention(self) -> timedelta | None:
        """How long executions that have ended stay in the tables; None: for ever."""
        return timedelta(days=self.retention_days) if self.retention_days else None

    @property
    def archives_at(self) -> Path:
        """The folder of archived executions."""
        return self.archive_dir or self.beside_database(".archive")

    def beside_database(self, ending: str) -> Path:
        """A file or folder of the same name; for PostgreSQL under var/ in the working directory."""
        path = self.sqlite_path
        if path is None:
            path = Path("var", urlsplit(self.database_url).path.strip("/") or "sre-agent")
        return path.with_name(path.stem + ending)

    @property
    def database_url_shown(self) -> str:
        """The URL without its password, for logs and `doctor`."""
        parts = urlsplit(self.database_url)
        if parts.password is None:
            return self.database_url
        return self.database_url.replace(f":{parts.password}@", ":***@")


def read_variable(name: str) -> str | None:
    """A variable as it is now: of the environment, else of `.env`. For secrets named `env:NAME`."""
    found = os.environ.get(name)
    return dotenv_values(".env", encoding="utf-8").get(name) if found is None else found


def read_settings() -> Settings:
    """The settings of the environment and `.env`. Raises ConfigurationError with a sentence."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(_setting_and_reason(found) for found in error.errors())
        raise ConfigurationError(
            f"A setting is wrong. {wrong.rstrip('.')}.",
            hint="docs/reference/settings.md has a line for each; `sre-agent doctor` checks them.",
        ) from error


def _setting_and_reason(found: ErrorDetails) -> str:
    """One wrong setting by its name in the environment; never with its value."""
    name = "_".join(str(part) for part in found["loc"]).upper()
    reason = found["msg"].removeprefix("Value error, ")
    return f"{name}: {reason}" if name else reason
