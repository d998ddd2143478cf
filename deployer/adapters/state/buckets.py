"""Connections to S3, Google Cloud Storage and Azure: the options that obstore gets, all of them from `environ`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from deployer.adapters.state.place import Place, endpoint_of
from deployer.errors import StateError

_CREDENTIALS: Final = {
    "s3": (
        "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN "
        "AWS_ROLE_SESSION_NAME AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI "
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_SERVER_SIDE_ENCRYPTION AWS_SSE_KMS_KEY_ID "
        "AWS_SSE_BUCKET_KEY_ENABLED"
    ),
    "gs": (
        "GOOGLE_SERVICE_ACCOUNT|GOOGLE_SERVICE_ACCOUNT_PATH GOOGLE_SERVICE_ACCOUNT_KEY GOOGLE_APPLICATION_CREDENTIALS "
        "GOOGLE_BEARER_TOKEN"
    ),
    "az": (
        "AZURE_STORAGE_ACCOUNT_KEY|AZURE_STORAGE_ACCESS_KEY AZURE_STORAGE_SAS_TOKEN|AZURE_STORAGE_SAS_KEY "
        "AZURE_STORAGE_TOKEN AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_AUTHORITY_HOST "
        "AZURE_FEDERATED_TOKEN_FILE AZURE_MSI_ENDPOINT AZURE_OBJECT_ID AZURE_MSI_RESOURCE_ID AZURE_USE_AZURE_CLI"
    ),
}
"""
The variables that say who we are, in the spelling of each cloud's own tools; obstore takes them in lower case. Of two
names for one thing (`A|B`) the first that is set counts: obstore refuses to be given both.
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """
    One bucket, twice: `reader` repeats what failed in passing, `writer` sends once.

    A conditional write that is repeated unseen would meet its own first try and report that somebody else was first.
    """

    reader: Any
    writer: Any


def connect(place: Place, environ: Mapping[str, str]) -> Bucket:
    """Return the bucket of an s3, gs or az place. Raises StateError where obstore or a setting is missing."""
    try:
        import obstore.store  # noqa: F401 (compiled, and an extra: loaded when a bucket is used)
    except ImportError as exc:
        raise StateError(
            f"the state store {place.text} needs the extra `cloud`, which is not installed",
            hint="pip install 'kibana-deployer[cloud]'",
        ) from exc
    if place.kind == "s3":
        _refuse_profile(environ)
    return Bucket(reader=_open(place, environ, retries=4), writer=_open(place, environ, retries=0))


def config_of(place: Place, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return obstore's `config` for a place: who we are, and where its service is. Secret."""
    config = _credentials(place, environ)
    endpoint = endpoint_of(place, environ)
    if place.kind == "s3":
        hosted = endpoint.startswith(f"https://{place.where}.s3.")
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        # Both names of the endpoint are given, because obstore itself would read the one that is left out.
        service = {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint, "virtual_hosted_style_request": hosted}
        return config | service | {"region": region, "conditional_put": "etag"}
    if place.kind == "gs":
        return config | {"base_url": endpoint}
    return config | {"endpoint": endpoint, "account_name": environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")}


def _credentials(place: Place, environ: Mapping[str, str]) -> dict[str, Any]:
    things = (names.split("|") for names in _CREDENTIALS[place.kind].split())
    named = (next((name for name in names if environ.get(name)), None) for names in things)
    return {name.lower(): environ[name] for name in named if name}


def _open(place: Place, environ: Mapping[str, str], retries: int) -> Any:
    from obstore.store import AzureStore, GCSStore, S3Store

    config = config_of(place, environ)
    plain = endpoint_of(place, environ).lower().startswith("http://")
    client = {"timeout": "60s", "connect_timeout": "5s", "allow_http": plain}
    retry = {"max_retries": retries, "retry_timeout": timedelta(seconds=60)}
    store = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[place.kind]
    return store(place.where, prefix=place.inside or None, config=config, client_options=client, retry_config=retry)


def _refuse_profile(environ: Mapping[str, str]) -> None:
    """Say what to do where only a profile of the AWS tools says who we are: it is not read here."""
    if environ.get("AWS_PROFILE") and not (
        environ.get("AWS_ACCESS_KEY_ID") or environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    ):
        raise StateError(
            "AWS_PROFILE is set, and profiles are not read",
            hint='eval "$(aws configure export-credentials --format env)"',
        )
