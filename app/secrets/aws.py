"""AWS Secrets Manager: the only place that knows boto3.

Who to be comes from boto3's own chain (role of the instance or pod, profile, variables): nothing of
it is a setting here.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from app.errors import ConfigurationError, SecretDenied, SecretMissing, SecretUnavailable
from app.secrets.reference import Reference

_MISSING = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
_DENIED = frozenset(
    {"AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException",
     "InvalidSignatureException", "DecryptionFailure"}
)  # fmt: skip


class AwsSource:
    """`aws:name[#field]`. Blocking, and safe to be called from several threads."""

    def __init__(self, *, region: str | None, seconds: float = 10.0) -> None:
        self._region = region
        self._seconds = seconds
        self._lock = threading.Lock()
        self._client: Any = None  # boto3 has no types

    def read(self, reference: Reference) -> str:
        """The secret or its field. Raises SecretMissing, SecretDenied or SecretUnavailable."""
        _, exceptions, _ = _boto3()
        try:
            answer = self._connected().get_secret_value(SecretId=reference.place)
        except exceptions.ClientError as error:
            raise _refusal(reference, error.response["Error"]["Code"]) from error
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise SecretDenied(
                f"{reference}: there are no AWS credentials.",
                hint="Give the machine or pod a role, or set AWS_PROFILE.",
            ) from error
        except exceptions.BotoCoreError as error:
            raise SecretUnavailable(
                f"{reference}: AWS cannot be asked: {type(error).__name__}.",
                hint="Check AWS_REGION and the way to the endpoint.",
            ) from error
        return _value(reference, answer)

    def _connected(self) -> Any:
        boto3, _, config = _boto3()
        with self._lock:  # making a client is what boto3 does not allow from several threads
            if self._client is None:
                limits = config(
                    connect_timeout=self._seconds,
                    read_timeout=self._seconds,
                    retries={"total_max_attempts": 2, "mode": "standard"},
                )
                self._client = boto3.session.Session().client(
                    "secretsmanager", region_name=self._region, config=limits
                )
            return self._client


def _boto3() -> tuple[Any, Any, Any]:
    """boto3, its exceptions, its Config."""
    try:
        import boto3
        from botocore import exceptions
        from botocore.config import Config
    except ImportError:
        raise ConfigurationError(
            "A secret is named by aws:..., but the Python package boto3 is not installed.",
            hint="Run: pip install 'sre-agent[aws]'",
        ) from None
    return boto3, exceptions, Config


def _refusal(reference: Reference, code: str) -> SecretUnavailable:
    if code in _MISSING:
        return SecretMissing(f"{reference}: AWS has no such secret, or it is being deleted.")
    if code in _DENIED:
        return SecretDenied(
            f"{reference}: AWS refused ({code}).",
            hint="The role needs secretsmanager:GetSecretValue, and kms:Decrypt for its key.",
        )
    return SecretUnavailable(f"{reference}: AWS failed ({code}).")


def _value(reference: Reference, answer: dict[str, Any]) -> str:
    text = answer.get("SecretString")
    if text is None:
        raise SecretMissing(f"{reference} is stored as bytes; expected text.")
    if reference.field:
        text = _part(reference, text)
    if not isinstance(text, str) or not text:
        raise SecretMissing(f"{reference} holds no text.")
    return text


def _part(reference: Reference, text: str) -> object:
    try:
        stored = json.loads(text)
    except json.JSONDecodeError:
        stored = None  # the error itself would carry the secret
    if not isinstance(stored, dict):
        raise SecretMissing(f"{reference}: the secret is no JSON object, so it has no fields.")
    if reference.field not in stored:
        raise SecretMissing(f"{reference}: the secret has no field {reference.field!r}.")
    return stored[reference.field]
