"""`deployer.toml`: the project."""

from __future__ import annotations

import re
from typing import Final, Literal

from deployer.core.checks.policy import Policy
from deployer.core.environment import NotifyPolicy, Project
from deployer.core.pulling.places import LIST_WORDS, template_flaw
from deployer.core.settings.nodes import Node, SettingsFile, WrongError, node_of
from deployer.core.settings.reading import Table, choice, distinct, list_of, text
from deployer.core.settings.secret_refs import secret_ref
from deployer.core.settings.sketch import TEXT, accepts
from deployer.errors import Problem

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_GIT: Final = re.compile(r"git:(?!-)(?P<remote>[^\s#]+)#(?P<branch>(?![-/.])[A-Za-z0-9._/-]*[A-Za-z0-9_-])")
_BUCKET: Final = re.compile(r"(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._/-]*)?")
_USERINFO: Final = re.compile(r"://[^/@\s]*:[^/@\s]*@|https?://[^/@\s]+@")
_TEMPLATE_EXAMPLE: Final = 'for example pull = "rules/{tactic}/{name}.toml"'
_BODIES: Final[tuple[Literal["full", "text"], ...]] = ("full", "text")
_STATE_FORMS: Final = "file:PATH, git:REMOTE#BRANCH, s3://…, gs://… or az://…"


def read_project(file: SettingsFile | None) -> tuple[Project, tuple[Problem, ...]]:
    """Return the project that `deployer.toml` describes, the built-in one without it, and what is wrong with it."""
    if file is None:
        return Project(), ()
    try:
        return project_file(node_of(file.data, file)), ()
    except WrongError as error:
        return Project(), error.problems


def project_file(node: Node) -> Project:
    """Read the whole file. Raises WrongError with everything that is wrong in it."""
    table, built_in = Table(node), Project()
    project = Project(
        name=table.read("project", _name, ""),
        rules=table.read("rules", _folders, built_in.rules),
        exceptions=table.read("exceptions", _folders, built_in.exceptions),
        value_lists=table.read("value_lists", _folders, built_in.value_lists),
        prebuilt=table.read("prebuilt", _folders, built_in.prebuilt),
        state=table.read("state", _state, built_in.state),
        pull=table.read("pull", _template, built_in.pull),
        pull_lists=table.read("pull_lists", _template, built_in.pull_lists),
        notify=table.read("notify", _notify, built_in.notify),
        checks=table.read("checks", _checks, {}),
    )
    if "pull" in table and project.rules and (flaw := template_flaw(project.pull, project.rules)):
        table.add(table.at("pull").problem(f'"{project.pull}": {flaw}', "wrong-value", _TEMPLATE_EXAMPLE))
    lists = project.exceptions
    if "pull_lists" in table and (
        flaw := template_flaw(project.pull_lists, lists, LIST_WORDS, "a folder of exceptions")
    ):
        remedy = 'for example pull_lists = "exceptions/{list_id}.toml"'
        table.add(table.at("pull_lists").problem(f'"{project.pull_lists}": {flaw}', "wrong-value", remedy))
    if "rules" in table and not project.rules:
        table.add(table.at("rules").problem("no rule folder", "wrong-value", 'name one: rules = ["rules"]'))
    return table.done(project)


@accepts({"type": "string", "pattern": f"^{_NAME.pattern}$"})
def _name(node: Node) -> str:
    """Read the name that goes into the ownership marker of every rule."""
    name = text(node)
    if not _NAME.fullmatch(name):
        remedy = "use a-z, 0-9 and -, at most 40, a letter or digit first"
        raise node.wrong(f'"{name}" cannot be the name of a project', "project-name", remedy)
    return name


@accepts({"anyOf": [TEXT, {"type": "array", "items": TEXT}]})
def _folders(node: Node) -> tuple[str, ...]:
    """Read one folder or several, relative to the project, none inside another."""
    folders = (_folder(node),) if isinstance(node.value, str) else list_of(_folder)(node)
    for folder in folders:
        inside = [other for other in folders if f"{folder}/".startswith(f"{other}/")]
        if len(inside) > 1:
            message = f'"{folder}" is read twice' if inside[0] == inside[1] else f'"{inside[0]}" holds "{folder}"'
            raise node.wrong(message, "duplicate-key", "folders are read with everything below them; keep one")
    return folders


def _folder(node: Node) -> str:
    written = text(node)
    parts = [part for part in written.split("/") if part not in ("", ".")]
    if written.startswith(("/", "~")) or "\\" in written or ".." in parts or not parts or ":" in written:
        remedy = 'write the way from deployer.toml, with /: "rules/custom"'
        raise node.wrong(f'"{written}" is not a folder of the project', "wrong-value", remedy)
    return "/".join(parts)


def _state(node: Node) -> str:
    """Read where state is kept; whether that place can be reached is for the store to find out."""
    state = text(node).strip()
    if _USERINFO.search(state):
        remedy = "take it out; git and the cloud's own configuration know how to log in. Revoke it if it was committed"
        raise node.wrong("the address carries a user name or a password", "literal-secret", remedy)
    if state.startswith("file:") and state.removeprefix("file:").strip():
        return state
    if _GIT.fullmatch(state) or _BUCKET.fullmatch(state):
        return state
    raise node.wrong(f'"{state}" is not a place for state', "wrong-value", f"write {_STATE_FORMS}")


@accepts(TEXT)
def _template(node: Node) -> str:
    """Read where new files of `pull` go; the folders that it must lie in are judged with the whole file."""
    return text(node)


def _notify(node: Node) -> NotifyPolicy:
    """Read `[notify]`: a webhook by reference, and after which events it is told."""
    table, built_in = Table(node), NotifyPolicy()
    policy = NotifyPolicy(
        webhook=table.read("webhook", secret_ref, None),
        on=table.read("on", distinct(choice(built_in.on)), built_in.on),
        body=table.read("body", choice(_BODIES), built_in.body),
    )
    return table.done(policy)


def _checks(node: Node) -> Policy:
    from deployer.core.settings.checks import checks  # the checks read their options with this package's readers

    return checks(node)
