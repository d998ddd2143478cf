"""`deployer schema`: JSON Schemas of the files that people write, for Taplo and its like, and of what `plan` prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from deployer.commands.console import Console
from deployer.commands.workspace import Workspace
from deployer.errors import DeployerError, ExitCode, UsageError

Schema = dict[str, Any]


def _rule() -> Schema:
    from deployer.core.checks.registry import CHECKS
    from deployer.core.rule_schema import rule_schema

    return rule_schema(CHECKS)


def _environment() -> Schema:
    from deployer.core.fields import FIELDS
    from deployer.core.settings.schemas import environment_schema

    return environment_schema(FIELDS.keys())


def _project() -> Schema:
    from deployer.core.settings.schemas import project_schema

    return project_schema()


def _exceptions() -> Schema:
    from deployer.core.settings.schemas import exceptions_schema

    return exceptions_schema()


def _prebuilt() -> Schema:
    from deployer.core.settings.schemas import prebuilt_schema

    return prebuilt_schema()


KINDS: Final[Mapping[str, tuple[str, Callable[[], Schema]]]] = {
    "rule": ("A detection rule of deployer", _rule),
    "environment": ("An environment of deployer", _environment),
    "project": ("deployer.toml", _project),
    "exceptions": ("Exception lists of deployer", _exceptions),
    "prebuilt": ("What deployer manages on prebuilt rules", _prebuilt),
}


def _plan() -> Schema:
    from deployer.render.plan.schema import plan_schema

    return plan_schema()


WRITTEN: Final[Mapping[str, tuple[str, Callable[[], Schema]]]] = {"plan": ("What deployer plan --json prints", _plan)}
"""What deployer writes, and not people: printed by name, and no business of an editor."""


def schema_text(kind: str) -> str:
    """Return one schema as draft-07 JSON, which Taplo reads, ending in a newline. Raises UsageError."""
    known = {**KINDS, **WRITTEN}
    if kind not in known:
        raise UsageError(f'there is no schema "{kind}"', hint=f"write one of {', '.join(known)}")
    title, make = known[kind]
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": title}
    return json.dumps({**head, **make()}, indent=2) + "\n"


def show(console: Console, kind: str) -> int:
    """Print one schema."""
    console.stdout.write(schema_text(kind))
    return int(ExitCode.DONE)


def write_all(workspace: Workspace, folder: Path) -> int:
    """Write every schema into a folder, and print what the project's `.taplo.toml` needs to use them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            (folder / f"{kind}.schema.json").write_text(schema_text(kind), encoding="utf-8")
    except OSError as exc:
        raise DeployerError(
            f"cannot write {exc.filename or folder}: {exc.strerror}", hint="name another folder"
        ) from exc
    workspace.console.say(_taplo(workspace, folder))
    workspace.console.note(f"{len(KINDS)} schemas are in {folder}; the lines above belong into .taplo.toml")
    return int(ExitCode.DONE)


def _taplo(workspace: Workspace, folder: Path) -> str:
    project, absolute = workspace.project, folder.resolve()
    inside = absolute.is_relative_to(workspace.root)
    place = absolute.relative_to(workspace.root).as_posix() if inside else absolute.as_posix()
    files = {
        "rule": [f"{name}/**/*.toml" for name in project.rules],
        "environment": ["environments/*.toml"],
        "project": ["deployer.toml"],
        "exceptions": [f"{name}/**/*.toml" for name in project.exceptions],
        "prebuilt": [f"{name}/**/*.toml" for name in project.prebuilt],
    }
    blocks = [
        f"[[rule]]\ninclude = {json.dumps(files[kind])}\n"
        + ('exclude = ["environments/*.lock.toml"]\n' if kind == "environment" else "")
        + f"[rule.schema]\nenabled = true\npath = {json.dumps(f'{place}/{kind}.schema.json')}\n"
        for kind in KINDS
    ]
    return "\n".join(blocks)
