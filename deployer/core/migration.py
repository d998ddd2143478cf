"""
A repository of detection-rules' CLI as a project of ours: what `_config.yaml` says, and the two files that are written.

Pure: parsed data in, texts out. Nothing is moved: the folders of `_config.yaml` become those of `deployer.toml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deployer.core.settings.addresses import AddressError, decode_cloud_id, parse_kibana_url
from deployer.core.toml.emit import emit
from deployer.core.toml.values import inline_text, key_text
from deployer.errors import DeployerError

CONFIG: Final = "_config.yaml"
ENVIRONMENT: Final = "kibana"
_TRUE: Final = ("1", "true", "yes", "on", "y", "t")

IGNORED: Final = (
    ("version lock", "Kibana counts the versions of rules itself, and a rule keeps the one that it has there"),
    ("packages, schemas, test configuration", "validate brings its own checks; [checks] of deployer.toml sets them"),
)
"""What is not read, and why."""


@dataclass(frozen=True, slots=True)
class TheirFolders:
    """The folders that `_config.yaml` names, relative to its own: rules first, then building blocks."""

    rules: tuple[str, ...]
    exceptions: tuple[str, ...]
    connectors: tuple[str, ...]


def their_folders(data: Any) -> TheirFolders:
    """Return the folders of a parsed `_config.yaml`. Raises DeployerError for what cannot be a folder of a project."""
    if not isinstance(data, Mapping):
        raise DeployerError(f"{CONFIG} is not a mapping", hint="name the folder that CUSTOM_RULES_DIR points to")
    directories = data.get("directories") or {}
    if not isinstance(directories, Mapping):
        raise DeployerError(f"{CONFIG}: directories is not a mapping", hint="write exception_dir below it")
    rules = (*_folders(data, "rule_dirs"), *_folders(data, "bbr_rules_dirs"))
    if not rules:
        raise DeployerError(f"{CONFIG}: rule_dirs names no folder", hint='write rule_dirs: ["rules"]')
    return TheirFolders(
        _outermost(rules),
        _outermost(_folders(directories, "exception_dir")),
        _outermost(_folders(directories, "action_connector_dir")),
    )


def project_text(name: str, folders: TheirFolders, state: str) -> str:
    """Return `deployer.toml`."""
    data: dict[str, Any] = {"project": name, "rules": list(folders.rules)}
    if folders.exceptions:
        data["exceptions"] = list(folders.exceptions)
    return f"# deployer.toml: the project. Folders as in {CONFIG}; every file stays where it is.\n" + emit(
        {**data, "state": state}
    )


def environment_text(environ: Mapping[str, str], connectors: Mapping[str, str]) -> str:
    """
    Return the one environment that the `DR_*` variables describe, the sandbox where they name no Kibana. `connectors`
    has their ids by name. Raises DeployerError for an address that cannot be written into a file.
    """
    lines = [f"# environments/{ENVIRONMENT}.toml: from the DR_* variables of detection-rules' CLI."]
    address = _address(environ)
    if address:
        lines += ["[kibana]", address, 'api_key = "env:DR_API_KEY"       # a reference, never the key itself']
    else:
        lines += [
            "# Neither DR_KIBANA_URL nor DR_CLOUD_ID was set. Put your Kibana's address here, and a key beside it:",
            '#   url = "https://kibana.example.com"',
            '#   api_key = "env:DR_API_KEY"',
            "[kibana]",
            'url = "sandbox"',
        ]
    if address and environ.get("DR_IGNORE_SSL_ERRORS", "").strip().lower() in _TRUE:
        lines.append("verify = false                     # DR_IGNORE_SSL_ERRORS; better: ca_file")
    if connectors:
        lines += ["", '[connectors]                       # names for actions: connector = "…" in place of its id']
        lines += [f"{key_text((name,))} = {{ id = {inline_text(id_)} }}" for name, id_ in sorted(connectors.items())]
    return "\n".join(lines) + "\n"


def connector_ids(documents: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the ids of connectors by name, from parsed files of `action_connector_dir` (detection-rules.md 3.4)."""
    found: dict[str, str] = {}
    for document in documents:
        for entry in document.get("action_connectors") or ():
            attributes = entry.get("attributes") if isinstance(entry, Mapping) else None
            name = attributes.get("name") if isinstance(attributes, Mapping) else None
            if isinstance(name, str) and isinstance(entry.get("id"), str):
                found[name if name not in found else f"{name} {entry['id']}"] = entry["id"]
    return found


def _address(environ: Mapping[str, str]) -> str:
    url, cloud = environ.get("DR_KIBANA_URL", "").strip(), environ.get("DR_CLOUD_ID", "").strip()
    try:
        if url:
            parse_kibana_url(url)
            return f"url = {inline_text(url)}"
        if cloud:
            decode_cloud_id(cloud)
            return f"cloud_id = {inline_text(cloud)}"
    except AddressError as error:
        variable = "DR_KIBANA_URL" if url else "DR_CLOUD_ID"
        raise DeployerError(f"{variable}: {error}", hint=f"{error.remedy}; nothing was written") from None
    return ""


def _folders(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = data.get(key) or ()
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not all(isinstance(one, str) for one in listed):
        raise DeployerError(f"{CONFIG}: {key} is not a list of folders", hint=f'write {key}: ["…"]')
    return tuple(_folder(one, key) for one in listed)


def _folder(written: str, key: str) -> str:
    parts = [part for part in written.replace("\\", "/").split("/") if part not in ("", ".")]
    if written.startswith(("/", "~")) or ".." in parts or not parts or ":" in written:
        hint = f"a project has its folders below {CONFIG}: move the folder or the file; nothing was written"
        raise DeployerError(f'{CONFIG}: {key} names "{written}", which is outside of the repository', hint=hint)
    return "/".join(parts)


def _outermost(folders: Iterable[str]) -> tuple[str, ...]:
    """Return folders once each, without those inside of another: a folder is read with everything below it."""
    unique = tuple(dict.fromkeys(folders))
    return tuple(one for one in unique if not any(one.startswith(f"{other}/") for other in unique))
