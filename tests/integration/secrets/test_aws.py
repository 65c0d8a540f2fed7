"""AWS Secrets Manager by its real client boto3, against moto."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from app.errors import ConfigurationError, SecretDenied, SecretMissing, SecretUnavailable
from app.secrets.aws import AwsSource
from app.secrets.configured import secrets_of
from app.secrets.reference import Reference
from app.settings import Settings

REGION = "eu-central-1"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty Secrets Manager."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name=REGION)


def read(reference: str) -> str:
    return AwsSource(region=REGION).read(Reference.parse(reference))


def test_the_whole_secret_and_a_field_of_it(store: Any) -> None:
    store.create_secret(Name="plain", SecretString="whole-text-of-it")
    store.create_secret(Name="prod/shop", SecretString='{"password": "field-of-it", "n": 1}')
    assert read("aws:plain") == "whole-text-of-it"
    assert read("aws:prod/shop#password") == "field-of-it"


async def test_a_rotated_secret_needs_no_restart(store: Any) -> None:
    store.create_secret(Name="plain", SecretString="before-the-rotation")
    secrets = secrets_of(Settings(_env_file=None, aws_region=REGION))
    old = await secrets.get("aws:plain")
    store.put_secret_value(SecretId="plain", SecretString="after-the-rotation")
    newer = await secrets.refresh("aws:plain", refused=old)
    assert (old.get_secret_value(), newer.get_secret_value()) == (
        "before-the-rotation",
        "after-the-rotation",
    )


def test_what_is_not_there(store: Any) -> None:
    store.create_secret(Name="plain", SecretString="whole-text-of-it")
    store.create_secret(Name="bytes", SecretBinary=b"raw")
    store.create_secret(Name="fields", SecretString='{"n": 1}')
    store.create_secret(Name="going", SecretString="soon gone")
    store.delete_secret(SecretId="going", RecoveryWindowInDays=7)
    for reference, reason in (
        ("aws:none", "no such secret"),
        ("aws:going", "being deleted"),
        ("aws:bytes", "stored as bytes"),
        ("aws:plain#x", "no JSON object"),
        ("aws:fields#x", "no field 'x'"),
        ("aws:fields#n", "holds no text"),
    ):
        with pytest.raises(SecretMissing, match=reason) as raised:
            read(reference)
        assert "whole-text" not in str(raised.value)


class Refusing:
    """A client that always fails in one way: what moto does not do by itself."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_secret_value(self, **_given: object) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "Get"), SecretDenied,
         "secretsmanager:GetSecretValue"),
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "Get"), SecretUnavailable,
         "ThrottlingException"),
        (EndpointConnectionError(endpoint_url="https://x"), SecretUnavailable, "AWS_REGION"),
    ],
)  # fmt: skip
def test_how_it_may_refuse(error: Exception, kind: type[Exception], said: str) -> None:
    source = AwsSource(region=REGION)
    source._client = Refusing(error)
    with pytest.raises(kind, match=said):
        source.read(Reference.parse("aws:plain"))


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    with pytest.raises(SecretDenied, match="no AWS credentials"):
        read("aws:plain")


def test_without_boto3_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'sre-agent\[aws\]'"):
        read("aws:plain")
