"""`deployer init --from-detection-rules`: a repository of their CLI becomes a project; nothing of it is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deployer.adapters.environments import toml_files
from deployer.adapters.rewriting import new_text, read_text
from deployer.adapters.yaml_file import read_yaml
from deployer.commands.console import Console
from deployer.commands.init import ignore, project_name, state_place
from deployer.core.migration import (
    CONFIG,
    ENVIRONMENT,
    IGNORED,
    TheirFolders,
    connector_ids,
    environment_text,
    project_text,
    their_folders,
)
from deployer.core.toml import TomlError, read
from deployer.errors import DeployerError


def from_detection_rules(console: Console, folder: Path, name: str | None) -> int:
    """
    Write `deployer.toml` and one environment into a repository with a `_config.yaml`. Returns 0. Raises UsageError for
    a bad name, DeployerError for a repository that cannot be read.
    """
    root = folder.resolve()
    project = project_name(root, name)
    if not (root / CONFIG).is_file():
        raise DeployerError(f"there is no {CONFIG} in {folder}", hint="name the folder that CUSTOM_RULES_DIR points to")
    named = their_folders(read_yaml(root / CONFIG))
    folders = TheirFolders(_there(root, named.rules), named.exceptions, named.connectors)
    if not folders.rules:
        raise DeployerError(
            f"no rule folder of {CONFIG} is there: {', '.join(named.rules)}", hint="nothing was written"
        )
    environ = console.surroundings.environ
    texts = {
        "deployer.toml": project_text(project, folders, state_place(root, console.surroundings)),
        f"environments/{ENVIRONMENT}.toml": environment_text(environ, connector_ids(_connectors(root, folders))),
        ".gitignore": ".deployer/\n",
    }
    written, kept = _write(root, texts)
    lines = [f"{'wrote' if path in written else 'kept '}  {path}" for path in sorted((*written, *kept))]
    lines += [f"read   {path}" for path in (CONFIG, *folders.rules, *folders.exceptions, *folders.connectors)]
    absent = [path for path in named.rules if path not in folders.rules]
    lines += [f"left out  {path}: it is not there" for path in absent]
    lines += [f"not read  {what}: {why}" for what, why in IGNORED]
    console.say("\n".join((*lines, "", f"Next: deployer validate, then deployer plan -e {ENVIRONMENT} --adopt")))
    document = {"project": project, "written": sorted(written), "kept": sorted(kept), "environment": ENVIRONMENT}
    ignored = [{"what": what, "why": why} for what, why in IGNORED]
    console.document("init", {**document, "rules": list(folders.rules), "left_out": absent, "ignored": ignored})
    return 0


def _there(root: Path, folders: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders that exist: git keeps no empty ones, and their CLI makes a folder for everything."""
    return tuple(folder for folder in folders if (root / folder).is_dir())


def _connectors(root: Path, folders: TheirFolders) -> Iterator[Mapping[str, Any]]:
    for path in toml_files(root, folders.connectors):
        try:
            yield read(read_text(root / path).text)
        except TomlError as exc:
            message = f"{path}:{exc.line}:{exc.column}: not TOML: {exc.message}"
            raise DeployerError(message, hint="nothing was written; mend it and run it again") from exc


def _write(root: Path, texts: Mapping[str, str]) -> tuple[list[str], list[str]]:
    written: list[str] = []
    kept: list[str] = []
    for path, text in texts.items():
        if (root / path).exists():
            kept.append(path)
        else:
            new_text(root, path, text)
            written.append(path)
    ignore(root, written, kept)
    return written, kept
