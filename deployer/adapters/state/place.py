"""The `state` setting taken apart: which backend, where, and which hosts it reaches. Nothing is opened here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from deployer.adapters.git_url import is_path, redacted, server_of
from deployer.core.settings.addresses import is_loopback
from deployer.errors import StateError

Kind = Literal["file", "git", "s3", "gs", "az"]

_CLOUDS: Final[tuple[Kind, ...]] = ("s3", "gs", "az")
_FORMS: Final = "file:PATH, git:REMOTE#BRANCH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_SEGMENT: Final = re.compile(r"(?!\.\.?(/|\Z))[A-Za-z0-9._=-]+")
_BRANCH: Final = re.compile(r"(?!.*(\.\.|//|/\.|\.lock(/|\Z)|@\{))[A-Za-z0-9_][A-Za-z0-9._/@+-]*(?<![./])")


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a store is. `text` is how to print it.

    `where` is a path (file), a remote's name or URL (git), or a bucket; `inside` the branch, or the bucket's prefix.
    """

    kind: Kind
    where: str
    inside: str
    text: str


def parse_place(location: str) -> Place:
    """Take a `state` setting apart. Raises StateError with the known forms for anything else."""
    scheme, colon, rest = location.partition(":")
    if colon and scheme == "file":
        return _file(rest, location)
    if colon and scheme == "git":
        return _git(rest, location)
    for kind in _CLOUDS:
        if location.startswith(f"{kind}://"):
            return _bucket(kind, rest[2:], location)
    raise StateError(f"{redacted(location)!r} is not a state store", hint=f"write {_FORMS}")


def _file(path: str, location: str) -> Place:
    path = path.removeprefix("//") if path.startswith("///") else path
    if not path or path.startswith(("//", "~")) or "\0" in path:
        raise StateError(f"{location!r} names no folder", hint="write file:.deployer, or file:/var/lib/deployer")
    if ".." in re.split(r"[/\\]", path):
        raise StateError(
            f"{location!r} leaves its folder with '..'", hint="write the whole path: file:/var/lib/deployer"
        )
    return Place("file", path, "", location)


def _git(rest: str, location: str) -> Place:
    remote, _, branch = rest.rpartition("#")
    text = redacted(location)
    if not remote or remote.startswith("-") or re.search(r"\s|\0", remote):
        raise StateError(f"{text!r} names no remote and branch", hint="write git:origin#deployer-state")
    if not _BRANCH.fullmatch(branch):
        raise StateError(f"{branch!r} cannot name a branch", hint="write git:origin#deployer-state")
    if "::" in remote.partition("/")[0]:
        raise StateError(f"{text!r} would make git run a program named in the address, which is refused")
    return Place("git", remote, branch, text)


def _bucket(scheme: Kind, rest: str, location: str) -> Place:
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(bucket):
        raise StateError(f"{redacted(location)!r} names no bucket", hint=f"write {scheme}://BUCKET/PREFIX")
    if not all(_SEGMENT.fullmatch(segment) for segment in prefix.split("/") if prefix):
        raise StateError(f"{redacted(location)!r} has a prefix of other than letters, digits and '.', '_', '=', '-'")
    return Place(scheme, bucket, prefix, location)


def is_remote_name(place: Place) -> bool:
    """Say whether a git place names a remote of the repository (`origin`), and not a URL or a path."""
    return is_path(place.where) and not re.search(r"[/\\]", place.where)


def endpoint_of(place: Place, environ: Mapping[str, str]) -> str:
    """
    Return the URL of the bucket's service, from the variables that its own tools read too, else the public one.

    Raises StateError where the region or account is not known, or where requests would travel unencrypted.
    """
    endpoint = _configured(place, environ) or _public(place, environ)
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StateError(f"the endpoint {redacted(endpoint)!r} of {place.text} is not a URL")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise StateError(f"the endpoint {redacted(endpoint)} of {place.text} is not encrypted", hint="use https")
    return endpoint


def _configured(place: Place, environ: Mapping[str, str]) -> str:
    names = {
        "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        "gs": ("GOOGLE_BASE_URL",),
        "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    }[place.kind]
    return next((environ[name] for name in names if environ.get(name)), "").rstrip("/")


def _public(place: Place, environ: Mapping[str, str]) -> str:
    if place.kind == "s3":
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        if not region:
            raise StateError(f"the region of {place.text} is not known", hint="set AWS_REGION")
        # The bucket is part of the host where a certificate covers that, so that DEPLOYER_HOSTS pins the bucket too.
        return (
            f"https://s3.{region}.amazonaws.com"
            if "." in place.where
            else f"https://{place.where}.s3.{region}.amazonaws.com"
        )
    if place.kind == "gs":
        return "https://storage.googleapis.com"
    account = environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if not account:
        raise StateError(f"the storage account of {place.text} is not known", hint="set AZURE_STORAGE_ACCOUNT_NAME")
    return f"https://{account}.blob.core.windows.net"


def server_of_place(place: Place, remote_url: str, environ: Mapping[str, str]) -> str:
    """
    Return the server that a store is on as `scheme://host[:port]`; "" for a folder and for a repository on this disk.

    `remote_url` is the URL of the remote that a git place names, "" where it is itself a URL or a path.
    """
    if place.kind == "file":
        return ""
    if place.kind == "git":
        return server_of(remote_url or place.where)
    return server_of(endpoint_of(place, environ))
