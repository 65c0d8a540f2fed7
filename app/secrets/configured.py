"""The secrets of an installation: which sources its settings make, and which settings name any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from app.errors import ConfigurationError
from app.redaction.redactor import REDACTOR
from app.secrets.aws import AwsSource
from app.secrets.local import EnvironmentSource, FileSource
from app.secrets.reference import Reference, Scheme, is_reference, literal
from app.secrets.secrets import Secrets, Source
from app.secrets.vault import VaultLogin, VaultSource
from app.settings import Settings

_LOCAL: dict[Scheme, Callable[[], Source]] = {
    Scheme.ENV: EnvironmentSource,
    Scheme.FILE: FileSource,
}


def secrets_of(settings: Settings) -> Secrets:
    """The one `Secrets` of a process. Contacts nothing; what settings hold is redacted from now."""
    for text in _held_by(settings):
        REDACTOR.know(text)
    return Secrets(
        {
            **_LOCAL,
            Scheme.VAULT: lambda: VaultSource(_vault_login(settings)),
            Scheme.AWS: lambda: AwsSource(
                region=settings.aws_region, seconds=settings.secrets_timeout_seconds
            ),
        },
        cache_seconds=settings.secrets_cache_seconds,
        timeout_seconds=settings.secrets_timeout_seconds,
    )


def _held_by(settings: Settings) -> Iterator[str]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr) and not is_reference(value.get_secret_value()):
            yield literal(value.get_secret_value())
    password = urlsplit(settings.database_url).password
    if password:
        yield unquote(password)


def named_by(settings: Settings) -> dict[str, str]:
    """Every secret setting that holds a reference: the setting's name, and the reference."""
    found = {name.upper(): getattr(settings, name) for name in type(settings).model_fields}
    return {
        name: value.get_secret_value()
        for name, value in found.items()
        if isinstance(value, SecretStr) and is_reference(value.get_secret_value())
    }


def _vault_login(settings: Settings) -> VaultLogin:
    if settings.vault_addr is None:
        raise ConfigurationError(
            "A secret is named by vault:..., but VAULT_ADDR is not set.",
            hint="docs/howto/secrets.md shows what Vault needs.",
        )
    return VaultLogin(
        address=settings.vault_addr,
        namespace=settings.vault_namespace,
        ca_file=settings.vault_cacert,
        token=_bootstrap("VAULT_TOKEN", settings.vault_token),
        role_id=settings.vault_role_id,
        secret_id=_bootstrap("VAULT_SECRET_ID", settings.vault_secret_id),
        approle_mount=settings.vault_approle_mount,
        seconds=settings.secrets_timeout_seconds,
    )


def _bootstrap(name: str, setting: SecretStr | None) -> Callable[[], str] | None:
    """What opens Vault: the secret itself, env: or file:. It is read again at each login."""
    if setting is None:
        return None
    text = setting.get_secret_value()
    if not is_reference(text):
        return lambda: literal(text)
    reference = Reference.parse(text)
    if reference.scheme not in _LOCAL:
        raise ConfigurationError(
            f"{name} is named by {reference.scheme}:...; expected env or file."
        )
    return lambda: _LOCAL[reference.scheme]().read(reference)
